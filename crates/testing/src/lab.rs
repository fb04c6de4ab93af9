//! A real API server that asks a real `draingate serve`: what the end-to-end tests stand on.
//!
//! Objects are written in YAML. Most go through a plain HTTP client, which shows status code, warnings and the
//! stored object; [`Lab::kubectl`] is there for what a person would see.

use std::fmt::Debug;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Request};
use futures::StreamExt;
use http_body_util::BodyExt;
use kube::Client;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::apiserver::ApiServer;

/// How long anything may take to become true.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `look` finds something.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until `look` gives `expected`; a failure shows the last thing seen.
pub fn settles<T: PartialEq + Debug>(what: &str, expected: T, mut look: impl FnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if seen == expected {
            return;
        }
        if Instant::now() >= deadline {
            assert_eq!(seen, expected, "not within {PATIENCE:?}: {what}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One YAML document as JSON.
pub fn yaml(text: &str) -> Value {
    let documents = draingate_core::manifest::documents(text);
    assert_eq!(documents.len(), 1, "one document: {text}");
    draingate_core::manifest::parse(&documents[0]).unwrap_or_else(|problem| panic!("{problem}: {text}"))
}

/// Every test's client runs here.
pub fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// What decides how a [`Lab`] is set up.
#[derive(Clone, Copy, Default)]
pub struct Setup {
    /// More arguments of `draingate webhooks`.
    pub webhooks: &'static [&'static str],
    /// More arguments of `draingate serve`.
    pub serve: &'static [&'static str],
    /// How late everything that the API server says reaches Draingate; its own questions come at once.
    pub lag: Duration,
}

/// An API server, and Draingate beside it.
pub struct Lab {
    server: ApiServer,
    files: PathBuf,
    /// Draingate's own.
    kubeconfig: PathBuf,
    client: Client,
    port: u16,
    admin_port: u16,
    arguments: &'static [&'static str],
    gate: Mutex<Option<Gate>>,
}

