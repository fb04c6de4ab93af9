//! What the API server does to us, while a client goes on asking.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};

use draingate_testing::apiserver::ApiServer;
use draingate_testing::load::{Load, pod, response, review};
use draingate_testing::proxy::{Fault, Proxy};
use draingate_testing::replica::{Replica, Start, certificate, fault_time, install, kubeconfig};
use draingate_testing::tls::{Client, request, send, soon};

/// A replica, behind a proxy or not, and a namespace of its own.
struct Stage {
    server: &'static ApiServer,
    proxy: Option<Proxy>,
    _replica: Replica,
    client: Client,
    namespace: &'static str,
    _files: tempfile::TempDir,
}

/// For tests that stop it, one at a time.
pub(super) static STOPPED: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub(super) fn stoppable() -> &'static ApiServer {
    static SERVER: OnceLock<ApiServer> = OnceLock::new();
    SERVER.get_or_init(installed)
}

/// For tests that leave it alone.
pub(super) fn shared() -> &'static ApiServer {
    static SERVER: OnceLock<ApiServer> = OnceLock::new();
    SERVER.get_or_init(installed)
}

fn installed() -> ApiServer {
    let server = ApiServer::start();
    install(&server);
    server
}

impl Stage {
    async fn start(server: &'static ApiServer, proxy: Option<Proxy>, namespace: &'static str) -> Stage {
        let files = tempfile::tempdir().unwrap();
        let kubeconfig = kubeconfig(server, files.path(), proxy.as_ref().map(Proxy::url).as_deref());
        let certificate = certificate(files.path());
        let arguments: Vec<&str> = certificate.iter().map(String::as_str).collect();
        let start = Start { arguments: &arguments, kubeconfig: Some(&kubeconfig), ..Start::default() };
        let replica = Replica::start(files.path(), start).await;
        let client = replica.client();
        server.apply(
            &json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": namespace, "labels": {"draingate.dev/mode": "inject"}}})
            .to_string(),
        );
        let stage = Stage { server, proxy, _replica: replica, client, namespace, _files: files };
        stage.policy(50);
        soon("the first policy", stage.counts(50)).await;
        stage
    }

    fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// Sets the worst-case request time.
    fn policy(&self, seconds: u64) {
        self.server.apply(&policy(self.namespace, seconds));
    }

    /// The worst-case request time that a pod meets.
    async fn in_force(&self) -> u64 {
        let mut connection = self.client.http1().await;
        let body = review(&pod(self.namespace));
        let response = response(&send(&mut connection, request("POST", "/mutate", body)).await).unwrap();
        let patch = base64::engine::general_purpose::STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let patch: Value = serde_json::from_slice(&patch).unwrap();
        let operations = patch.as_array().unwrap();
        let grace = operations.iter().find(|o| o["path"] == "/spec/terminationGracePeriodSeconds");
        // Hold 10, safety margin 5; less than 26 s is the grace that keeps the 30 s after the hook, 40.
        grace.map_or(40, |grace| grace["value"].as_u64().unwrap()) - 15
    }

    /// Waits until this worst-case request time counts; how long that took.
    async fn counts(&self, seconds: u64) -> Duration {
        let begun = Instant::now();
        while self.in_force().await != seconds {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }

    fn load(&self) -> Load {
        Load::start(&self.client, review(&pod(self.namespace)))
    }
}

fn policy(namespace: &str, seconds: u64) -> String {
    json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"budget": {"worstCaseRequestSeconds": seconds}}})
    .to_string()
}

/// A fault comes, a policy changes, the fault goes.
async fn passes(what: &str, fault: Fault, namespace: &'static str) {
    passes_after(fault_time(), what, fault, namespace).await;
}

