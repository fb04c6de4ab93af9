//! `draingate calibrate` against data planes whose E is known.
//!
//! A short form of it is a test; `make calibrate` is all of it.

use std::fmt::Write as _;
use std::process::Output;
use std::time::{Duration, Instant};

use draingate::calibrate::samples::Requests;
use draingate_testing::node::{Inside, Node, eventually, run, script, text};
use draingate_testing::plane;
use serde_json::{Value, json};

/// A data plane of the Service of a namespace's canary, on a port of the node, that hears of everything so much later.
fn plane<'n>(node: &'n Node, namespace: &str, port: u16, lag: u64) -> Inside<'n> {
    let this = std::env::current_exe().unwrap();
    let arguments = ["--ignored", "--exact", "calibrate::inside_plane", "--nocapture"];
    node.start(this, &arguments, &[("DRAINGATE_PLANE", &format!("{namespace} {port} {lag}"))])
}

/// Not a test: what [`plane`] starts inside the node's network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other tests"]
async fn inside_plane() {
    let task = std::env::var("DRAINGATE_PLANE").expect("started by the other tests");
    let words: Vec<&str> = task.split(' ').collect();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = kube::Config::infer().await.unwrap();
    config.proxy_url = None;
    let client = kube::Client::try_from(config).unwrap();
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", words[1])).await.unwrap();
    let lag = Duration::from_secs(words[2].parse().unwrap());
    plane::forward(client, words[0], "draingate-canary", lag, listener).await;
}

/// A namespace that admits only what the restricted Pod Security Standard does.
pub(crate) fn restricted(node: &Node, name: &str) {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", "draingate.dev/mode": "enforce"});
    node.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
        .unwrap();
    eventually("the namespace has its service account", || {
        node.try_kubectl(&["-n", name, "get", "serviceaccount", "default"]).ok()
    });
}

/// A run of `calibrate` that goes on.
pub(crate) fn calibrate<'n>(node: &'n Node, namespace: &str, arguments: &[&str]) -> Inside<'n> {
    let mut all = vec!["calibrate", "-n", namespace, "--yes"];
    all.extend(arguments);
    node.start(env!("CARGO_BIN_EXE_draingate"), &all, &[])
}

pub(crate) fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(output)))
}

/// Whatever of it is in a namespace.
fn left(node: &Node, namespace: &str) -> String {
    let kinds = "job,pod,deployment,replicaset,service,endpointslice,serviceaccount,role,rolebinding,configmap,ingress";
    let all = node.kubectl(&["-n", namespace, "get", kinds, "-o", "name"]);
    let own = |line: &&str| line.contains("draingate");
    all.lines().filter(own).collect::<Vec<_>>().join(" ")
}

/// A measure within `more` seconds, and one step, above what is known.
fn assert_known(report: &Value, known: f64, more: f64) -> String {
    let spread = &report["newConnections"];
    let (max, step) = (spread["max"].as_f64().unwrap(), report["measured"]["resolution"].as_f64().unwrap());
    let line = format!(
        "{}: known {known:.2}, measured {} to {max:.2}, suggested {}",
        report["via"], spread["min"], report["suggestedSeconds"]
    );
    assert!(max >= known - 1.0 - step && max <= known + more + step, "{line}: {report}");
    assert!(report["suggestedSeconds"].as_f64().unwrap() > max, "{line}");
    line
}

/// What became of requests while all pods were terminating.
pub(crate) fn last_pods(report: &Value) -> Option<Requests> {
    serde_json::from_value(report["measured"]["lastPods"].clone()).unwrap()
}