impl Lab {
    /// The lab that most tests share, each in namespaces of its own. It ends with the process.
    pub fn shared() -> &'static Lab {
        static SHARED: OnceLock<Lab> = OnceLock::new();
        SHARED.get_or_init(|| Lab::start(Setup::default()))
    }

    /// A lab of its own, for a test that breaks things. It ends with the guard.
    pub fn start(setup: Setup) -> Lab {
        let api = ApiServer::start();
        let files = api.kubeconfig().parent().unwrap().join("draingate");
        std::fs::create_dir_all(&files).unwrap();
        write_certificates(&files);
        let client = runtime().block_on(api.client());
        let kubeconfig =
            if setup.lag.is_zero() { api.kubeconfig() } else { lagging(&api.kubeconfig(), &files, setup.lag) };
        let (port, admin_port) = (free_port(), free_port());
        let gate = Mutex::new(None);
        let lab = Lab { server: api, files, kubeconfig, client, port, admin_port, arguments: setup.serve, gate };

        lab.kubectl_ok(&["apply", "-f", "-"], &draingate(&["crd"]));
        lab.api().wait_for_crds();
        lab.serve();
        let url = format!("https://127.0.0.1:{port}");
        let ca = lab.files.join("ca.crt");
        let mut args = vec!["webhooks", "--url", &url, "--ca-file", ca.to_str().unwrap()];
        args.extend(setup.webhooks);
        lab.kubectl_ok(&["apply", "-f", "-"], &draingate(&args));
        lab.asks();
        lab
    }

    /// Starts `draingate serve`, and waits until it is ready.
    pub fn serve(&self) {
        self.launch(&self.kubeconfig);
        eventually("draingate is ready", || (self.admin("/readyz").0 == 200).then_some(()));
    }

    /// Starts `draingate serve` with this kubeconfig.
    pub fn launch(&self, kubeconfig: &Path) {
        let mut gate = self.gate.lock().unwrap();
        assert!(gate.is_none(), "draingate runs already");
        *gate = Some(Gate::start(&self.files, kubeconfig, [self.port, self.admin_port], self.arguments));
    }

    /// The sum of the samples of a measure that begin with this.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.admin("/metrics");
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Where the webhooks are.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Ends `draingate serve` as a crash would.
    pub fn kill(&self) {
        self.gate.lock().unwrap().take().expect("draingate runs").kill();
    }

    /// An answer of the admin port: status and text; 0 where nothing answers.
    pub fn admin(&self, path: &str) -> (u16, String) {
        get(self.admin_port, path).unwrap_or_default()
    }

    /// Waits until the API server asks about pods, which it does a moment after the configurations are stored.
    fn asks(&self) {
        let (inject, enforce) = (self.namespace("inject"), self.namespace("enforce"));
        eventually("the mutating webhook is asked", || {
            let pod = inject.dry_run(SERVER).object();
            pod.pointer("/spec/containers/0/lifecycle").map(|_| ())
        });
        eventually("the validating webhook is asked", || (enforce.dry_run(HOPELESS).code == 403).then_some(()));
    }

    /// The API server itself.
    pub fn api(&self) -> &ApiServer {
        &self.server
    }

    /// A fresh namespace in `mode`; without the label where that is empty.
    pub fn namespace(&self, mode: &str) -> Space<'_> {
        let labels = if mode.is_empty() { json!({}) } else { json!({"draingate.dev/mode": mode}) };
        self.namespace_with(labels)
    }

    /// A fresh namespace with these labels.
    pub fn namespace_with(&self, labels: Value) -> Space<'_> {
        let space = self.fresh_name();
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.name, "labels": labels}});
        self.create(&object).accepted();
        space
    }

    /// A name that no namespace has yet.
    pub fn fresh_name(&self) -> Space<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("lab-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Space { lab: self, name }
    }

    /// A namespace that is there already.
    pub fn existing(&self, name: &str) -> Space<'_> {
        Space { lab: self, name: name.to_owned() }
    }

    /// Creates an object.
    pub fn create(&self, object: &Value) -> Answer {
        self.send("POST", &collection(object), "application/json", object)
    }

    /// Creates many, some at a time; answers in their order.
    pub fn create_all(&self, objects: &[Value], dry_run: bool) -> Vec<Answer> {
        let query = if dry_run { "?dryRun=All" } else { "" };
        let requests: Vec<_> =
            objects.iter().map(|o| ("POST", format!("{}{query}", collection(o)), "application/json", o)).collect();
        let calls = futures::stream::iter(requests).map(|(m, p, t, o)| call(&self.client, m, p, t, o)).buffered(16);
        runtime().block_on(calls.collect())
    }

    /// Creates an object, or replaces its spec, metadata and all else that `object` names.
    pub fn apply(&self, object: &Value) -> Answer {
        let path = format!("{}?fieldManager=lab&force=true", item(object));
        self.send("PATCH", &path, "application/apply-patch+yaml", object)
    }

    /// Changes an object by a merge patch.
    pub fn patch(&self, path: &str, patch: &Value) -> Answer {
        self.send("PATCH", path, "application/merge-patch+json", patch)
    }

    /// Deletes an object.
    pub fn delete(&self, object: &Value) -> Answer {
        self.send("DELETE", &item(object), "application/json", &json!({"gracePeriodSeconds": 0}))
    }

    /// Reads an object as it is stored.
    pub fn read(&self, object: &Value) -> Value {
        self.send("GET", &item(object), "application/json", &Value::Null).object()
    }

    /// Applies a policy, and waits until Draingate has taken it.
    pub fn policy(&self, policy: &Value) {
        self.apply(policy).accepted();
        eventually(&format!("draingate reads {policy}"), || {
            let stored = self.read(policy);
            let conditions = stored.pointer("/status/conditions")?.as_array()?;
            let generation = &stored["metadata"]["generation"];
            let current = stored.pointer("/status/observedGeneration") == Some(generation);
            (current && conditions.iter().any(|c| c["type"] == "Accepted" && c["status"] == "True")).then_some(())
        });
    }

    /// Sends any request.
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Answer {
        runtime().block_on(call(&self.client, method, path.to_owned(), content_type, body))
    }

    /// Runs kubectl with `input`.
    pub fn kubectl(&self, args: &[&str], input: &str) -> Said {
        let output = self.api().run_kubectl(args, input);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { succeeded: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs kubectl, which must succeed.
    pub fn kubectl_ok(&self, args: &[&str], input: &str) -> Said {
        let said = self.kubectl(args, input);
        assert!(said.succeeded, "kubectl {args:?}: {}", said.err);
        said
    }

    /// What the audit log says about the creation of an object: its annotations, of the last such event.
    pub fn audited(&self, resource: &str, namespace: &str, name: &str, verb: &str) -> Value {
        let log = self.api().kubeconfig().parent().unwrap().join("audit.log");
        let concerns = |event: &Value| {
            let object = &event["objectRef"];
            let name_fits = object["name"] == name || event["responseStatus"]["details"]["name"] == name;
            object["resource"] == resource && object["namespace"] == namespace && name_fits && event["verb"] == verb
        };
        eventually(&format!("{verb} of {resource} {namespace}/{name} in the audit log"), || {
            let text = std::fs::read_to_string(&log).unwrap();
            let lines = text.lines().rev().filter(|line| line.contains(namespace) && line.contains(name));
            let mut events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let event = events.find(concerns)?;
            Some(event.get("annotations").cloned().unwrap_or_else(|| json!({})))
        })
    }
}

/// What kubectl printed.
#[derive(Debug)]
pub struct Said {
    pub succeeded: bool,
    pub out: String,
    pub err: String,
}

/// An answer of the API server.
#[derive(Clone, Debug)]
pub struct Answer {
    pub code: u16,
    pub warnings: Vec<String>,
    pub body: Value,
}

impl Answer {
    /// Whether the API server took it.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The object, which must have been taken.
    pub fn accepted(self) -> Value {
        assert!(self.is_accepted(), "{}: {}", self.code, self.message());
        self.body
    }

    /// The object, or null.
    pub fn object(self) -> Value {
        if self.is_accepted() { self.body } else { Value::Null }
    }

    /// Why it was not taken.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// A namespace to work in.
pub struct Space<'l> {
    pub lab: &'l Lab,
    pub name: String,
}

impl Space<'_> {
    /// The object in this namespace.
    pub fn place(&self, text: &str) -> Value {
        self.put(yaml(text))
    }

    /// The object in this namespace.
    pub fn put(&self, mut object: Value) -> Value {
        object["metadata"]["namespace"] = self.name.as_str().into();
        object
    }

    /// Creates an object.
    pub fn create(&self, text: &str) -> Answer {
        self.lab.create(&self.place(text))
    }

    /// Asks whether an object would be taken, and as what.
    pub fn dry_run(&self, text: &str) -> Answer {
        self.try_out(&self.place(text))
    }

    /// The same for JSON that is in its namespace already.
    pub fn try_out(&self, object: &Value) -> Answer {
        self.lab.send("POST", &format!("{}?dryRun=All", collection(object)), "application/json", object)
    }

    /// Creates an object that must be taken, and gives it as it is stored.
    pub fn accepts(&self, text: &str) -> Value {
        self.create(text).accepted()
    }

    /// Creates an object that must be refused with 403, and gives the message.
    pub fn rejects(&self, text: &str) -> String {
        let answer = self.create(text);
        assert_eq!(answer.code, 403, "{}", answer.body);
        answer.message().to_owned()
    }

    /// Creates an object that must be taken, and gives the warnings.
    pub fn warnings(&self, text: &str) -> Vec<String> {
        let answer = self.create(text);
        assert!(answer.is_accepted(), "{}", answer.body);
        answer.warnings
    }

    /// Hooks and grace that a pod would get, whether there is one of its name or not.
    pub fn stop_of(&self, text: &str) -> Stop {
        let mut pod = self.place(text);
        if let Some(name) = pod["metadata"].as_object_mut().and_then(|metadata| metadata.remove("name")) {
            pod["metadata"]["generateName"] = format!("{}-", name.as_str().unwrap()).into();
        }
        Stop::of(&self.try_out(&pod).accepted())
    }

    /// Applies a DrainPolicy `name` with this spec, and waits until Draingate has taken it.
    pub fn policy(&self, name: &str, spec: &str) {
        self.lab.policy(&self.drain_policy(name, spec));
    }

    /// A DrainPolicy in this namespace.
    pub fn drain_policy(&self, name: &str, spec: &str) -> Value {
        self.put(json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy",
            "metadata": {"name": name}, "spec": yaml(spec)}))
    }

    /// A ClusterDrainPolicy of this name that covers this namespace only.
    pub fn cluster_policy(&self, spec: &str) -> Value {
        let mut spec = yaml(spec);
        spec["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": self.name}});
        json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy",
            "metadata": {"name": self.name}, "spec": spec})
    }

    /// Sets a label of the namespace; null takes it away.
    pub fn label(&self, key: &str, value: Value) {
        let patch = json!({"metadata": {"labels": {key: value}}});
        self.lab.patch(&format!("/api/v1/namespaces/{}", self.name), &patch).accepted();
    }

    /// Runs kubectl in this namespace.
    pub fn kubectl(&self, args: &[&str], input: &str) -> Said {
        let mut all = vec!["--namespace", &self.name];
        all.extend(args);
        self.lab.kubectl(&all, input)
    }

    /// What the audit log says about the creation of a pod.
    pub fn audited(&self, pod: &str) -> Value {
        self.lab.audited("pods", &self.name, pod, "create")
    }
}

