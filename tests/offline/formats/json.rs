//! `json` against `docs/check.schema.json`.

use std::collections::BTreeSet;

use draingate::report::json::Json;
use draingate_core::finding::Code;
use draingate_core::judge::View;
use draingate_core::world::World;
use draingate_testing::Validator;
use draingate_testing::schema::{self, against};
use serde_json::{Value, json};

use super::support::{BROKEN, IGNORED, cases, parsed, written};

fn schema() -> Value {
    parsed(include_str!("../../../docs/check.schema.json"))
}

fn validator() -> Validator {
    schema::ours(&schema())
}

#[test]
fn every_case_is_as_the_schema_says() {
    let validator = validator();
    for (case, path, text) in cases() {
        for view in [View::AsAdmitted, View::AsWritten] {
            let out = parsed(&written(&mut Json::new(view), &case.world, view, &[(&path, &text)]));
            assert_eq!(against(&validator, &out), [""; 0], "{path}");
            let [result] = out["results"].as_array().unwrap().as_slice() else { panic!("{path}: {out}") };
            assert_eq!(result["source"]["file"], *path);
            assert_eq!(out["judged"], if view == View::AsWritten { "as-written" } else { "admitted" });
            let found = |codes: &[&str]| codes.iter().any(|code| has(result, code));
            let lose = ["short-hold", "early-helper", "never-withdrawn", "failing-hook"];
            assert_eq!(out["summary"]["lose"], usize::from(found(&lose)), "{path}");
            assert_eq!(
                out["summary"]["cut"],
                usize::from(found(&["grace-budget", "cut-at-sigterm", "app-timeout"])),
                "{path}"
            );
            assert_eq!(out["summary"]["errors"], count(result, "error"), "{path}");
            assert_eq!(out["summary"]["warnings"], count(result, "warning"), "{path}");
            if view == View::AsAdmitted {
                assert_eq!(result["verdict"], *case.expected.verdict, "{path}");
                assert_eq!(result["admittedGracePeriodSeconds"], case.expected.admitted_grace_period_seconds);
            } else {
                assert_eq!(result["patch"], json!([]), "{path}");
                assert_ne!(result["verdict"], "fixed", "{path}");
                assert_eq!(result["admittedGracePeriodSeconds"], result["gracePeriodSeconds"], "{path}");
            }
        }
    }
}

fn has(result: &Value, code: &str) -> bool {
    result["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

fn count(result: &Value, severity: &str) -> usize {
    result["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == severity).count()
}

/// The contract, word for word: field by field, optional ones included.
#[test]
fn every_field_of_the_contract_is_there() {
    let mut seen = BTreeSet::new();
    for (case, path, text) in cases() {
        let files = [(path.as_str(), text.as_str()), ("broken.yaml", BROKEN)];
        let out = parsed(&written(&mut Json::new(View::AsAdmitted), &case.world, View::AsAdmitted, &files));
        fields("", &out, &mut seen);
    }
    let files = [("ignored.yaml", IGNORED)];
    let out = written(&mut Json::new(View::AsWritten), &World::default(), View::AsWritten, &files);
    fields("", &parsed(&out), &mut seen);
    for field in include_str!("contract.txt").lines() {
        assert!(seen.contains(field), "no output has {field}");
    }
}

/// The paths of all fields, without indexes; what is in a patch is not ours to name.
fn fields(at: &str, value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                seen.insert(path.clone());
                if path != "results.patch" {
                    fields(&path, value, seen);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| fields(at, item, seen)),
        _ => {}
    }
}

#[test]
fn one_result_is_one_line_and_a_broken_document_takes_nothing_with_it() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app}]}\n";
    let files = [("a.yaml", pod), ("broken.yaml", BROKEN), ("b.yaml", pod)];
    let out = written(&mut Json::new(View::AsAdmitted), &World::default(), View::AsAdmitted, &files);
    assert_eq!(out.lines().filter(|line| line.starts_with("{\"source\"")).count(), 2, "{out}");
    let out = parsed(&out);
    assert_eq!(against(&validator(), &out), [""; 0]);
    assert_eq!(out["problems"].as_array().unwrap().len(), 1);
    assert_eq!(out["problems"][0]["file"], "broken.yaml");
    assert_eq!(
        out["summary"],
        json!({"objects": 3, "judged": 2, "notJudged": 0, "lose": 0, "cut": 0, "errors": 0, "warnings": 0, "ignored": 0,
            "baselined": 0, "problems": 1})
    );
}

#[test]
fn what_a_comment_ignores_is_marked_and_counts_for_nothing() {
    let files = [("ignored.yaml", IGNORED)];
    let out = parsed(&written(&mut Json::new(View::AsWritten), &World::default(), View::AsWritten, &files));
    assert_eq!(against(&validator(), &out), [""; 0]);
    let finding = &out["results"][0]["findings"][0];
    assert_eq!(finding["code"], "short-hold");
    assert_eq!(finding["suppressed"], json!({"by": "comment", "reason": "its clients <try> again & again"}));
    let summary = &out["summary"];
    assert_eq!((&summary["warnings"], &summary["ignored"], &summary["lose"]), (&json!(0), &json!(1), &json!(0)));
}

#[test]
fn nothing_at_all_is_valid_too() {
    let out = parsed(&written(&mut Json::new(View::AsAdmitted), &World::default(), View::AsAdmitted, &[]));
    assert_eq!(against(&validator(), &out), [""; 0]);
    assert_eq!(out["results"], json!([]));
}

#[test]
fn the_schema_names_every_code_and_lets_nothing_else_in() {
    let schema = schema();
    let defs = &schema["$defs"];
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(defs["finding"]["properties"]["code"]["enum"], json!(codes));
    strict("schema", &schema);
}

/// Every object of a schema is closed, and every property described.
fn strict(at: &str, schema: &Value) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "{at}");
        for (name, property) in properties {
            let described = property["description"].is_string() || property["$ref"].is_string();
            assert!(described, "{at}.{name} has no description");
            strict(&format!("{at}.{name}"), property);
        }
    }
    for (name, inner) in schema["$defs"].as_object().into_iter().flatten() {
        strict(name, inner);
    }
    for inner in schema["oneOf"].as_array().into_iter().flatten() {
        strict(at, inner);
    }
}
