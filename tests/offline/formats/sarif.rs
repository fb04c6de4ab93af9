//! `sarif` against the published schema, and its regions against the very lines.

use std::collections::BTreeSet;

use draingate::report::sarif::Sarif;
use draingate_core::finding::Code;
use draingate_core::judge::View;
use draingate_core::manifest;
use draingate_core::world::World;
use draingate_testing::Validator;
use draingate_testing::schema::{self, against};
use serde_json::Value;

use super::support::{BROKEN, IGNORED, cases, parsed, written};

/// The published schema, with formats such as URIs.
pub(crate) fn validator() -> Validator {
    let mut schema = parsed(include_str!("../../schemas/sarif-schema-2.1.0.json"));
    // One pattern of the published file is no regular expression for strict readers: a bracket too many.
    // It is about a language tag, which is not written.
    for object in ["run", "toolComponent"] {
        let language = schema["definitions"][object]["properties"]["language"].as_object_mut().unwrap();
        assert!(language.remove("pattern").is_some(), "{object}");
    }
    schema::foreign(&schema)
}

fn results(out: &Value) -> &Vec<Value> {
    out["runs"][0]["results"].as_array().unwrap()
}

#[test]
fn every_case_is_accepted_and_every_region_is_what_the_finding_is_about() {
    let validator = validator();
    let mut regions = 0;
    for (case, path, text) in cases() {
        for view in [View::AsAdmitted, View::AsWritten] {
            let files = [(path.as_str(), text.as_str())];
            let out = parsed(&written(&mut Sarif::new(view), &case.world, view, &files));
            assert_eq!(against(&validator, &out), [""; 0], "{path}");
            let json = parsed(&written(&mut draingate::report::json::Json::new(view), &case.world, view, &files));
            let complete = &out["runs"][0]["invocations"][0]["executionSuccessful"];
            assert_eq!(*complete, json["summary"]["problems"] == 0, "{path}");
            let findings = json["results"][0]["findings"].as_array().unwrap();
            assert_eq!(results(&out).len(), findings.len(), "{path}");
            for (result, finding) in results(&out).iter().zip(findings) {
                assert_eq!(result["ruleId"], finding["code"]);
                assert_eq!(result["level"], finding["severity"]);
                let rule = &out["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
                assert_eq!(rule["id"], finding["code"]);
                let location = &result["locations"][0]["physicalLocation"];
                assert_eq!(location["artifactLocation"]["uri"], *path);
                assert_eq!(location["region"]["startLine"], finding["line"]);
                let words = cut(&text, &location["region"]);
                let wanted = key_of(&case.subject, finding["pointer"].as_str().unwrap());
                assert!(
                    words.starts_with(&wanted),
                    "{path}: {} is at {words:?}, not at {wanted:?}",
                    finding["pointer"]
                );
                regions += 1;
            }
        }
    }
    assert!(regions > 100, "only {regions} regions were looked at");
}

/// The text of a region, by its lines and columns alone.
fn cut(text: &str, region: &Value) -> String {
    let at = |key: &str| region[key].as_u64().unwrap() as usize;
    let lines: Vec<&str> = text.split('\n').collect();
    let (first, last) = (at("startLine"), at("endLine"));
    let mut out = Vec::new();
    for number in first..=last {
        let line: Vec<char> = lines[number - 1].chars().collect();
        let from = if number == first { at("startColumn") - 1 } else { 0 };
        let to = if number == last { at("endColumn") - 1 } else { line.len() };
        out.push(line[from..to].iter().collect::<String>());
    }
    out.join("\n")
}

/// The key that a pointer, or the part of it that is there, ends in; of an item, its first key.
fn key_of(object: &Value, pointer: &str) -> String {
    let mut node = object;
    let mut key = "apiVersion".to_owned();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let (name, next) = match node {
            Value::Object(entries) => (token.clone(), entries.get(&token)),
            Value::Array(items) => ("name".to_owned(), items.get(token.parse::<usize>().unwrap())),
            _ => return key,
        };
        let Some(next) = next else { return key };
        key = name;
        node = next;
    }
    key
}

