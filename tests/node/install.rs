//! Draingate on a real node: the chart, the image and the kubelet, as a person would install them.
//!
//! What asks the node's API server runs inside, as this same program started there.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use axum::http::Request;
use draingate_testing::node::{Node, eventually, lab_image, run, script, text};
use futures::StreamExt;
use serde_json::{Value, json};

/// Sends pods to be admitted (dry runs) from inside, at a steady rate, while `meanwhile` goes on; then all that
/// were sent, and those that failed.
pub(crate) fn admissions(node: &Node, count: u32, rate: u32, meanwhile: impl FnOnce()) -> (u64, Vec<Failure>) {
    node.injects("shop");
    let this = std::env::current_exe().unwrap();
    let mut load = node.command(this, &["--ignored", "--exact", "install::inside_admissions", "--nocapture"]);
    load.env("DRAINGATE_ADMISSIONS", format!("{count} {rate}"));
    let load = load.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    meanwhile();
    let output = load.wait_with_output().unwrap();
    let said = text(&output);
    let line = said.lines().find_map(|line| line.split_once("admissions: ")).unwrap_or_else(|| panic!("{said}"));
    let result: Value = serde_json::from_str(line.1).unwrap();
    let failed = result["failed"].as_array().unwrap().iter();
    let failure = |one: &Value| Failure { sent: one[0].as_f64().unwrap(), reason: one[1].to_string() };
    (result["sent"].as_u64().unwrap(), failed.map(failure).collect())
}

/// An admission that failed.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    /// When it was sent, in seconds since 1970.
    sent: f64,
    reason: String,
}

fn clock() -> f64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

pub(crate) fn pod_spec(hook: &Value) -> Value {
    let command = json!(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]);
    let mut app = json!({"name": "app", "image": "localhost/shell:1", "imagePullPolicy": "Never", "command": command,
        "ports": [{"containerPort": 8080}]});
    if !hook.is_null() {
        app["lifecycle"] = json!({"preStop": hook});
    }
    json!({"containers": [app]})
}

fn deployment(name: &str, hook: &Value) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(hook)}}})
}

/// Not a test: the sender that [`admissions`] starts inside the node's network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other tests"]
async fn inside_admissions() {
    let task = std::env::var("DRAINGATE_ADMISSIONS").expect("started by the other tests");
    let (count, rate) = task.split_once(' ').unwrap();
    let (count, rate): (u32, u32) = (count.parse().unwrap(), rate.parse().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = kube::Config::infer().await.unwrap();
    config.proxy_url = None;
    let client = kube::Client::try_from(config).unwrap();
    let start = Instant::now();
    let send = |number: u32| {
        let client = client.clone();
        async move {
            // Steady: each has its moment, and none is sent before it.
            tokio::time::sleep_until((start + Duration::from_secs(1) * number / rate).into()).await;
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(&Value::Null),
                "metadata": {"name": format!("load-{number}"), "namespace": "shop"}});
            let request =
                Request::post("/api/v1/namespaces/shop/pods?dryRun=All").header("content-type", "application/json");
            let sent = clock();
            match client.request::<Value>(request.body(pod.to_string().into_bytes()).unwrap()).await {
                Err(error) => Some((sent, error.to_string())),
                Ok(pod) if pod.pointer("/spec/containers/0/lifecycle/preStop/sleep/seconds") == Some(&json!(10)) => {
                    None
                }
                Ok(_) => Some((sent, "let in, not injected".to_owned())),
            }
        }
    };
    let answers = futures::stream::iter(0..count).map(send).buffer_unordered(64);
    let failed: Vec<(f64, String)> = answers.filter_map(|answer| async { answer }).collect().await;
    println!("admissions: {}", json!({"sent": count, "failed": failed, "seconds": start.elapsed().as_secs_f64()}));
}

