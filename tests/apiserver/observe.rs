//! `draingate observe` on a real API server. No kubelet runs here: the test writes what one would, and its
//! EndpointSlices.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::events::{events, workload};
use draingate_testing::lab::{Lab, Setup, Space, eventually, free_port, get, yaml};

/// Seconds since 1970 as the API writes them.
fn time(seconds: i64) -> String {
    k8s_openapi::jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

fn now() -> i64 {
    k8s_openapi::jiff::Timestamp::now().as_second()
}

/// A pod on a node that nobody runs, which therefore stays while it stops.
struct Stopping<'l> {
    space: &'l Space<'l>,
    name: String,
    uid: String,
}

impl<'l> Stopping<'l> {
    /// Its containers run, where `runs`; one of them is a native sidecar.
    fn create(space: &'l Space<'l>, name: &str, owners: &Value, runs: bool) -> Stopping<'l> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "web", "pod-template-hash": "5d8"}, "ownerReferences": owners},
            "spec": {"nodeName": "nowhere", "terminationGracePeriodSeconds": 30, "containers": [{"name": "app",
                "image": "app", "ports": [{"containerPort": 80}], "lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}],
                "initContainers": [{"name": "proxy", "image": "proxy", "restartPolicy": "Always"}]}});
        let uid = space.lab.create(&space.put(pod)).accepted()["metadata"]["uid"].as_str().unwrap().to_owned();
        let pod = Stopping { space, name: name.to_owned(), uid };
        let state = if runs {
            json!({"running": {"startedAt": time(now())}})
        } else {
            json!({"waiting": {"reason": "ContainerCreating"}})
        };
        pod.status("Running", &state, &state);
        pod
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods/{}", self.space.name, self.name)
    }

    fn status(&self, phase: &str, app: &Value, proxy: &Value) {
        let of = |name: &str, state: &Value| json!([{"name": name, "image": name, "imageID": "", "ready": false, "restartCount": 0, "state": state}]);
        let status = json!({"status": {"phase": phase, "containerStatuses": of("app", app),
            "initContainerStatuses": of("proxy", proxy)}});
        self.space.lab.patch(&format!("{}/status", self.path()), &status).accepted();
    }

    /// Begins the deletion; gives when it began.
    fn delete(&self) -> i64 {
        let answer = self.space.lab.send("DELETE", &self.path(), "application/json", &json!({}));
        let metadata = answer.accepted()["metadata"].clone();
        assert_eq!(metadata["deletionGracePeriodSeconds"], 30, "it stays: {metadata}");
        let at: k8s_openapi::jiff::Timestamp = metadata["deletionTimestamp"].as_str().unwrap().parse().unwrap();
        at.as_second() - 30
    }

    /// Its containers have ended: the app with this code after so many seconds, the proxy a second later.
    fn end(&self, began: i64, seconds: i64, code: i32) {
        let ended = |at: i64, code: i32| {
            let reason = if code == 0 { "Completed" } else { "Error" };
            json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": time(began - 60),
                "finishedAt": time(at), "containerID": "containerd://1"}})
        };
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        self.status(phase, &ended(began + seconds, code), &ended(began + seconds, 0));
    }

    /// The kubelet's last step.
    fn vanish(&self) {
        let now = json!({"gracePeriodSeconds": 0});
        self.space.lab.send("DELETE", &self.path(), "application/json", &now).accepted();
    }

    /// The kubelet's Event of a hook that failed.
    fn hook_fails(&self, at: i64) {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"generateName": "kubelet-"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": self.space.name, "name": self.name,
                "uid": self.uid, "fieldPath": "spec.containers{app}"},
            "reason": "FailedPreStopHook", "message": "PreStopHook failed", "type": "Warning",
            "firstTimestamp": time(at), "lastTimestamp": time(at), "source": {"component": "kubelet"}});
        self.space.lab.create(&self.space.put(event)).accepted();
    }
}