#[test]
fn the_rules_are_the_codes_and_each_has_its_page() {
    let out = parsed(&written(&mut Sarif::new(View::AsAdmitted), &World::default(), View::AsAdmitted, &[]));
    assert_eq!(against(&validator(), &out), [""; 0]);
    let rules = out["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), Code::ALL.len());
    let pages = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/docs/codes");
    for (rule, code) in rules.iter().zip(Code::ALL) {
        assert_eq!(rule["id"], code.as_str());
        assert_eq!(rule["helpUri"], format!("{pages}/{code}.md"));
        assert!(draingate_testing::root().join(format!("docs/codes/{code}.md")).is_file(), "{code}");
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|text| text.len() > 20), "{code}: {text}");
        }
    }
    let texts: BTreeSet<_> = rules.iter().map(|rule| rule["fullDescription"]["text"].as_str()).collect();
    assert_eq!(texts.len(), rules.len(), "two codes are described in the same words");
}

#[test]
fn a_broken_document_is_a_notification_and_the_run_is_not_complete() {
    let out = written(&mut Sarif::new(View::AsAdmitted), &World::default(), View::AsAdmitted, &[("a b.yaml", BROKEN)]);
    let out = parsed(&out);
    assert_eq!(against(&validator(), &out), [""; 0]);
    let invocation = &out["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let place = &invocation["toolExecutionNotifications"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
    let wanted = manifest::parse(&manifest::documents(BROKEN)[1]).unwrap_err();
    assert_eq!(place["region"]["startLine"], wanted.line);
    assert_eq!(place["region"]["startColumn"], wanted.column);
}

const TWO: &str = "apiVersion: v1
kind: Pod
metadata: {name: a, annotations: {draingate.dev/hook: x}}
spec:
  containers:
    - {name: é😀, ports: [{containerPort: 1}], lifecycle: {preStop: {exec: {command: [sleep, \"90\"]}}}}
";

fn prints(text: &str) -> Vec<String> {
    let out =
        parsed(&written(&mut Sarif::new(View::AsWritten), &World::default(), View::AsWritten, &[("a.yaml", text)]));
    let print = |result: &Value| result["partialFingerprints"]["draingate/v1"].as_str().unwrap().to_owned();
    results(&out).iter().map(print).collect()
}

#[test]
fn a_fingerprint_outlives_moved_lines_and_other_numbers() {
    let before = prints(TWO);
    assert!(before.len() >= 3, "{before:?}");
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len(), "{before:?}");
    let first = "    - {name: first, lifecycle: {preStop: {sleep: {seconds: 30}}}}\n    - {name: é😀";
    let moved = TWO.replace("\"90\"", "\"91\"").replace("    - {name: é😀", first);
    let after = prints(&format!("# one\n# two\n---\n# three\n{moved}"));
    assert!(before.iter().all(|print| after.contains(print)), "{before:?}\n{after:?}");
    let other = prints(&TWO.replace("name: a,", "name: b,"));
    assert!(before.iter().all(|print| !other.contains(print)), "{before:?}\n{other:?}");
    let twice = prints(&format!("{TWO}---\n{TWO}"));
    assert_eq!(twice.iter().collect::<BTreeSet<_>>().len(), 2 * before.len(), "{twice:?}");
}

#[test]
fn columns_are_code_points() {
    for text in [TWO.to_owned(), TWO.replace('\n', "\r\n"), format!("\u{feff}{TWO}")] {
        let out = parsed(&written(
            &mut Sarif::new(View::AsWritten),
            &World::default(),
            View::AsWritten,
            &[("a.yaml", &text)],
        ));
        let hook = results(&out).iter().find(|result| result["ruleId"] == "shell-hook").unwrap();
        let region = &hook["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&region["startLine"], cut(&text, region).as_str()), (&Value::from(6), "exec"), "{text:?}");
    }
}

#[test]
fn what_a_comment_ignores_is_suppressed_in_its_source() {
    let files = [("ignored.yaml", IGNORED)];
    let out = parsed(&written(&mut Sarif::new(View::AsWritten), &World::default(), View::AsWritten, &files));
    assert_eq!(against(&validator(), &out), [""; 0]);
    let [result] = results(&out).as_slice() else { panic!("{out}") };
    let reason = "its clients <try> again & again";
    assert_eq!(result["suppressions"], serde_json::json!([{"kind": "inSource", "justification": reason}]));
    assert_eq!(out["runs"][0]["properties"]["judged"], "as-written");
}
