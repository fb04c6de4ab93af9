//! The real binary, on its own or in a cluster.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::apiserver::ApiServer;
use crate::lab::{draingate, free_port, get, yaml};
use crate::tls::{Authority, Client, until};

/// A namespace that injects.
pub const SHOP: &str =
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {draingate.dev/mode: inject}}\n";

/// A running `draingate serve`, killed with the guard.
pub struct Replica {
    child: Child,
    pub port: u16,
    pub admin: u16,
    ca: PathBuf,
    log: PathBuf,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How it is started.
#[derive(Default)]
pub struct Start<'a> {
    pub arguments: &'a [&'a str],
    pub kubeconfig: Option<&'a Path>,
    /// Where its log goes; a file of its own where this is `None`.
    pub log: Option<File>,
    /// Open files, at most.
    pub files: Option<u32>,
}

impl Replica {
    /// Starts it with its files in `dir`, and waits until it is ready.
    pub async fn start(dir: &Path, start: Start<'_>) -> Replica {
        let replica = Replica::launch(dir, start);
        until("the replica is ready", || get(replica.admin, "/readyz").is_some_and(|(code, _)| code == 200)).await;
        replica
    }

    pub fn launch(dir: &Path, start: Start<'_>) -> Replica {
        let (port, admin) = (free_port(), free_port());
        let (ca, log) = (dir.join("ca.crt"), dir.join(format!("{port}.log")));
        let binary = std::env::var_os("DRAINGATE").unwrap_or_else(|| crate::binary().into());
        let mut command = match start.files {
            None => Command::new(binary),
            Some(files) => {
                let mut limited = Command::new("bash");
                limited.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]).arg(binary);
                limited
            }
        };
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--admin-listen", &format!("127.0.0.1:{admin}")])
            .args(["--hold-seconds", "0", "--log-format", "text"])
            .args(start.arguments)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(start.log.unwrap_or_else(|| File::create(&log).unwrap()));
        match start.kubeconfig {
            Some(kubeconfig) => command.env("KUBECONFIG", kubeconfig),
            None => command.arg("--standalone").arg("--ca-out").arg(&ca),
        };
        Replica { child: command.spawn().unwrap(), port, admin, ca, log }
    }

    /// One without a cluster, for these documents.
    pub async fn standalone(dir: &Path, documents: &str, mut start: Start<'_>) -> Replica {
        let policy = dir.join("policy.yaml");
        std::fs::write(&policy, documents).unwrap();
        let arguments = [start.arguments, &["--policy", policy.to_str().unwrap()]].concat();
        start.arguments = &arguments;
        Replica::start(dir, start).await
    }

    /// A client that trusts it.
    pub fn client(&self) -> Client {
        Client::new(([127, 0, 0, 1], self.port).into(), &std::fs::read_to_string(&self.ca).unwrap())
    }

    /// The sum of the samples that begin with this.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = get(self.admin, "/metrics").unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// The most memory that it ever held, in MiB.
    pub fn peak_mib(&self) -> u64 {
        crate::peak_mib(self.child.id())
    }

    /// The same in KiB.
    pub fn peak_kib(&self) -> u64 {
        crate::peak_kib(self.child.id())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// What the chart installs, but for the webhook configurations; a namespace `shop` that injects.
pub fn install(server: &ApiServer) {
    server.apply(&draingate(&["crd"]));
    server.wait_for_crds();
    server.kubectl(&["create", "namespace", "draingate"], "");
    server.kubectl(&["create", "serviceaccount", "draingate", "-n", "draingate"], "");
    // The manifest for kubectl is the chart with its default values.
    let manifest = std::fs::read_to_string(crate::root().join("charts/draingate.yaml")).unwrap();
    let objects = draingate_core::manifest::documents(&manifest);
    let objects = objects.iter().map(|document| draingate_core::manifest::parse(document).unwrap());
    let roles: Vec<_> = objects.filter(|o| o["kind"].as_str().is_some_and(|kind| kind.contains("Role"))).collect();
    server.apply(&json!({"apiVersion": "v1", "kind": "List", "items": roles}).to_string());
}

/// A kubeconfig with the rights of the chart, for an API server at `url`.
pub fn kubeconfig(server: &ApiServer, dir: &Path, url: Option<&str>) -> PathBuf {
    let token = server.kubectl(&["create", "token", "draingate", "-n", "draingate"], "");
    let mut config = yaml(&std::fs::read_to_string(server.kubeconfig()).unwrap());
    config["users"][0]["user"] = json!({"token": token.trim()});
    if let Some(url) = url {
        config["clusters"][0]["cluster"] = json!({"server": url});
    }
    let path = dir.join("draingate.conf");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// A certificate for a replica in a cluster, and its CA, as arguments.
pub fn certificate(dir: &Path) -> [String; 4] {
    let authority = Authority::generate();
    let (certificate, key) = authority.issue().write(dir);
    std::fs::write(dir.join("ca.crt"), &authority.pem).unwrap();
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    ["--tls-cert".to_owned(), text(certificate), "--tls-key".to_owned(), text(key)]
}

/// How long a fault of the API server is on.
pub fn fault_time() -> Duration {
    let seconds = std::env::var("FAULT_SECONDS").map_or(Ok(4), |text| text.parse());
    Duration::from_secs(seconds.expect("FAULT_SECONDS is a number"))
}
