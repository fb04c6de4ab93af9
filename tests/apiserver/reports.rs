//! PolicyReports on a real API server, with the CustomResourceDefinition that others use.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use draingate_testing::lab::{HOPELESS, Lab, SERVER, Setup, eventually};

/// Kyverno carries the definition.
const MODULE: &str = "github.com/kyverno/kyverno@v1.19.1";

fn definition() -> String {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new("go").args(["mod", "download", "-json", MODULE]).current_dir(&empty).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = Path::new(found["Dir"].as_str().unwrap_or_else(|| panic!("{found}")));
    std::fs::read_to_string(folder.join("config/crds/policyreport/wgpolicyk8s.io_policyreports.yaml")).unwrap()
}

#[test]
fn reports_tell_what_scan_would() {
    let lab = Lab::start(Setup { serve: &["--policy-reports-every", "1s"], ..Setup::default() });
    let (space, silent) = (lab.namespace("audit"), lab.namespace(""));
    // Before the definition is there: said, counted, and no harm.
    let failures = || {
        let (_, text) = lab.admin("/metrics");
        let line = text.lines().find(|line| line.starts_with("draingate_policy_reports_total{result=\"failed\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).filter(|&count| count > 0)
    };
    eventually("what cannot be written is counted", failures);

    lab.kubectl_ok(&["apply", "--server-side", "-f", "-"], &definition());
    for pod in [SERVER, HOPELESS] {
        space.accepts(pod);
        silent.accepts(pod);
    }
    let report = |name: &str| {
        let path = format!("/apis/wgpolicyk8s.io/v1alpha2/namespaces/{name}/policyreports/draingate");
        lab.send("GET", &path, "application/json", &Value::Null).object()
    };
    let written = eventually("the report is written", || {
        let report = report(&space.name);
        (report["results"].as_array().is_some_and(|results| results.len() >= 2)).then_some(report)
    });
    let results = written["results"].as_array().unwrap();
    let of = |name: &str| results.iter().find(|result| result["resources"][0]["name"] == name).unwrap();
    assert_eq!((&of("hopeless")["result"], &of("hopeless")["rule"]), (&json!("fail"), &json!("grace-budget")));
    assert_eq!((&of("server")["result"], &of("server")["rule"]), (&json!("warn"), &json!("short-hold")));
    assert_eq!(written["summary"]["fail"], 1);
    assert_eq!(report(&silent.name), Value::Null);
}
