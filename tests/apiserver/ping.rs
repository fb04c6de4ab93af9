//! `draingate ping`: whether the installed webhooks answer, asked as the API server asks.

use std::process::{Command, Output};

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
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("/mutate answered mutate.draingate.dev in "), "{said}");
    let told = "/validate answered enforce.draingate.dev, pods.draingate.dev, templates.draingate.dev";
    assert!(lines[1].contains(told), "{said}");

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
    assert!(said.contains("mutate.draingate.dev at https://127.0.0.1:"), "{said}");
}