/// How a pod stops: hooks by container, in seconds where they are native sleeps, and the grace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub hooks: Vec<(String, Value)>,
    pub grace: u64,
}

impl Stop {
    /// Of a stored pod.
    pub fn of(pod: &Value) -> Stop {
        let lists = ["/spec/containers", "/spec/initContainers"];
        let containers = lists.into_iter().filter_map(|list| pod.pointer(list)?.as_array()).flatten();
        let hook = |container: &Value| {
            let hook = container.pointer("/lifecycle/preStop")?;
            let seconds = hook.pointer("/sleep/seconds").unwrap_or(hook).clone();
            Some((container["name"].as_str().unwrap().to_owned(), seconds))
        };
        let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64().expect("a grace");
        Stop { hooks: containers.filter_map(hook).collect(), grace }
    }
}

/// A [`Stop`] as a literal.
pub fn stop<const N: usize>(hooks: [(&str, u64); N], grace: u64) -> Stop {
    Stop { hooks: hooks.into_iter().map(|(name, seconds)| (name.to_owned(), seconds.into())).collect(), grace }
}

/// A pod that serves, and says nothing about its end. With the built-in numbers: hold 10, grace 30 is enough.
pub const SERVER: &str = "{apiVersion: v1, kind: Pod, metadata: {name: server}, \
    spec: {containers: [{name: app, image: app, ports: [{containerPort: 8080}]}]}}";

