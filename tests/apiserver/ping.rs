//! `draingate ping`: whether the installed webhooks answer, asked as the API server asks.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use draingate_testing::lab::{Lab, Setup};

fn ping(lab: &Lab, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .arg("ping")
        .args(arguments)
        .env("KUBECONFIG", lab.api().kubeconfig())
        .output()
        .unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn ping_says_who_answers_and_who_does_not() {
    let lab = Lab::start(Setup::default());
    let (code, said) = ping(&lab, &[]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(
        lines[0].starts_with("the API server had a pod of namespace draingate-ping-")
            && lines[0].contains(" injected "),
        "{said}"
    );
    assert!(lines[1].contains("/mutate answered mutate.draingate.dev in "), "{said}");
    let told = "/validate answered enforce.draingate.dev, pods.draingate.dev, templates.draingate.dev";
    assert!(lines[2].contains(told), "{said}");
    // Nothing is left of it. Nobody ends namespaces here: they go on ending.
    let test = "app.kubernetes.io/name=draingate-test";
    let phase = ["get", "namespace", "-l", test, "-o", "jsonpath={.items[*].status.phase}"];
    assert_eq!(lab.kubectl_ok(&phase, "").out, "Terminating");

    // In a namespace that is there: one that injects, and others.
    let [inject, audit] = ["inject", "audit"].map(|mode| lab.namespace(mode));
    let (code, said) = ping(&lab, &["--namespace", &inject.name]);
    assert!(code == Some(0) && said.contains(&format!("a pod of namespace {} injected", inject.name)), "{said}");
    let (code, said) = ping(&lab, &["--namespace", &audit.name]);
    assert!(code == Some(2) && said.contains("is in no mode that injects: draingate.dev/mode is \"audit\""), "{said}");
    let (code, said) = ping(&lab, &["--namespace", "missing"]);
    assert!(code == Some(2) && said.contains("namespaces \"missing\" not found"), "{said}");
    // Policies that inject nothing: the API server asked all the same.
    let never = lab.namespace("inject");
    let policy = json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy", "metadata": {"name": "never"},
        "spec": {"hook": {"type": "None"}, "gracePeriod": {"adjust": "Never"}}});
    never.create(&policy.to_string()).accepted();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (code, said) = ping(&lab, &["--namespace", &never.name]);
        assert_eq!(code, Some(0), "{said}");
        if said.contains("the API server asked, and nothing is injected") {
            break;
        }
        assert!(Instant::now() < deadline, "{said}");
    }

    let ping = |lab: &Lab, arguments: &[&str]| ping(lab, &[&["--namespace", &inject.name], arguments].concat());
    let (code, said) = ping(&lab, &["--webhooks-name", "other"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot read the MutatingWebhookConfiguration \"other\""), "{said}");

    // A caBundle that trusts somebody else is found, and named.
    let stranger = rcgen::generate_simple_self_signed(["stranger".to_owned()]).unwrap().cert.pem();
    let stranger = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, stranger);
    let patch = json!([{"op": "replace", "path": "/webhooks/1/clientConfig/caBundle", "value": stranger}]).to_string();
    lab.kubectl_ok(&["patch", "validatingwebhookconfiguration", "draingate", "--type=json", "-p", &patch], "");
    let (code, said) = ping(&lab, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("pods.draingate.dev at https://127.0.0.1:"), "{said}");
    assert!(said.contains("the caBundle trusts"), "{said}");

    lab.kill();
    let (code, said) = ping(&lab, &["--wait-seconds", "1"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in uninjected. No route: https://127.0.0.1:"), "{said}");
}
