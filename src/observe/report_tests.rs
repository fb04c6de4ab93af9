//! What is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use serde_json::{Value, json};

use super::measure::Stop;
use super::report::Report;
use super::tally::Tallies;
use super::tests::{container, duty, ended, ms, sidecar, stop_with};
use super::track::Missed;
use draingate_core::pod::Role;

fn tallies() -> Tallies {
    let mut tallies = Tallies::default();
    let duties = || vec![duty("app", Role::App, Some(10), 10)];
    let mut add = |workload: &str, seconds, code, endpoint| {
        let ends = vec![container("app", ended(seconds, code, "")), sidecar("proxy", ended(seconds, 0, ""))];
        let mut stop = Stop { endpoint: Some(ms(endpoint)), ..stop_with(30, ends, duties()) };
        stop.workload.name = workload.into();
        tallies.add(stop);
    };
    for (seconds, endpoint) in [(12, 180), (13, 210), (12, 190), (14, 1250)] {
        add("web", seconds, 0, endpoint);
    }
    add("checkout", 30, 137, 230);
    add("checkout", 19, 0, 170);
    tallies
}

fn report(tallies: &Tallies) -> Report<'_> {
    let missed = Missed { without_end: 1, ..Missed::default() };
    Report { tallies, missed, still_stopping: 2, observed: Duration::from_secs(600) }
}

#[test]
fn the_table_begins_with_the_worst() {
    let tallies = tallies();
    let text = anstream::adapter::strip_str(&report(&tallies).human()).to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("workload"), "{text}");
    assert!(lines[1].starts_with("Deployment shop/checkout"), "{text}");
    assert!(lines[2].contains("\"app\" was killed at the end of the grace in 1 of 2 stops"), "{text}");
    assert!(lines[3].contains("12/14/14/14 s") && lines[3].contains("0.19/1.25/1.25/1.25 s"), "{text}");
    assert!(text.contains("lower bound") && text.contains("whole seconds"), "{text}");
    assert!(text.contains("2 still stopping") && text.contains("1 gone before"), "{text}");
    assert!(
        text.ends_with(
            "6 stops of 2 workloads in 10m: 1 killed, 0 with a failed hook, 0 that used 90 % of the grace\n"
        )
    );
    let docs = include_str!("../../docs/observe.md");
    for line in lines.iter().filter(|line| !line.contains("not counted")) {
        assert!(docs.lines().any(|shown| shown == *line), "docs/observe.md does not show {line:?}");
    }
    let nothing = report(&Tallies::default()).human();
    assert!(!nothing.contains("workload  ") && nothing.contains("0 stops of 0 workloads"), "{nothing}");
}

#[test]
fn the_json_is_what_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/observe.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let tallies = tallies();
    for suggestion in [None, Some("# nothing\n")] {
        let json: Value = serde_json::from_str(&report(&tallies).json(suggestion).unwrap()).unwrap();
        let problems: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}: {json:#}");
        let mut wrong = json.clone();
        wrong["workloads"][0]["worst"] = json!("odd");
        assert!(!schema.is_valid(&wrong));
        wrong = json;
        wrong["more"] = json!(1);
        assert!(!schema.is_valid(&wrong));
    }
    let empty = report(&Tallies::default()).json(None).unwrap();
    assert!(schema.is_valid(&serde_json::from_str(&empty).unwrap()), "{empty}");
}