/// A pod that no plan helps: its hook has no end.
pub const HOPELESS: &str = "{apiVersion: v1, kind: Pod, metadata: {name: hopeless}, \
    spec: {containers: [{name: app, image: app, ports: [{containerPort: 8080}], \
    lifecycle: {preStop: {exec: {command: [sleep, infinity]}}}}]}}";

async fn call(client: &Client, method: &str, path: String, content_type: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = Request::builder().method(method).uri(&path).header("content-type", content_type);
    let answer = async {
        let response = client.send(request.body(body.into()).unwrap()).await.map_err(|e| e.to_string())?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { code: head.status.as_u16(), warnings: warnings(&head.headers), body })
    };
    let failed: fn(String) -> Answer = |e| Answer { code: 0, warnings: Vec::new(), body: json!({"message": e}) };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => failed(error),
        Err(_) => failed("no answer in time".to_owned()),
    }
}

/// `299 - "text"`, with `\` before a quotation mark and a backslash.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let text = |value: &axum::http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let quoted = text.strip_prefix("299 - \"").and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
        quoted.replace("\\\"", "\"").replace("\\\\", "\\")
    };
    headers.get_all("warning").iter().map(text).collect()
}

/// The URL path of an object's collection.
pub fn collection(object: &Value) -> String {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let group = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
    let kind = kind.to_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{group}/namespaces/{namespace}/{plural}"),
        None => format!("{group}/{plural}"),
    }
}

