//! A real API server for a test: `tests/cluster/apiserver` in a guard.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running API server with its etcd.
pub struct ApiServer {
    dir: PathBuf,
    kubectl: PathBuf,
    watchdog: Option<Child>,
}

impl ApiServer {
    /// A fresh one. It ends with the guard, and with the process, however that ends: tests that do not meet share one.
    pub fn start() -> ApiServer {
        let dir = tempfile::Builder::new().prefix("draingate-apiserver-").tempdir().unwrap().keep();
        let parts = Command::new(script("parts")).args(["--quiet", "kubectl"]).output().unwrap();
        assert!(parts.status.success(), "{}", String::from_utf8_lossy(&parts.stderr));
        let kubectl = Path::new(String::from_utf8(parts.stdout).unwrap().trim()).join("kubectl");
        let watchdog = watchdog(&dir);
        let server = ApiServer { dir, kubectl, watchdog: Some(watchdog) };
        server.control("up");
        server
    }

    /// Ends the API server as a crash would; `start_again` brings it back with the same data.
    pub fn crash(&self) {
        self.control("stop");
    }

    /// See [`ApiServer::crash`].
    pub fn start_again(&self) {
        self.control("start");
    }

    /// An administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.conf")
    }

    /// A client with an administrator's rights.
    pub async fn client(&self) -> kube::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = kube::config::Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// Runs kubectl with `input`.
    pub fn run_kubectl(&self, args: &[&str], input: &str) -> Output {
        crate::run(Command::new(&self.kubectl).arg("--kubeconfig").arg(self.kubeconfig()).args(args), input)
    }

    /// Runs kubectl with `input`; `Err` with what it says where it fails.
    pub fn try_kubectl(&self, args: &[&str], input: &str) -> Result<String, String> {
        let output = self.run_kubectl(args, input);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Runs kubectl, which must succeed.
    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        self.try_kubectl(args, input).unwrap_or_else(|problem| panic!("kubectl {args:?}: {problem}"))
    }

    /// Waits until every CRD is served. For a moment a new one has no conditions, which `kubectl wait` takes for an error.
    pub fn wait_for_crds(&self) {
        let wait = ["wait", "--for=condition=Established", "--timeout=1s", "crd", "--all"];
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if self.try_kubectl(&wait, "").is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.kubectl(&wait, "");
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) {
        self.kubectl(&["apply", "-f", "-"], manifests);
    }

    fn control(&self, verb: &str) {
        let output = Command::new(script("apiserver")).arg(verb).arg(&self.dir).output().unwrap();
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

fn script(name: &str) -> PathBuf {
    crate::root().join("tests/cluster").join(name)
}

/// Takes the servers down when its standard input closes, which the end of this process does in any case.
fn watchdog(dir: &Path) -> Child {
    Command::new("bash")
        .args(["-c", "trap '' INT TERM HUP; cat >/dev/null; \"$1\" down \"$2\"; rm -rf \"$2\"", "watchdog"])
        .arg(script("apiserver"))
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