async fn passes_after(time: Duration, what: &str, fault: Fault, namespace: &'static str) {
    let stage = Stage::start(shared(), Some(Proxy::start(shared()).await), namespace).await;
    let load = stage.load();
    load.answers(20).await;
    stage.proxy().set(fault);
    tokio::time::sleep(time / 4).await;
    stage.policy(30);
    tokio::time::sleep(time * 3 / 4).await;
    // Lists go on where only watches are refused.
    let during = stage.in_force().await;
    assert_eq!(during, if fault == Fault::Gone { 30 } else { 20 });
    assert!(stage.proxy().broken() > 0);
    stage.proxy().set(Fault::None);
    let taken = soon("the change counts", stage.counts(30)).await;
    let toll = load.end().await;
    println!("{what} for {time:?}: {toll}; a policy changed meanwhile counted {taken:.1?} after its end");
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_answers_500() {
    passes("the API server answers 500", Fault::Status(500), "status-500").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_answers_429() {
    passes("the API server answers 429", Fault::Status(429), "status-429").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_answers_410() {
    passes("the API server answers 410", Fault::Gone, "status-410").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_takes_the_token_no_more() {
    passes("the API server takes the token no more", Fault::Token, "token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_knows_no_crds_yet() {
    // As one that has just started; what stays unknown for 10 s is believed.
    let time = Duration::from_secs(4);
    passes_after(time, "the API server knows no CRDs", Fault::Status(404), "status-404").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_cuts_watches() {
    let stage = Stage::start(shared(), Some(Proxy::start(shared()).await), "cuts").await;
    let load = stage.load();
    stage.proxy().set(Fault::CutWatches);
    let (mut longest, begun, mut seconds) = (Duration::ZERO, Instant::now(), 30);
    while begun.elapsed() < fault_time() || seconds < 33 {
        stage.policy(seconds);
        longest = longest.max(soon("the change counts", stage.counts(seconds)).await);
        seconds += 1;
    }
    let cut = stage.proxy().broken();
    assert!(cut > 8, "{cut} watches were cut");
    stage.proxy().set(Fault::None);
    let toll = load.end().await;
    println!(
        "{cut} watches cut in the middle of an event: {toll}; each of {} changes counted, after {longest:.1?} at most",
        seconds - 30
    );
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two minutes: a silent connection is given up after 90 s"]
async fn api_server_is_not_heard_any_more() {
    let stage = Stage::start(shared(), Some(Proxy::start(shared()).await), "silence").await;
    let load = stage.load();
    stage.proxy().set(Fault::Silence);
    tokio::time::sleep(fault_time()).await;
    stage.policy(30);
    assert_eq!(stage.in_force().await, 20);
    stage.proxy().set(Fault::None);
    // What was open before stays silent.
    let taken = tokio::time::timeout(Duration::from_secs(150), stage.counts(30)).await.unwrap();
    let toll = load.end().await;
    println!(
        "a network that swallows everything: {toll}; a policy changed meanwhile counted {taken:.1?} after its end"
    );
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_restarts() {
    let _alone = STOPPED.lock().await;
    let stage = Stage::start(stoppable(), None, "restarts").await;
    let load = stage.load();
    load.answers(20).await;
    let begun = Instant::now();
    stage.server.crash();
    tokio::time::sleep(fault_time()).await;
    assert_eq!(stage.in_force().await, 20);
    // Until something was changed, no pod meets anything but the policy that was known.
    let server = stage.server;
    let start = tokio::task::spawn_blocking(|| server.start_again());
    while !start.is_finished() {
        assert_eq!(stage.in_force().await, 20);
    }
    start.await.unwrap();
    let (away, settled) = (begun.elapsed(), Instant::now());
    while settled.elapsed() < Duration::from_secs(5) {
        assert_eq!(stage.in_force().await, 20);
    }
    stage.policy(30);
    let taken = soon("the change counts", stage.counts(30)).await;
    let toll = load.end().await;
    println!("the API server killed, back after {away:.1?}: {toll}; a policy changed then counted after {taken:.1?}");
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn api_server_hangs() {
    let _alone = STOPPED.lock().await;
    let stage = Stage::start(stoppable(), None, "hangs").await;
    let load = stage.load();
    load.answers(20).await;
    let process = Process::of(stage.server, "kube-apiserver");
    process.signal("STOP");
    tokio::time::sleep(fault_time()).await;
    assert_eq!(stage.in_force().await, 20);
    process.signal("CONT");
    stage.policy(30);
    let taken = soon("the change counts", stage.counts(30)).await;
    let toll = load.end().await;
    println!("the API server stopped for {:?}: {toll}; a policy changed then counted after {taken:.1?}", fault_time());
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_slow() {
    let _alone = STOPPED.lock().await;
    let stage = Stage::start(stoppable(), None, "etcd").await;
    let load = stage.load();
    load.answers(20).await;
    let process = Process::of(stage.server, "etcd");
    let slow = tokio::spawn(async move {
        let begun = Instant::now();
        while begun.elapsed() < fault_time() {
            process.signal("STOP");
            tokio::time::sleep(Duration::from_millis(400)).await;
            process.signal("CONT");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (begun, mut seconds, mut longest) = (Instant::now(), 30, Duration::ZERO);
    while begun.elapsed() < fault_time() {
        let policy = policy(stage.namespace, seconds);
        if stage.server.try_kubectl(&["apply", "-f", "-"], &policy).is_ok() {
            longest = longest.max(soon("the change counts", stage.counts(seconds)).await);
            seconds += 1;
        }
    }
    slow.await.unwrap();
    stage.policy(90);
    let taken = soon("the change counts", stage.counts(90)).await;
    let toll = load.end().await;
    println!(
        "etcd away for 400 ms of each 420, for {:?}: {toll}; each of {} policy changes stored counted {longest:.1?} later \
         at most, the one after it {taken:.1?} later",
        fault_time(),
        seconds - 30
    );
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

/// A part of the API server that this process started. It goes on when the guard goes.
struct Process(String);

impl Process {
    fn of(server: &ApiServer, name: &str) -> Process {
        let path = server.kubeconfig().with_file_name(format!("{name}.pid"));
        Process(std::fs::read_to_string(path).unwrap().trim().to_owned())
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &self.0]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "CONT", &self.0]).status();
    }
}
