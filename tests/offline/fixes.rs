//! What `check` says to write, written: by `--fix`, by whoever takes the operations of the JSON, and by an editor that takes
//! those of SARIF. In each way it is the same, and the rest of the file stays as it was.

use std::path::Path;

use json_patch::Patch;
use serde_json::Value;

use crate::check::run;
use draingate_core::manifest;

/// A file with much to fix, and what it is then.
const BEFORE: &str = r#"# the shop
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  terminationGracePeriodSeconds: 90 # wrong place
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: proxy # first
        image: registry.example/nginx:1
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
        lifecycle:
          preStop:
            exec:
              command: ["/bin/sh", "-c", "nginx -s quit; sleep 20"] # drains
      - name: pgbouncer
        image: registry.example/pgbouncer:1
        lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
---
# vault
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop}
spec:
  containers:
  - name: app
    image: registry.example/api:1
    ports: [{containerPort: 8080}]
    readinessProbe: {tcpSocket: {port: 8080}}
    lifecycle:
      preStop:
        exec:
          command:
          - sh
          - -c
          - |
            # wait
            sleep 5 && token revoke
"#;

#[test]
fn a_fix_keeps_all_the_rest() {
    let fixed = run(Path::new("."), &["check", "--fix", "-"], BEFORE).out;
    let wanted = BEFORE
        .replace("  terminationGracePeriodSeconds: 90 # wrong place\n", "")
        .replace(
            "      containers:\n      - name: proxy",
            "      terminationGracePeriodSeconds: 100\n      containers:\n      - name: proxy",
        )
        .replace("\"nginx -s quit; sleep 20\"", "\"sleep 10 && nginx -s quit; sleep 20\"")
        .replace("{exec: {command: [sleep, \"5\"]}}", "{sleep: {seconds: 31}}")
        .replace(
            "spec:\n  containers:\n  - name: app",
            "spec:\n  terminationGracePeriodSeconds: 35\n  containers:\n  - name: app",
        )
        .replace("sleep 5 &&", "sleep 10 &&");
    assert_eq!(fixed, wanted);
    let again = run(Path::new("."), &["check", "--fail-on", "warning", "-"], &fixed);
    assert_eq!(again.code, 0, "{}", again.out);
    assert_eq!(run(Path::new("."), &["check", "--fix", "-"], &fixed).out, "");
}

/// The first document, and its findings as a format has them.
fn told(format: &str) -> (&'static str, Value) {
    let text = BEFORE.split("---\n").next().unwrap();
    let told = run(Path::new("."), &["check", "--format", format, "-"], text).out;
    (text, serde_json::from_str(&told).unwrap())
}

fn value(text: &str) -> Value {
    manifest::parse(&manifest::documents(text)[0]).unwrap()
}

/// Makes the replacements of SARIF, the last first.
fn replaced(text: &str, fix: &Value) -> String {
    let offset = |line: &Value, column: &Value| {
        let line = usize::try_from(line.as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        start + usize::try_from(column.as_u64().unwrap()).unwrap() - 1
    };
    let mut out = text.to_owned();
    for replacement in fix["artifactChanges"][0]["replacements"].as_array().unwrap().iter().rev() {
        let region = &replacement["deletedRegion"];
        let start = offset(&region["startLine"], &region["startColumn"]);
        let end = offset(&region["endLine"], &region["endColumn"]);
        out.replace_range(start..end, replacement["insertedContent"]["text"].as_str().unwrap());
    }
    out
}

#[test]
fn json_and_sarif_say_the_same_changes() {
    let (text, json) = told("json");
    let (_, sarif) = told("sarif");
    let findings = json["results"][0]["findings"].as_array().unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(findings.len(), results.len());
    let mut made = 0;
    for (finding, result) in findings.iter().zip(results) {
        let Some(edits) = finding.get("edits") else {
            assert_eq!(result.get("fixes"), None, "{finding}");
            continue;
        };
        let edits: Patch = serde_json::from_value(edits.clone()).unwrap();
        let mut wanted = value(text);
        json_patch::patch(&mut wanted, &edits).unwrap();
        let fix = &result["fixes"][0];
        assert_eq!(fix["description"]["text"], finding["fix"]);
        assert_eq!(value(&replaced(text, fix)), wanted, "{fix:#}");
        made += 1;
    }
    assert!(made >= 4, "{findings:#?}");
}