#[test]
fn a_release_is_installed_used_changed_and_gone() {
    let node = Node::up();
    let before = leftovers(&node);
    node.release("install", &["webhooks.enforceFailurePolicy=Fail"]);
    let ready = "-o=jsonpath={.status.readyReplicas}";
    assert_eq!(node.kubectl(&["-n", "draingate", "get", "deployment", "draingate", ready]), "2");
    node.namespace("shop", "enforce");
    node.injects("shop");

    // Injected, and it runs: the kubelet takes the hook.
    node.apply(&deployment("web", &Value::Null)).unwrap();
    node.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s"]);
    let hooks = "-o=jsonpath={.items[*].spec.containers[0].lifecycle.preStop.sleep.seconds}";
    assert_eq!(node.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", hooks]), "10 10");
    // Rejected, with the reason where a person looks for it.
    let hopeless = json!({"exec": {"command": ["sleep", "3600"]}});
    let mut bare = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad", "namespace": "shop"}});
    bare["spec"] = pod_spec(&hopeless);
    let refusal = node.apply(&bare).unwrap_err();
    assert!(refusal.contains("[grace-budget]") && refusal.contains("fix: "), "{refusal}");
    node.apply(&deployment("bad", &hopeless)).unwrap();
    eventually("the Deployment is told", || {
        let events = node.kubectl(&["-n", "shop", "get", "events", "-o", "jsonpath={range .items[*]}{.reason} {end}"]);
        (events.contains("DrainRejected") && events.contains("DrainInjected")).then_some(())
    });

    assert!(node.helm(&["test", "draingate"]).contains("Succeeded"));
    node.release("upgrade", &["webhooks.enforceFailurePolicy=Fail", "holdSeconds=5"]);
    assert!(node.apply(&bare).is_err());
    node.helm(&["rollback", "draingate", "1", "--wait"]);
    assert!(node.apply(&bare).is_err());
    node.helm(&["uninstall", "draingate", "--wait"]);
    // Nothing is left but the policies and their kinds, not even what would hold pods up.
    node.apply(&bare).unwrap();
    let leases = || node.kubectl(&["-n", "draingate", "get", "leases,secrets", "-o", "name"]);
    eventually("the lease goes with the Secret", || leases().is_empty().then_some(()));
    node.kubectl(&["delete", "crd", "drainpolicies.draingate.dev", "clusterdrainpolicies.draingate.dev"]);
    node.kubectl(&["delete", "namespace", "draingate", "shop", "--grace-period=1"]);
    eventually("nothing is left", || (leftovers(&node) == before).then_some(()));
}

/// cert-manager, running inside until the test ends.
struct CertManager(std::process::Child);

impl CertManager {
    fn start(node: &Node) -> CertManager {
        let folder = PathBuf::from(run(script("parts").arg("cert-manager")).trim());
        // `kubectl apply` would keep the whole of these large objects in an annotation.
        node.kubectl(&["create", "-f", folder.join("crds.yaml").to_str().unwrap()]);
        node.kubectl(&["wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"]);
        let kubeconfig = node.folder.path().canonicalize().unwrap().join("admin.conf");
        let log = std::fs::File::create(node.folder.path().join("cert-manager.log")).unwrap();
        let mut command = node.command(folder.join("cert-manager"), &["--kubeconfig", kubeconfig.to_str().unwrap()]);
        CertManager(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

impl Drop for CertManager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn cert_manager_makes_the_certificates_renews_them_and_no_admission_fails() {
    let node = Node::up();
    let _cert_manager = CertManager::start(&node);
    node.release("install", &["webhooks.enforceFailurePolicy=Fail", "certificates.mode=cert-manager"]);
    node.namespace("shop", "enforce");
    let secret =
        || node.kubectl(&["-n", "draingate", "get", "secret", "draingate-tls", "-o=jsonpath={.data.tls\\.crt}"]);
    let shown = || {
        let ask = "echo | openssl s_client -connect \"$0:443\" 2>/dev/null | openssl x509 -noout -serial";
        let address = "-o=jsonpath={.spec.clusterIP}";
        let address = node.kubectl(&["-n", "draingate", "get", "service", "draingate", address]);
        run(&mut node.command("sh", &["-c", ask, &address]))
    };
    let (first, first_shown) = (secret(), shown());
    let (sent, failed) = admissions(&node, 8_000, 100, || {
        // As `cmctl renew` asks for it.
        let issue = json!({"status": {"conditions": [{"type": "Issuing", "status": "True", "reason": "ManuallyTriggered",
            "message": "asked for", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
        let patch = ["--subresource=status", "--type=merge", "-p", &issue.to_string()];
        node.kubectl(&[&["-n", "draingate", "patch", "certificate", "draingate"][..], &patch].concat());
        eventually("cert-manager issues another certificate", || (secret() != first).then_some(()));
        // The kubelet brings a Secret to its mount within a minute or two; the load goes on meanwhile.
        std::thread::sleep(Duration::from_secs(70));
    });
    println!("{sent} admissions while the certificate was renewed, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");
    eventually("the replicas show the new one", || (shown() != first_shown).then_some(()));
    // The injector mends what somebody overwrites.
    let path = "-o=jsonpath={.webhooks[0].clientConfig.caBundle}";
    let bundle = || node.kubectl(&["get", "validatingwebhookconfiguration", "draingate", path]);
    let right = bundle();
    let garbage = r#"[{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "Z2FyYmFnZQ=="}]"#;
    node.kubectl(&["patch", "validatingwebhookconfiguration", "draingate", "--type=json", "-p", garbage]);
    eventually("the caBundle is right again", || (bundle() == right).then_some(()));
}

/// A server that dies at SIGTERM, and its Service.
fn dying_server(node: &Node) -> String {
    let labels = json!({"app": "web"});
    let app = json!({"name": "app", "image": "localhost/lab:1", "imagePullPolicy": "Never", "args": ["serve", "-work=200ms"],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [app]}}}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}});
    node.apply(&deployment).unwrap();
    node.apply(&service).unwrap();
    node.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s"]);
    let address = node.kubectl(&["-n", "shop", "get", "service", "web", "-o=jsonpath={.spec.clusterIP}"]);
    let url = format!("http://{address}/");
    eventually("the Service answers", || {
        let answer = node.command("curl", &["--silent", "--fail", "--max-time", "2", &url]).output().unwrap();
        answer.status.success().then_some(())
    });
    url
}

/// `draingate rehearse` of the Deployment web: exit code, what it says, and its complaint.
fn rehearse(node: &Node, arguments: &[&str]) -> (i32, String, String) {
    let mut all = vec!["rehearse", "deployment/web", "-n", "shop", "--before", "3s", "--after", "3s", "--yes"];
    all.extend(arguments);
    // One client that opens many connections to one address meets its own old ones, which conntrack still sends to pods
    // that are gone.
    run(&mut node.command("conntrack", &["-F"]));
    let output = node.command(env!("CARGO_BIN_EXE_draingate"), &all).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_rehearsal_tells_what_a_rollout_loses() {
    let node = Node::up();
    node.load(lab_image());
    node.release("install", &[]);
    node.namespace("shop", "off");
    // As in the lab: all is asked from one address, and a port that is used again has not to lead to a pod that is gone.
    run(&mut node.command("sh", &["-c", "echo 5 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent"]));
    let url = dying_server(&node);
    let load = ["--url", &url, "--rate", "50", "--timeout", "3s"];
    let template = || node.kubectl(&["-n", "shop", "get", "deployment", "web", "-o=jsonpath={.spec.template}"]);
    let written = template();

    // What cannot go well is not begun.
    let (code, _, complaint) = rehearse(&node, &["--url", "http://10.96.250.250/", "--timeout", "1s"]);
    assert_eq!(code, 2, "{complaint}");
    assert!(complaint.contains("failed before anything was restarted"), "{complaint}");
    for (change, back, complaint) in [
        (json!({"paused": true}), json!({"paused": false}), "is paused"),
        (json!({"revisionHistoryLimit": 0}), json!({"revisionHistoryLimit": 5}), "keeps no history"),
        (json!({"replicas": 0}), json!({"replicas": 3}), "has no pods"),
    ] {
        let patch = |spec: &Value| {
            let patch = json!({"spec": spec}).to_string();
            node.kubectl(&["-n", "shop", "patch", "deployment", "web", "--type=merge", "-p", &patch]);
            if spec.get("paused") != Some(&json!(true)) {
                node.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s"]);
            }
        };
        patch(&change);
        let said = eventually("the controller has seen the change", || {
            let (code, _, said) = rehearse(&node, &load);
            (code == 2 && !said.contains("not at rest")).then_some(said)
        });
        assert!(said.contains(complaint), "{said}");
        patch(&back);
    }
    assert_eq!(template(), written);
    eventually("all pods are there again", || {
        let ready =
            node.kubectl(&["-n", "shop", "get", "deployment", "web", "-o=jsonpath={.status.availableReplicas}"]);
        (ready == "3").then_some(())
    });

    // Without Draingate requests are lost, and the numbers say so.
    let picture = node.folder.path().canonicalize().unwrap().join("run.svg");
    let drawn = [&load[..], &["--format", "json", "--svg", picture.to_str().unwrap()]].concat();
    let (code, said, complaint) = rehearse(&node, &drawn);
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}{complaint}"));
    assert_eq!(code, 1, "{report}");
    assert!(report["inside"]["failed"].as_u64().unwrap() > 0, "{report}");
    assert_eq!((&report["outside"]["failed"], &report["slo"]["met"]), (&json!(0), &json!(false)), "{report}");
    assert!(report["firstError"]["follows"].is_string(), "{report}");
    assert!(std::fs::read_to_string(&picture).unwrap().contains("</svg>"));
    // Too many undo it.
    let written = template();
    let (code, said, complaint) = rehearse(&node, &[&load[..], &["--max-errors", "0"]].concat());
    assert!(code == 1 && said.contains("undone"), "{said}{complaint}");
    assert_eq!(template(), written);

    // With Draingate nothing is lost, once the pods are those that it has injected.
    node.kubectl(&["label", "namespace", "shop", "--overwrite", "draingate.dev/mode=inject"]);
    eventually("the pods are injected", || {
        node.kubectl(&["-n", "shop", "rollout", "restart", "deployment/web"]);
        node.kubectl(&["-n", "shop", "rollout", "status", "deployment/web", "--timeout=60s"]);
        let hooks = "-o=jsonpath={.items[*].spec.containers[0].lifecycle.preStop.sleep.seconds}";
        let list = node.kubectl(&["-n", "shop", "get", "pods", "-l", "app=web", hooks]);
        std::thread::sleep(Duration::from_secs(12));
        (list.split_whitespace().count() >= 3).then_some(())
    });
    let (code, said, complaint) = rehearse(&node, &load);
    println!("{said}");
    assert!(code == 0 && said.contains("met"), "{said}{complaint}");
}

/// What an installation could leave behind, cluster-wide.
fn leftovers(node: &Node) -> String {
    let kinds = "crd,mutatingwebhookconfiguration,validatingwebhookconfiguration,clusterrole,clusterrolebinding,namespace,\
        priorityclass,apiservice";
    let mut lines: Vec<String> = node.kubectl(&["get", kinds, "-o", "name"]).lines().map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

/// `rounds` rollouts of both replicas, one after the other.
fn roll(node: &Node, rounds: u32) {
    for _ in 0..rounds {
        node.kubectl(&["-n", "draingate", "rollout", "restart", "deployment/draingate"]);
        node.kubectl(&["-n", "draingate", "rollout", "status", "deployment/draingate", "--timeout=120s"]);
    }
}

#[test]
fn replicas_are_rolled_and_no_admission_fails() {
    let node = Node::up();
    node.release("install", &["webhooks.enforceFailurePolicy=Fail"]);
    node.namespace("shop", "enforce");
    let (sent, failed) = admissions(&node, 3_000, 100, || roll(&node, 5));
    println!("{sent} admissions while both replicas were rolled 5 times, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");
}

/// The ready replicas, as the API server's Service sees them: name and address.
fn endpoints(node: &Node) -> Vec<(String, String)> {
    let list = ["-n", "draingate", "get", "endpointslices", "-l", "kubernetes.io/service-name=draingate", "-o", "json"];
    let list: Value = serde_json::from_str(&node.kubectl(&list)).unwrap();
    let slices = list["items"].as_array().unwrap().iter();
    let endpoints = slices.flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
    let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all: Vec<_> = ready.map(|one| (text(&one["targetRef"]["name"]), text(&one["addresses"][0]))).collect();
    all.sort();
    all
}

/// How many reviews a replica has answered.
fn answered(node: &Node, address: &str) -> f64 {
    let metrics =
        run(&mut node.command("curl", &["--silent", "--max-time", "5", &format!("http://{address}:8080/metrics")]));
    let counts = metrics.lines().filter(|line| line.starts_with("draingate_admissions_total"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A controller's pods exist soon, whatever happened: the controllers try again.
fn a_new_workload_gets_its_pods(node: &Node, name: &str) {
    let started = Instant::now();
    node.apply(&deployment(name, &Value::Null)).unwrap();
    let path = "-o=jsonpath={.items[*].metadata.name}";
    let label = format!("app={name}");
    eventually("its pods exist", || {
        let pods = node.kubectl(&["-n", "shop", "get", "pods", "-l", &label, path]);
        (pods.split_whitespace().count() == 2).then_some(())
    });
    println!("the pods of {name} existed after {:.1} s", started.elapsed().as_secs_f64());
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_replica_crashes_or_is_cut_off_and_the_other_goes_on() {
    let node = Node::up();
    node.release("install", &["webhooks.enforceFailurePolicy=Fail"]);
    node.namespace("shop", "enforce");
    let ready =
        |count: usize| eventually("replicas are ready", || Some(endpoints(&node)).filter(|all| all.len() == count));

    // SIGKILL: what was in flight fails, and what was sent before the endpoint left.
    let (killed, mut left) = (ready(2).remove(0).0, 0.0);
    let (sent, failed) = admissions(&node, 2_000, 100, || {
        std::thread::sleep(Duration::from_secs(4));
        let path = "-o=jsonpath={.status.containerStatuses[0].containerID}";
        let container = node.kubectl(&["-n", "draingate", "get", "pod", &killed, path]);
        let socket = node.folder.path().canonicalize().unwrap().join("containerd.sock");
        let id = container.trim_start_matches("containerd://");
        let kill = ["-a", socket.to_str().unwrap(), "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", id];
        run(&mut node.command("ctr", &kill));
        a_new_workload_gets_its_pods(&node, "after-crash");
        // The kubelet starts it again at once: the endpoint is away for a moment only.
        let restarts = "-o=jsonpath={.status.containerStatuses[0].restartCount}";
        eventually("the kubelet starts it again", || {
            (node.kubectl(&["-n", "draingate", "get", "pod", &killed, restarts]) == "1").then_some(())
        });
        ready(2);
        left = clock();
    });
    println!("{sent} admissions while a replica was killed, {} failed: {:?}", failed.len(), failed.first());
    // What the endpoints and kube-proxy take on top, and a busy machine.
    assert!(failed.iter().all(|failure| failure.sent <= left + 20.0), "{left}: {failed:?}");

    // Cut from the network, the one that is asked (the API server keeps its connections): until the kubelet finds it
    // unready.
    let replicas = ready(2);
    let before = replicas.iter().map(|(_, address)| answered(&node, address)).collect::<Vec<_>>();
    let (sent, failed) = admissions(&node, 4_000, 100, || {
        std::thread::sleep(Duration::from_secs(4));
        let asked = |index: &usize| answered(&node, &replicas[*index].1) - before[*index];
        let busiest = (0..2).max_by(|a, b| asked(a).total_cmp(&asked(b))).unwrap();
        let (name, address) = &replicas[busiest];
        let cut = format!(
            "mac=$(ip neigh show {address} | sed -E 's/.*lladdr ([^ ]+).*/\\1/'); \
             port=$(bridge fdb show br pods0 | grep \"^$mac \" | sed -E 's/.* dev ([^ ]+).*/\\1/;s/.*dev ([^ ]+) .*/\\1/' | head -n 1); \
             ip link set \"$port\" down && echo \"$port\""
        );
        println!("{name} is cut off at {}", run(&mut node.command("sh", &["-c", &cut])).trim());
        a_new_workload_gets_its_pods(&node, "after-cut");
        ready(1);
        left = clock();
    });
    println!("{sent} admissions while a replica was cut off, {} failed: {:?}", failed.len(), failed.first());
    assert!(!failed.is_empty(), "the replica that was asked was not cut off");
    assert!(failed.iter().all(|failure| failure.sent <= left + 20.0), "{left}: {:?}", failed.last());
}

/// A pod of the shop that takes so long after SIGTERM, or never ends where that is empty.
fn stopping(name: &str, grace: u64, hook: &Value, after_term: &str) -> Value {
    let trap = if after_term.is_empty() { "''".to_owned() } else { format!("'sleep {after_term}; exit 0'") };
    let command = json!(["sh", "-c", format!("trap {trap} TERM; while :; do sleep 1 & wait; done")]);
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(hook),
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}}});
    pod["spec"]["terminationGracePeriodSeconds"] = grace.into();
    pod["spec"]["containers"][0]["command"] = command;
    pod
}

#[test]
fn observe_measures_what_the_kubelet_does() {
    let node = Node::bare();
    node.namespace("shop", "audit");
    let sleep = |seconds: u64| json!({"sleep": {"seconds": seconds}});
    let mut clean = stopping("clean", 20, &sleep(4), "3");
    let mut sidecar = stopping("", 0, &Value::Null, "2")["spec"]["containers"][0].clone();
    sidecar["name"] = "proxy".into();
    sidecar["restartPolicy"] = "Always".into();
    clean["spec"]["initContainers"] = json!([sidecar]);
    let mut waiting = stopping("waiting", 5, &Value::Null, "0");
    waiting["spec"]["nodeSelector"] = json!({"no": "such"});
    let mut finished = stopping("finished", 5, &Value::Null, "0");
    finished["spec"]["containers"][0]["command"] = json!(["/bin/date"]);
    finished["spec"]["restartPolicy"] = "Never".into();
    let ran = [
        clean,
        stopping("killed", 6, &sleep(1), ""),
        stopping("tight", 10, &sleep(1), "8"),
        stopping("hook", 20, &json!({"exec": {"command": ["/no/such"]}}), "0"),
    ];
    for pod in ran.iter().chain([&waiting, &finished]) {
        node.apply(pod).unwrap();
    }
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "clean", "namespace": "shop"},
        "spec": {"selector": {"app": "clean"}, "ports": [{"port": 80}]}});
    node.apply(&service).unwrap();
    for pod in ["clean", "killed", "tight", "hook"] {
        node.kubectl(&["-n", "shop", "wait", "--for=condition=Ready", "--timeout=60s", &format!("pod/{pod}")]);
    }
    node.kubectl(&["-n", "shop", "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", "pod/finished"]);
    let addresses = ["-n", "shop", "get", "endpointslices", "-o=jsonpath={.items[*].endpoints[*].conditions.ready}"];
    eventually("the endpoint is ready", || (node.kubectl(&addresses) == "true").then_some(()));

    let arguments = ["observe", "--for", "25s", "--format", "json"];
    let mut observing = node.command(env!("CARGO_BIN_EXE_draingate"), &arguments);
    let mut observing = observing.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(observing.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("watching"), "{line}");
    node.kubectl(&["-n", "shop", "delete", "pod", "--all", "--wait=false"]);
    let output = observing.wait_with_output().unwrap();
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output)));

    assert_eq!(
        seen["summary"],
        json!({"stops": 4, "workloads": 4, "killed": 1, "hookFailed": 1, "usedUp": 1}),
        "{seen:#}"
    );
    let of = |name: &str| seen["workloads"].as_array().unwrap().iter().find(|w| w["name"] == name).unwrap();
    let worst = ["killed", "hook", "tight", "clean"].map(|name| of(name)["worst"].as_str().unwrap());
    assert_eq!(worst, ["killed", "hook_failed", "used_up", "clean"]);
    // A second of resolution, and one that the machine may take.
    let about = |value: &Value, seconds: f64| (seconds - 1.0..=seconds + 2.0).contains(&value.as_f64().unwrap());
    let took = |name: &str, container: usize| &of(name)["containers"][container]["stopSeconds"]["max"];
    for (name, container, seconds) in
        [("clean", 0, 7.0), ("clean", 1, 9.0), ("killed", 0, 6.0), ("tight", 0, 9.0), ("hook", 0, 0.0)]
    {
        assert!(about(took(name, container), seconds), "{name} {container}: {}", of(name));
    }
    assert_eq!(of("clean")["containers"][1]["role"], "native-sidecar");
    let endpoint = &of("clean")["endpointSeconds"];
    assert!(endpoint["count"] == 1 && endpoint["max"].as_f64().unwrap() < 4.0, "{endpoint}");
    assert_eq!(seen["missed"]["withoutEnd"], 0, "{seen:#}");
}

