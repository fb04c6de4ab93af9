//! What a person says of the manifests of `tests/field/reports`, `draingate check` says.

use draingate_testing::field::{ALL, Expected, directory};
use serde_json::Value;

use crate::check::check_json;

fn of<'a>(results: &'a [Value], workload: &Expected) -> &'a Value {
    let is_it = |result: &&Value| {
        let file = result["source"]["file"].as_str().unwrap();
        file.ends_with(&format!("{}.yaml", workload.file))
            && result["kind"] == workload.kind
            && result["name"] == workload.name
    };
    results.iter().find(is_it).unwrap_or_else(|| panic!("{}: {}", workload.file, workload.name))
}

fn told(result: &Value) -> Vec<String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().map(str::to_owned);
    let line = |finding: &Value| {
        let words = ["severity", "code", "container"].into_iter().filter_map(|key| text(finding, key));
        words.collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = result["findings"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

fn sorted(findings: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = findings.iter().map(|&line| line.to_owned()).collect();
    lines.sort();
    lines
}

#[test]
fn it_says_what_a_person_says() {
    // Each file by itself: what one of them holds is not known to another.
    let (mut judged, mut wrong) = (0, Vec::new());
    let mut files: Vec<&str> = ALL.iter().map(|workload| workload.file).collect();
    files.dedup();
    for file in files {
        let path = directory().join(format!("{file}.yaml"));
        let path = path.to_str().unwrap();
        let written = check_json(&directory(), &[path], "")["results"].as_array().unwrap().clone();
        let admitted = check_json(&directory(), &["--admitted", path], "")["results"].as_array().unwrap().clone();
        judged += written.len();
        for workload in ALL.iter().filter(|workload| workload.file == file) {
            let (written, admitted) = (of(&written, workload), of(&admitted, workload));
            let injected = admitted["containers"].as_array().unwrap().iter().filter(|c| c["hookSource"] == "injected");
            let hooks: Vec<(&str, u64)> =
                injected.map(|c| (c["name"].as_str().unwrap(), c["hookSeconds"].as_u64().unwrap())).collect();
            let seen = (
                told(written),
                written["requiredGracePeriodSeconds"].as_u64(),
                hooks,
                admitted["admittedGracePeriodSeconds"].as_u64(),
                told(admitted),
            );
            let expected = (
                sorted(workload.written),
                workload.required,
                workload.hooks.to_vec(),
                Some(workload.grace),
                sorted(workload.admitted),
            );
            if seen != expected {
                wrong.push(format!("{file}, {}\n  expected {expected:?}\n  seen     {seen:?}", workload.name));
            }
        }
    }
    assert_eq!(judged, ALL.len(), "each workload has its row");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
