//! `draingate scan` on a real API server. Pods are stored, never run; their phase is written by the test.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, Space};

/// Exit code, standard output and standard error.
fn scan(lab: &Lab, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .arg("scan")
        .args(arguments)
        .env("KUBECONFIG", lab.api().kubeconfig())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn results(lab: &Lab, arguments: &[&str]) -> Vec<Value> {
    let (code, out, err) = scan(lab, &[arguments, &["--format", "json"]].concat());
    assert!(code < 2, "{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    report["results"].as_array().unwrap().clone()
}

fn pods(space: &Space, text: &str, name: &str, count: usize, owner: Option<&str>, phase: &str) {
    for number in 0..count {
        let mut pod = space.place(text);
        pod["metadata"]["name"] = format!("{name}-{number}").into();
        if let Some(kind) = owner {
            pod["metadata"]["labels"] = json!({"pod-template-hash": "5d8"});
            let owner =
                if kind == "Deployment" { ("ReplicaSet", format!("{name}-5d8")) } else { (kind, name.to_owned()) };
            pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": owner.0, "name": owner.1,
                "uid": "u", "controller": true}]);
        }
        space.lab.create(&pod).accepted();
        let path = format!("/api/v1/namespaces/{}/pods/{name}-{number}/status", space.name);
        space.lab.patch(&path, &json!({"status": {"phase": phase}})).accepted();
    }
}

#[test]
fn pods_are_judged_as_they_stand_by_workload_the_worst_first() {
    let lab = Lab::start(Setup::default());
    let space = lab.namespace("audit");
    pods(&space, SERVER, "web", 3, Some("Deployment"), "Running");
    pods(&space, HOPELESS, "bad", 2, Some("StatefulSet"), "Running");
    pods(&space, SERVER, "over", 1, None, "Succeeded");
    pods(&space, SERVER, "bare", 1, None, "Running");
    let fits = SERVER.replace("spec: {", "metadata: {annotations: {draingate.dev/hook: none}}, spec: {");
    let fits = fits.replacen("metadata: {name: server}, ", "", 1);
    pods(&space, &fits, "fine", 1, None, "Running");

    // Pages of two: the same as all at once.
    let all = results(&lab, &["-n", &space.name]);
    assert_eq!(all, results(&lab, &["-n", &space.name, "--page-size", "2"]));
    let seen: Vec<_> = all
        .iter()
        .map(|r| {
            (
                r["kind"].as_str().unwrap(),
                r["name"].as_str().unwrap(),
                r["pods"].as_u64().unwrap(),
                r["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen[0], ("StatefulSet", "bad", 2, "fail"));
    assert!(seen.contains(&("Deployment", "web", 3, "pass")), "{seen:?}");
    assert!(!seen.iter().any(|one| one.1.starts_with("over")), "{seen:?}");
    // Without a hook, a server ends too early: told, as it stands.
    let web = all.iter().find(|r| r["name"] == "web").unwrap();
    assert_eq!(web["findings"][0]["code"], "short-hold");

    // As they will be admitted, only the hopeless are left.
    let preview = results(&lab, &["-n", &space.name, "--for-mode", "enforce"]);
    assert_eq!(preview[0]["name"], "bad");
    let web = preview.iter().find(|r| r["name"] == "web").unwrap();
    assert_eq!((&web["verdict"], web["findings"].as_array().unwrap().len()), (&json!("fixed"), 0));

    let (code, out, err) = scan(&lab, &[]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains(&format!("error StatefulSet {}/bad (2 of 2 pods)", space.name)), "{out}");
    let line = out.lines().find(|line| line.trim_start().starts_with(&space.name)).unwrap();
    assert!(line.contains("audit") && line.contains("1 of 4 workloads would be rejected"), "{line}");
    assert!(!out.contains('\u{1b}'));
    for format in ["sarif", "junit", "github"] {
        assert_eq!(scan(&lab, &["--format", format]).0, 1, "{format}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let lab = Lab::shared();
    let (code, _, err) = scan(lab, &["-n", "no-such-namespace"]);
    assert_eq!(code, 2);
    assert!(err.contains("cannot read namespace no-such-namespace") && err.contains("not found"), "{err}");
    // Somebody without the right.
    let space = lab.namespace("");
    space.kubectl(&["create", "serviceaccount", "nobody"], "");
    let token = space.kubectl(&["create", "token", "nobody"], "").out;
    let mut config = draingate_testing::lab::yaml(&std::fs::read_to_string(lab.api().kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_draingate")).arg("scan").env("KUBECONFIG", file.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot list namespaces") && err.contains("forbidden"), "{err}");
}

#[test]
fn a_minimum_mode_enforces_a_namespace_without_a_label() {
    let lab = Lab::shared();
    let space = lab.namespace_with(json!({"tier": "prod"}));
    pods(&space, SERVER, "web", 1, None, "Running");
    let line = |arguments: &[&str]| {
        let (_, out, err) = scan(lab, &[&["-n", &space.name], arguments].concat());
        let (_, enforce) = out.split_once("In enforce").unwrap_or_else(|| panic!("{out}{err}"));
        enforce.to_owned()
    };
    assert!(line(&[]).contains("ready: no workload would be rejected"));
    let minimum = ["--minimum-mode", "enforce", "--minimum-mode-namespaces"];
    assert!(line(&[&minimum[..], &[r#"{"matchLabels":{"tier":"prod"}}"#]].concat()).contains("enforced"));
    assert!(!line(&[&minimum[..], &[r#"{"matchLabels":{"tier":"test"}}"#]].concat()).contains("enforced"));
}
