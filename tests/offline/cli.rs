//! What the binary says of itself.

use std::process::Command;

fn draingate(arguments: &[&str]) -> (i32, String, String) {
    // Nobody's cluster.
    let command = &mut Command::new(env!("CARGO_BIN_EXE_draingate"));
    let output = command.args(arguments).env("KUBECONFIG", "/does/not/exist").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The commands as the help lists them.
fn commands() -> Vec<String> {
    let (_, help, _) = draingate(&["--help"]);
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_explains_itself() {
    let commands = commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let (code, help, _) = draingate(&[command, "--help"]);
        assert_eq!(code, 0, "{command}");
        assert!(help.contains("Usage: draingate "), "{command}: {help}");
    }
}

/// kubectl runs `kubectl-draingate` for `kubectl draingate`.
#[test]
fn as_a_plugin_it_is_called_as_kubectl_calls_it() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-draingate");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_draingate"), &plugin).unwrap();
    for command in ["check", "scan", "observe", "rehearse", "explain"] {
        let output = Command::new(&plugin).args([command, "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(&format!("Usage: kubectl draingate {command} ")), "{help}");
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let pages = tempfile::tempdir().unwrap();
    assert_eq!(draingate(&["man", "--dir", pages.path().to_str().unwrap()]).0, 0);
    let (_, main_page, _) = draingate(&["man"]);
    assert!(main_page.starts_with(".ie") || main_page.contains(".TH"), "{main_page}");
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = draingate(&["completions", shell]);
        assert_eq!(code, 0);
        for command in commands() {
            assert!(script.contains(&command), "{shell} does not know {command}");
        }
    }
    for command in commands().iter().filter(|command| *command != "help") {
        assert!(pages.path().join(format!("draingate-{command}.1")).exists(), "no page for {command}");
    }
}

#[test]
fn a_wrong_call_says_what_is_right() {
    let (code, _, error) = draingate(&["chekc"]);
    assert_eq!(code, 2);
    assert!(error.contains("check"), "{error}");
    assert_eq!(draingate(&[]).0, 2);
    let (code, _, error) = draingate(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2);
    assert!(error.contains("no cluster to talk to") && error.contains("--standalone"), "{error}");
    let lifetimes = ["serve", "--listen", "127.0.0.1:0", "--ca-lifetime", "1d", "--leaf-lifetime", "1d"];
    let (code, _, error) = draingate(&lifetimes);
    assert_eq!(code, 2);
    assert!(error.contains("a third of --ca-lifetime"), "{error}");
}

#[test]
fn webhook_configurations_are_printed_for_a_service_or_a_url() {
    let (_, service, _) = draingate(&["webhooks", "-n", "tools"]);
    assert!(service.contains("namespace: tools") && service.contains("path: /mutate"), "{service}");
    assert!(!service.contains("failurePolicy: Fail"), "{service}");
    let (_, url, _) = draingate(&["webhooks", "--url", "https://127.0.0.1:8443", "--enforce-failure-policy", "fail"]);
    assert!(url.contains("url: https://127.0.0.1:8443/validate"), "{url}");
    assert_eq!(url.matches("failurePolicy: Fail").count(), 1, "only enforce may fail closed");
}