/// Which of these pods the Service's slice shows as ready.
fn slice(space: &Space, pods: &[(&Stopping, bool)]) {
    let endpoint = |(index, (pod, ready)): (usize, &(&Stopping, bool))| {
        json!({"addresses": [format!("10.0.0.{}", index + 1)],
            "conditions": {"ready": ready, "serving": true, "terminating": !ready},
            "targetRef": {"kind": "Pod", "namespace": space.name, "name": pod.name, "uid": pod.uid}})
    };
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "web-1"},
        "addressType": "IPv4", "endpoints": pods.iter().enumerate().map(endpoint).collect::<Vec<_>>()});
    space.lab.apply(&space.put(slice)).accepted();
}

/// A running `draingate observe`.
struct Observing {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Observing {
    /// Begins, and waits until it watches.
    fn start(lab: &Lab, arguments: &[&str]) -> Observing {
        let mut child = Command::new(env!("CARGO_BIN_EXE_draingate"))
            .arg("observe")
            .args(arguments)
            .env("KUBECONFIG", lab.api().kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert!(line.contains("watching"), "{line}");
        Observing { child, errors }
    }

    /// Interrupts it as Ctrl-C does; standard output and standard error.
    fn interrupt(mut self) -> (String, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut err).unwrap();
        assert!(self.child.wait().unwrap().success(), "{err}");
        (out, err)
    }
}

impl Drop for Observing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was written reaches whoever watches.
fn arrive() {
    std::thread::sleep(Duration::from_secs(1));
}

#[test]
fn stops_are_measured_and_the_policy_that_they_ask_for_holds() {
    let lab = Lab::shared();
    let (space, silent) = (lab.namespace("audit"), lab.namespace(""));
    let owners = workload(&space, "web");
    let pods = ["web-0", "web-1", "web-2"].map(|name| Stopping::create(&space, name, &owners, true));
    let [killed, clean, failed] = &pods;
    let (early, away) =
        (Stopping::create(&space, "early", &owners, false), Stopping::create(&silent, "away", &json!([]), true));
    slice(&space, &[(killed, true), (clean, true)]);

    let observing = Observing::start(lab, &["--for", "10m", "--suggest", "--format", "json"]);
    let began: Vec<_> = pods.iter().map(Stopping::delete).collect();
    early.delete();
    let gone = away.delete();
    arrive();
    slice(&space, &[(killed, false), (clean, true)]);
    failed.hook_fails(began[2]);
    killed.end(began[0], 30, 137);
    clean.end(began[1], 12, 0);
    failed.end(began[2], 1, 0);
    away.end(gone, 30, 137);
    slice(&space, &[(killed, false), (clean, false)]);
    for pod in &pods[1..] {
        pod.vanish();
    }
    arrive();
    let (out, err) = observing.interrupt();
    assert_eq!(err, "");
    let seen: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    assert_eq!(seen["version"], 1);
    let web = seen["workloads"].as_array().unwrap().iter().find(|w| w["namespace"] == space.name.as_str());
    let web = web.unwrap_or_else(|| panic!("{seen:#}"));
    assert_eq!((&web["kind"], &web["name"], &web["worst"]), (&json!("Deployment"), &json!("web"), &json!("killed")));
    let counts = ["stops", "killed", "hookFailed", "usedUp", "gracePeriodSeconds"].map(|field| web[field].clone());
    assert_eq!(counts, [3, 1, 1, 0, 30].map(Value::from), "{web:#}");
    assert_eq!((&web["stopSeconds"]["p50"], &web["stopSeconds"]["max"]), (&json!(12.0), &json!(30.0)));
    assert_eq!(web["endpointSeconds"]["count"], 2);
    let slowest = web["endpointSeconds"]["max"].as_f64().unwrap();
    assert!((0.9..20.0).contains(&slowest), "{slowest}");
    let names: Vec<_> = web["containers"].as_array().unwrap().iter().map(|c| (&c["name"], &c["role"])).collect();
    assert_eq!(names, [(&json!("app"), &json!("app")), (&json!("proxy"), &json!("native-sidecar"))]);
    assert!(!out.contains(&silent.name), "a namespace without a mode");

    // 30 s of grace, of which the hook had 10: more than 20 s were needed, and 15 are the built-in guess.
    let suggestion = seen["suggestion"].as_str().unwrap();
    let policy = suggestion.split("---\n").find(|part| part.contains("kind: DrainPolicy")).unwrap();
    assert!(suggestion.contains("the true need is unknown") && suggestion.contains("killed 1"), "{suggestion}");
    let policy = yaml(policy);
    assert_eq!(policy["spec"]["budget"], json!({"worstCaseRequestSeconds": 21}), "{suggestion}");
    assert_eq!(policy["spec"]["selector"], json!({"matchLabels": {"app": "web"}}));
    lab.policy(&policy);
    let strict = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-"];
    lab.kubectl_ok(&strict, suggestion);

    // With it, the next pod gets a grace that would have been enough; and no more is asked for.
    let next = space.place(
        "{apiVersion: v1, kind: Pod, metadata: {name: next, labels: {app: web}}, \
        spec: {containers: [{name: app, image: app, ports: [{containerPort: 80}]}]}}",
    );
    space.label("draingate.dev/mode", "inject".into());
    eventually("the next pod gets the longer grace", || {
        let pod = space.try_out(&next).object();
        (pod["spec"]["terminationGracePeriodSeconds"] == 40).then_some(())
    });
}

#[test]
fn a_table_for_people_and_nothing_is_asked_for_without_a_reason() {
    let lab = Lab::shared();
    let space = lab.namespace("");
    let fine = Stopping::create(&space, "fine", &json!([]), true);
    let observing = Observing::start(lab, &["-n", &space.name, "--suggest"]);
    let began = fine.delete();
    fine.end(began, 24, 0);
    arrive();
    let (out, err) = observing.interrupt();
    assert!(err.contains(&format!("Pod {}/fine", space.name)) && err.contains("24/24/24/24 s"), "{err}");
    assert!(err.contains("1 stop of 1 workload") && !err.contains('\u{1b}'), "{err}");
    assert!(out.lines().all(|line| line.starts_with('#')), "{out}");
    assert!(out.contains("nothing is asked for") && out.contains("draingate rehearse"), "{out}");
}

#[test]
fn an_outage_costs_the_endpoint_time_and_no_stop() {
    let lab = Lab::start(Setup::default());
    let space = lab.namespace("audit");
    let pods = ["before", "during"].map(|name| Stopping::create(&space, name, &json!([]), true));
    slice(&space, &[(&pods[0], true), (&pods[1], true)]);
    let mut observing = Observing::start(&lab, &["--format", "json"]);
    let began = pods[0].delete();
    arrive();
    lab.api().crash();
    let mut said = String::new();
    while !(said.contains("cannot watch pods") && said.contains("cannot watch endpointslices")) {
        assert!(observing.errors.read_line(&mut said).unwrap() > 0, "{said}");
    }
    lab.api().start_again();
    eventually("the API server is back", || {
        lab.read(&space.put(json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "before"}})))
            .is_object()
            .then_some(())
    });
    slice(&space, &[]);
    pods[0].end(began, 4, 0);
    pods[0].vanish();
    let began = pods[1].delete();
    pods[1].end(began, 5, 0);
    std::thread::sleep(Duration::from_secs(8));
    let (out, _) = observing.interrupt();
    let seen: Value = serde_json::from_str(&out).unwrap();
    let of = |name: &str| {
        let workloads = seen["workloads"].as_array().unwrap();
        workloads.iter().find(|w| w["name"] == name).unwrap_or_else(|| panic!("{name}: {seen:#}")).clone()
    };
    assert_eq!((&of("before")["stops"], &of("before")["endpointSeconds"]["count"]), (&json!(1), &json!(0)), "{seen:#}");
    assert_eq!(of("during")["stopSeconds"]["max"], 5.0);
    assert!(seen["missed"]["endpointUnseen"].as_u64().unwrap() >= 1, "{seen:#}");
}