#[test]
#[ignore = "some 20 minutes: make soak"]
fn soak_of_rollouts_and_rotations() {
    let node = Node::up();
    // Certificates live so short that a rotation's old CA is forgotten before the list of trusted ones is full.
    let arguments = "extraArgs={--ca-settle=1s,--leaf-lifetime=12s}";
    node.release("install", &["webhooks.enforceFailurePolicy=Fail", arguments]);
    node.namespace("shop", "enforce");
    let (sent, failed) = admissions(&node, 24_000, 120, || roll(&node, 50));
    println!("{sent} admissions while both replicas were rolled 50 times, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");

    let bundle = || {
        let path = "-o=jsonpath={.webhooks[0].clientConfig.caBundle}";
        node.kubectl(&["get", "mutatingwebhookconfiguration", "draingate", path])
    };
    let issuing =
        || node.kubectl(&["-n", "draingate", "get", "secret", "draingate-ca", "-o=jsonpath={.data.ca\\.crt}"]);
    let (sent, failed) = admissions(&node, 72_000, 120, || {
        let mut seen = std::collections::BTreeSet::new();
        for turn in 0..100 {
            let (value, before) = (format!("draingate.dev/rotate=turn-{turn}"), issuing());
            // A bundle begins with the CA that issues.
            let first = |bundle: &str| bundle.get(..400).map(str::to_owned);
            node.kubectl(&["-n", "draingate", "annotate", "--overwrite", "secret", "draingate-ca", &value]);
            eventually("the next CA issues", || (first(&issuing()) != first(&before)).then_some(()));
            seen.insert(bundle());
        }
        println!("100 rotations, {} different bundles", seen.len());
    });
    println!("{sent} admissions while the CA was rotated 100 times, {} failed", failed.len());
    assert_eq!(failed, [], "of {sent}");
}