#[test]
fn a_known_propagation_is_measured_and_nothing_is_left() {
    let node = Node::up();
    node.release("install", &[]);
    for namespace in ["way", "lag", "killed"] {
        restricted(&node, namespace);
    }
    let _plane = plane(&node, "lag", 9003, 3);
    let short = ["--rounds", "4", "--format", "json"];
    // A policy that is there: its E is replaced, the rest stays.
    node.apply(&json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy", "metadata": {"name": "calibrated"},
        "spec": {"budget": {"endpointPropagationSeconds": 77, "drainDelaySeconds": 4}}}))
        .unwrap();
    // All at once: most of the time they wait.
    let way = calibrate(&node, "way", &[&short[..], &["--via", "cluster-ip", "--write"]].concat());
    let new = ["--keep", "--write", "--policy", "clusterdrainpolicy/lagging"];
    let lag = calibrate(&node, "lag", &[&short[..], &new, &["--via", "url", "http://127.0.0.1:9003/"]].concat());
    let killed = calibrate(&node, "killed", &["--via", "cluster-ip"]);
    eventually("the canary runs", || left(&node, "killed").contains("pod/draingate-canary").then_some(()));
    // A second one does not touch what a first one made.
    let second = calibrate(&node, "killed", &["--via", "cluster-ip"]).output();
    assert!(text(&second).contains("another calibrate runs"), "{}", text(&second));
    killed.signal("KILL");
    let at = Instant::now();

    let (way, lag) = (way.output(), lag.output());
    // kube-proxy writes its rules once a second at most.
    println!("{}", assert_known(&report(&way), 1.0, 3.0));
    println!("{}", assert_known(&report(&lag), 3.0, 3.0));
    assert!(report(&lag)["newConnections"]["min"].as_f64().unwrap() >= 2.0, "{}", report(&lag));
    // All pods terminating: kube-proxy goes on.
    assert!(last_pods(&report(&way)).is_some_and(|last| !last.gives_up()), "{}", report(&way));
    assert_eq!(left(&node, "way"), String::new());
    // Kept for an hour, by one Job, which takes the rest along.
    assert!(left(&node, "lag").contains("deployment.apps/draingate-canary"), "{}", left(&node, "lag"));
    let deadline =
        node.kubectl(&["-n", "lag", "get", "job", "draingate-calibrate", "-o=jsonpath={.spec.activeDeadlineSeconds}"]);
    assert!(deadline.parse::<u64>().unwrap() > 3_600, "{deadline}");
    node.kubectl(&["-n", "lag", "delete", "job", "draingate-calibrate", "--wait=false"]);

    // Written, and said before what it replaces.
    let budget = |name: &str, field: &str| {
        node.kubectl(&["get", "clusterdrainpolicy", name, &format!("-o=jsonpath={{.spec.budget.{field}}}")])
    };
    let suggested = |output: &Output| report(output)["suggestedSeconds"].to_string();
    assert_eq!(budget("calibrated", "endpointPropagationSeconds"), suggested(&way));
    assert_eq!(budget("calibrated", "drainDelaySeconds"), "4");
    let said = format!("ClusterDrainPolicy calibrated: endpointPropagationSeconds 77 becomes {}", suggested(&way));
    assert!(text(&way).contains(&said), "{}", text(&way));
    assert_eq!(budget("lagging", "endpointPropagationSeconds"), suggested(&lag));
    assert!(text(&lag).contains("ClusterDrainPolicy lagging is new"), "{}", text(&lag));
    assert!(text(&lag).contains("calibrated may win over this one"), "{}", text(&lag));

    // The Job's deadline is the net below: a minute, and what a Deployment takes to go.
    let deadline = Instant::now() + Duration::from_secs(240);
    let left = || format!("{}{}", left(&node, "killed"), left(&node, "lag"));
    while !left().is_empty() {
        assert!(Instant::now() < deadline, "left {:?} after it was killed: {}", at.elapsed(), left());
        std::thread::sleep(Duration::from_secs(1));
    }
    println!("nothing is left {:.0} s after it was killed", at.elapsed().as_secs_f64());
}

/// kube-proxy in both modes and at two rates, and planes with a known lag: the table for the closing word.
#[test]
#[ignore = "some 25 minutes: make calibrate"]
fn every_known_propagation_is_measured_within_a_second() {
    let node = Node::up();
    let mut table = String::from(
        "| way | known | measured: min | p50 | max | suggested |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    let mut row = |name: &str, known: f64, output: &Output| {
        let report = report(output);
        println!("{}", assert_known(&report, known, 1.0));
        let spread = &report["newConnections"];
        let seconds = |key: &str| spread[key].as_f64().unwrap();
        let _ = writeln!(
            table,
            "| {name} | {known:.0} | {:.2} | {:.2} | {:.2} | {} |",
            seconds("min"),
            seconds("p50"),
            seconds("max"),
            report["suggestedSeconds"]
        );
    };
    for (lag, port) in [(3, 9003), (25, 9025)] {
        let namespace = format!("lag-{lag}");
        restricted(&node, &namespace);
        let _plane = plane(&node, &namespace, port, lag);
        let url = format!("http://127.0.0.1:{port}/");
        let output =
            calibrate(&node, &namespace, &["--rounds", "5", "--format", "json", "--via", "url", &url]).output();
        row(&format!("a plane that lags {lag} s"), lag as f64, &output);
    }
    restricted(&node, "way");
    for mode in ["iptables", "nftables"] {
        for period in [1, 10] {
            run(script("node").arg("proxy").arg(node.folder.path()).args([mode, &format!("{period}s")]));
            let output =
                calibrate(&node, "way", &["--rounds", "6", "--format", "json", "--via", "cluster-ip"]).output();
            row(&format!("kube-proxy {mode}, minSyncPeriod {period} s"), f64::from(period), &output);
        }
    }
    println!("\n{table}");
}