#[test]
fn whoever_lacks_the_right_to_watch_is_told() {
    let lab = Lab::shared();
    let space = lab.namespace("");
    space.kubectl(&["create", "serviceaccount", "reader"], "");
    let account = format!("--serviceaccount={}:reader", space.name);
    // Everything may be read, and nothing watched.
    let role = format!("reader-{}", space.name);
    lab.kubectl_ok(&["create", "clusterrole", &role, "--verb=get,list", "--resource=*.*"], "");
    lab.kubectl_ok(&["create", "clusterrolebinding", &role, &format!("--clusterrole={role}"), &account], "");
    let token = space.kubectl(&["create", "token", "reader"], "").out;
    let mut config = yaml(&std::fs::read_to_string(lab.api().kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(["observe", "--for", "60s"])
        .env("KUBECONFIG", file.path())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot watch") && err.contains("forbidden"), "{err}");
}

/// A second replica, beside the lab's own.
fn replica(lab: &Lab) -> (Observing, u16) {
    let (port, folder) = (free_port(), lab.api().kubeconfig().parent().unwrap().join("draingate"));
    let child = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(["serve", "--observe", "--listen", "127.0.0.1:0", "--admin-listen", &format!("127.0.0.1:{port}")])
        .arg("--tls-cert")
        .arg(folder.join("tls.crt"))
        .arg("--tls-key")
        .arg(folder.join("tls.key"))
        .env("KUBECONFIG", lab.api().kubeconfig())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    eventually("the second replica is ready", || get(port, "/readyz").filter(|(code, _)| *code == 200));
    (Observing { child, errors }, port)
}

#[test]
fn serve_counts_and_tells_the_workload_once() {
    let lab = Lab::start(Setup { serve: &["--observe"], ..Setup::default() });
    let (_second, second_port) = replica(&lab);
    let (space, silent) = (lab.namespace("audit"), lab.namespace(""));
    let owners = workload(&space, "web");
    let measured = |line: &str| {
        let (_, text) = lab.admin("/metrics");
        let line = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse::<f64>().ok());
        line.unwrap_or(0.0)
    };
    let pods = ["web-0", "web-1"].map(|name| Stopping::create(&space, name, &owners, true));
    let clean = Stopping::create(&space, "clean", &json!([]), true);
    let away = Stopping::create(&silent, "away", &json!([]), true);
    slice(&space, &[(&clean, true)]);
    arrive();
    for pod in pods.iter().chain([&away]) {
        let began = pod.delete();
        pod.end(began, 30, 137);
    }
    let began = clean.delete();
    arrive();
    slice(&space, &[]);
    clean.end(began, 3, 0);
    clean.vanish();
    eventually("all are counted", || {
        let count = |outcome: &str| measured(&format!("draingate_observed_stops_total{{outcome=\"{outcome}\"}}"));
        (count("killed") == 2.0 && count("clean") == 1.0).then_some(())
    });
    let told_by_second = "draingate_events_total{result=\"written\"} 1";
    eventually("the second replica has told it, too", || {
        get(second_port, "/metrics")?.1.contains(told_by_second).then_some(())
    });
    assert_eq!(measured("draingate_observed_stop_seconds_count"), 3.0);
    assert_eq!(measured("draingate_observed_endpoint_seconds_count"), 1.0);
    let told = eventually("the workload is told", || {
        let told = events(&space);
        (!told.is_empty()).then_some(told)
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("DrainKilled", "Deployment/web"));
    assert!(told[0].2.contains("\"app\"") && told[0].2.contains("30 s"), "{told:?}");
}
