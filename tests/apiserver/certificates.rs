//! Certificates of Draingate's own making: two replicas, an API server that rejects what it cannot ask about, and
//! everything that can happen to the Secret, the caBundle and the replicas.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use draingate_testing::apiserver::ApiServer;
use draingate_testing::lab::{draingate, eventually, free_port, get, yaml};

const ENFORCE: &str =
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {draingate.dev/mode: enforce}}}";
const SECRET: [&str; 4] = ["-n", "draingate", "secret", "draingate-ca"];

/// A replica as it would run in a pod, with the rights that the chart gives.
struct Replica {
    process: Child,
    port: u16,
    admin: u16,
    log: PathBuf,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Replica {
    fn start(server: &ApiServer, kubeconfig: &PathBuf, name: &str, arguments: &[&str]) -> Replica {
        let (port, admin) = (free_port(), free_port());
        let log = server.kubeconfig().parent().unwrap().join(format!("{name}.log"));
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_draingate"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--admin-listen", &format!("127.0.0.1:{admin}")])
            .args(["--tls-name", "127.0.0.1", "--hold-seconds", "1", "--log-format", "text", "--pod-name", name])
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Replica { process, port, admin, log }
    }

    fn ready(&self) {
        eventually("the replica is ready", || (get(self.admin, "/readyz")?.0 == 200).then_some(()));
    }

    fn metric(&self, name: &str) -> f64 {
        let (_, text) = get(self.admin, "/metrics").unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(f64::NAN)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// A cluster with the CRDs, the namespaces, and a kubeconfig of a user with exactly the rights of the chart.
fn cluster() -> (ApiServer, PathBuf) {
    let server = ApiServer::start();
    server.apply(&draingate(&["crd"]));
    server.wait_for_crds();
    server.kubectl(&["create", "namespace", "draingate"], "");
    server.kubectl(&["create", "serviceaccount", "draingate", "-n", "draingate"], "");
    server.apply(ENFORCE);
    // The manifest for kubectl is the chart with its default values.
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/charts/draingate.yaml")).unwrap();
    for document in draingate_core::manifest::documents(&manifest) {
        let object = draingate_core::manifest::parse(&document).unwrap();
        if object["kind"].as_str().is_some_and(|kind| kind.contains("Role")) {
            server.apply(&object.to_string());
        }
    }
    let token = server.kubectl(&["create", "token", "draingate", "-n", "draingate"], "");
    let kubeconfig = server.kubeconfig().parent().unwrap().join("draingate.conf");
    let mut config = yaml(&std::fs::read_to_string(server.kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    (server, kubeconfig)
}

/// Both configurations, calling `port`, without a caBundle. Fail, so that nothing is let through unasked.
fn install(server: &ApiServer, port: u16) {
    let url = format!("https://127.0.0.1:{port}");
    let webhooks = draingate(&["webhooks", "--url", &url, "--enforce-failure-policy", "fail"]);
    // A busy machine is no part of this: a call may take its time.
    assert!(webhooks.contains("timeoutSeconds: 2\n"));
    server.apply(&webhooks.replace("timeoutSeconds: 2\n", "timeoutSeconds: 10\n"));
}

/// Whether a pod of an enforce namespace gets in, and why not.
fn admits(server: &ApiServer) -> Result<(), String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("pod-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [{"name": "app", "image": "app", "ports": [{"containerPort": 80}]}]}});
    let stored = server.try_kubectl(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &pod.to_string())?;
    let stored: Value = serde_json::from_str(&stored).map_err(|error| error.to_string())?;
    // Mutated too: that webhook is Ignore, and says nothing when it cannot be asked.
    let hook = stored.pointer("/spec/containers/0/lifecycle/preStop/sleep/seconds");
    if hook == Some(&json!(10)) { Ok(()) } else { Err("the pod was not injected".to_owned()) }
}

fn bundle(server: &ApiServer) -> String {
    let path = "-o=jsonpath={.webhooks[*].clientConfig.caBundle}";
    let of = |kind: &str| server.kubectl(&["get", kind, "draingate", path], "");
    let all = format!("{} {}", of("mutatingwebhookconfiguration"), of("validatingwebhookconfiguration"));
    let mut different: Vec<_> = all.split_whitespace().collect();
    different.dedup();
    different.join(" ")
}

fn get_secret(server: &ApiServer, path: &str) -> String {
    server.try_kubectl(&[&["get"][..], &SECRET[..], &["-o", path]].concat(), "").unwrap_or_default()
}

#[test]
fn two_replicas_make_their_certificates_and_mend_what_is_broken() {
    let (server, kubeconfig) = cluster();
    let fast = ["--ca-settle", "1s"];
    let one = Replica::start(&server, &kubeconfig, "one", &fast);
    let two = Replica::start(&server, &kubeconfig, "two", &fast);
    install(&server, one.port);
    one.ready();
    two.ready();
    eventually("pods are admitted", || admits(&server).ok());
    eventually("one of them leads", || {
        (one.metric("draingate_leader") + two.metric("draingate_leader") == 1.0).then_some(())
    });

    // Somebody overwrites the caBundle, or takes it away.
    let right = bundle(&server);
    assert!(!right.contains(' ') && !right.is_empty());
    for broken in ["\"Z2FyYmFnZQ==\"", "null"] {
        let patch =
            format!("[{{\"op\": \"add\", \"path\": \"/webhooks/0/clientConfig/caBundle\", \"value\": {broken}}}]");
        server.kubectl(&["patch", "validatingwebhookconfiguration", "draingate", "--type=json", "-p", &patch], "");
        eventually("the caBundle is right again", || (bundle(&server) == right).then_some(()));
    }
    // The Secret is deleted, damaged, emptied: the CA is the same again, and nobody is turned away.
    let state = get_secret(&server, "jsonpath={.data.state\\.json}");
    server.kubectl(&[&["delete"][..], &SECRET[..]].concat(), "");
    let same = || (get_secret(&server, "jsonpath={.data.state\\.json}") == state).then_some(());
    eventually("the Secret is there again", same);
    for damage in ["{\"data\": {\"state.json\": \"bm90aGluZw==\"}}", "{\"data\": null}"] {
        server.kubectl(&[&["patch"][..], &SECRET[..], &["--type=merge", "-p", damage]].concat(), "");
        eventually("the Secret is whole again", same);
    }
    assert_eq!(admits(&server), Ok(()));
    assert_eq!(bundle(&server), right);

    // The leader crashes: the other takes over, and can rotate.
    let mut replicas = vec![one, two];
    let leader = replicas.iter().position(|replica| replica.metric("draingate_leader") == 1.0).unwrap();
    drop(replicas.remove(leader));
    let survivor = &replicas[0];
    install(&server, survivor.port);
    eventually("the other one leads", || (survivor.metric("draingate_leader") == 1.0).then_some(()));
    let before = get_secret(&server, "jsonpath={.data.ca\\.crt}");
    server.kubectl(&[&["annotate"][..], &SECRET[..], &["draingate.dev/rotate=now"]].concat(), "");
    eventually("it rotates", || (survivor.metric("draingate_ca_rotations_total") >= 1.0).then_some(()));
    assert_ne!(get_secret(&server, "jsonpath={.data.ca\\.crt}"), before);
    eventually("pods are admitted", || admits(&server).ok());
    assert!(!survivor.log().to_lowercase().contains("forbidden"), "{}", survivor.log());
}

#[test]
fn rotations_fail_no_admission() {
    let (server, kubeconfig) = cluster();
    // Certificates live so short that each rotation's old CA is forgotten before the next.
    let arguments = ["--ca-settle", "1s", "--leaf-lifetime", "6s"];
    let one = Replica::start(&server, &kubeconfig, "one", &arguments);
    install(&server, one.port);
    one.ready();
    eventually("pods are admitted", || admits(&server).ok());
    let over = AtomicBool::new(false);
    let (asked, failed) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let (mut asked, mut failed) = (0, Vec::new());
            while !over.load(Ordering::Relaxed) {
                asked += 1;
                failed.extend(admits(&server).err());
            }
            (asked, failed)
        });
        let rotations = 5;
        for turn in 0..rotations {
            let value = format!("draingate.dev/rotate=turn-{turn}");
            server.kubectl(&[&["annotate", "--overwrite"][..], &SECRET[..], &[&value]].concat(), "");
            eventually("the next CA issues", || {
                (one.metric("draingate_ca_rotations_total") >= f64::from(turn + 1)).then_some(())
            });
            std::thread::sleep(Duration::from_millis(500));
        }
        over.store(true, Ordering::Relaxed);
        load.join().unwrap()
    });
    assert_eq!(failed, Vec::<String>::new(), "of {asked}");
    assert!(asked > 5);
}

#[test]
fn two_installations_leave_each_other_alone() {
    let (server, kubeconfig) = cluster();
    let one = Replica::start(&server, &kubeconfig, "one", &[]);
    install(&server, one.port);
    one.ready();
    eventually("pods are admitted", || admits(&server).ok());
    let right = bundle(&server);

    // Another one under the same name, whose Service is elsewhere: it says so, and changes nothing.
    server.kubectl(&["create", "namespace", "other"], "");
    let elsewhere = draingate(&["webhooks", "--name", "draingate-other", "--namespace", "draingate"]);
    server.apply(&elsewhere);
    let arguments = ["--own-namespace", "other", "--webhooks-name", "draingate-other"];
    let other = Replica::start(&server, &server.kubeconfig(), "other", &arguments);
    other.ready();
    eventually("it says so", || other.log().contains("calls another Service").then_some(()));
    let path = "-o=jsonpath={.webhooks[*].clientConfig.caBundle}";
    assert_eq!(server.kubectl(&["get", "mutatingwebhookconfiguration", "draingate-other", path], ""), "");
    assert_eq!(bundle(&server), right);
    assert_eq!(admits(&server), Ok(()));
}