/// The URL path of an object.
pub fn item(object: &Value) -> String {
    format!("{}/{}", collection(object), object["metadata"]["name"].as_str().unwrap())
}

/// Runs the binary, which must succeed, and gives what it prints.
pub fn draingate(args: &[&str]) -> String {
    let output = Command::new(crate::binary()).args(args).output().unwrap();
    assert!(output.status.success(), "draingate {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A running `draingate serve`. It ends with the guard, and with this process however that ends.
struct Gate {
    keeper: Child,
    orders: Option<ChildStdin>,
}

/// Passes on signals that it reads, line by line, to the process that it started; ends it when there is no more.
const KEEPER: &str = r#"trap '' INT TERM HUP
"$@" </dev/null &
while read -r signal; do kill -s "$signal" %1; done
kill -s KILL %1
wait"#;

impl Gate {
    fn start(files: &Path, kubeconfig: &Path, [port, admin_port]: [u16; 2], arguments: &[&str]) -> Gate {
        let log = std::fs::File::options().create(true).append(true).open(files.join("serve.log")).unwrap();
        let mut keeper = Command::new("bash")
            .args(["-c", KEEPER, "keeper"])
            .arg(crate::binary())
            .arg("serve")
            .args(["--listen", &format!("127.0.0.1:{port}"), "--admin-listen", &format!("127.0.0.1:{admin_port}")])
            .arg("--tls-cert")
            .arg(files.join("tls.crt"))
            .arg("--tls-key")
            .arg(files.join("tls.key"))
            .args(["--hold-seconds", "1", "--log-format", "text"])
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let orders = keeper.stdin.take();
        Gate { keeper, orders }
    }

    /// As a crash would.
    fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.orders.take());
        let _ = self.keeper.wait();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.end();
    }
}

/// A kubeconfig that leads to the same API server, whose bytes arrive late.
fn lagging(kubeconfig: &Path, files: &Path, lag: Duration) -> PathBuf {
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    let server = text.lines().find_map(|line| line.trim().strip_prefix("server: https://")).unwrap().to_owned();
    let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let text = text.replace(&server, &listener.local_addr().unwrap().to_string());
    let path = files.join("lagging.conf");
    std::fs::write(&path, text).unwrap();
    runtime().spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let far = tokio::net::TcpStream::connect(server).await?;
                let ((mut near_in, near_out), (far_in, mut far_out)) = (near.into_split(), far.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                late(far_in, near_out, lag).await
            });
        }
    });
    path
}

/// Passes on what comes, each byte `lag` later.
async fn late(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    lag: Duration,
) -> io::Result<()> {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, bytes)) = receive.recv().await {
            tokio::time::sleep_until(due).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    });
    let mut buffer = vec![0; 65_536];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 || send.send((tokio::time::Instant::now() + lag, buffer[..length].to_vec())).is_err() {
            return Ok(());
        }
    }
}

fn write_certificates(files: &Path) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    std::fs::write(files.join("ca.crt"), ca_pem).unwrap();
    std::fs::write(files.join("tls.crt"), leaf.pem()).unwrap();
    std::fs::write(files.join("tls.key"), key.serialize_pem()).unwrap();
}

/// Below the range that the kernel gives to outgoing connections.
pub fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    let mut ports = std::iter::repeat_with(|| 10_000 + (RandomState::new().hash_one(0) % 20_000) as u16);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let code = text.split(' ').nth(1)?.parse().ok()?;
    Some((code, text))
}
