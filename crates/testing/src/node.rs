//! A real node for a test: `tests/cluster/node` in a guard, with Draingate's image and chart at hand.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(90);

/// A node that ends with the guard, and with the process, however that ends.
pub struct Node {
    pub folder: tempfile::TempDir,
    watchdog: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Takes the node down when its standard input closes, which the end of this process does in any case.
fn watchdog(folder: &Path) -> Child {
    Command::new("bash")
        .args(["-c", "trap '' INT TERM HUP; cat >/dev/null; \"$1\" down \"$2\"; rm -rf \"$2\"", "watchdog"])
        .arg(script("node").get_program())
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn script(name: &str) -> Command {
    Command::new(crate::root().join("tests/cluster").join(name))
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Draingate's image, built once; or the one that DRAINGATE_IMAGE names.
pub fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        if let Some(image) = std::env::var_os("DRAINGATE_IMAGE") {
            return image.into();
        }
        let image = crate::scratch().join("draingate.tar");
        // The profile that builds sooner; the image that is shipped is made of another.
        run(Command::new(crate::root().join("image/build")).arg(&image).env("PROFILE", "release"));
        image
    })
}

/// The image of lab/app, built once.
pub fn lab_image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let folder = crate::scratch();
        run(Command::new(crate::root().join("lab/images")).arg("--app").arg(folder));
        folder.join("lab.tar")
    })
}

/// A program that runs inside a node, and ends with the guard.
pub struct Inside<'a> {
    node: &'a Node,
    /// By which the processes inside know it.
    pub process: u32,
    child: Child,
}

impl Inside<'_> {
    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let _ = self.node.command("kill", &[&format!("-{signal}"), &self.process.to_string()]).output();
    }

    /// Waits for its end.
    pub fn output(self) -> Output {
        let mut this = self;
        let mut output =
            this.child.wait().map(|status| Output { status, stdout: Vec::new(), stderr: Vec::new() }).unwrap();
        let read = |name: &str| std::fs::read(this.node.folder.path().join(name)).unwrap_or_default();
        (output.stdout, output.stderr) =
            (read(&format!("{}.out", this.process)), read(&format!("{}.err", this.process)));
        output
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal("KILL");
            let _ = self.child.wait();
        }
    }
}

impl Node {
    /// Starts a program inside that goes on; what it says is in files that bear its process id.
    pub fn start(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Inside<'_> {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = self.folder.path().canonicalize().unwrap().join(format!("start-{number}"));
        let script = "f=$1; shift; echo $$ >\"$f.new\"; mv \"$f.new\" \"$f\"; exec \"$@\" >\"${f%/*}/$$.out\" 2>\"${f%/*}/$$.err\"";
        let all = [&["-c", script, "start", file.to_str().unwrap(), program.as_ref().to_str().unwrap()][..], arguments]
            .concat();
        let mut command = self.command("sh", &all);
        command.envs(variables.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let process = eventually("the program is started", || std::fs::read_to_string(&file).ok()?.trim().parse().ok());
        Inside { node: self, process, child }
    }

    /// With Draingate's image in its containerd.
    pub fn up() -> Node {
        let node = Node::bare();
        node.load(image());
        node
    }

    /// The same, with pods and Services of these IP families.
    pub fn of_families(families: &str) -> Node {
        let node = Node::of(families);
        node.load(image());
        node
    }

    /// With no image but a shell's.
    pub fn bare() -> Node {
        Node::of("IPv4")
    }

    fn of(families: &str) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let watchdog = watchdog(folder.path());
        let node = Node { folder, watchdog };
        run(script("node").arg("up").arg(node.folder.path()).arg(families));
        node
    }

    /// Imports an image.
    pub fn load(&self, image: &Path) {
        run(script("node").arg("load").arg(self.folder.path()).arg(image));
    }

    /// A command inside.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = script("node");
        command.arg("exec").arg(self.folder.path()).arg(program.as_ref()).args(arguments);
        command
    }

    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let kubectl = parts().join("kubectl");
        let output = self.command(kubectl, arguments).stdin(Stdio::null()).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(text(&output))
        }
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    pub fn apply(&self, object: &Value) -> Result<String, String> {
        let file = self.folder.path().join("object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.try_kubectl(&["apply", "-f", file.to_str().unwrap()])
    }

    pub fn helm(&self, arguments: &[&str]) -> String {
        let mut all = arguments.to_vec();
        all.extend(["--namespace", "draingate", "--timeout", "120s"]);
        run(&mut self.command(helm(), &all))
    }

    /// Installs or upgrades the chart, and waits until it runs.
    pub fn release(&self, verb: &str, values: &[&str]) {
        self.release_with(verb, values, &[]);
    }

    /// The same, with further arguments of Helm.
    pub fn release_with(&self, verb: &str, values: &[&str], more: &[&str]) {
        let chart = crate::root().join("charts/draingate");
        let mut arguments =
            vec![verb, "draingate", chart.to_str().unwrap(), "--wait", "--set", "image.pullPolicy=Never"];
        arguments.extend(values.iter().flat_map(|value| ["--set", value]));
        arguments.extend(more);
        if verb == "install" {
            arguments.push("--create-namespace");
        }
        self.helm(&arguments);
    }

    /// Waits until pods of a namespace are injected: kube-proxy learns of a new Service's endpoints a moment after they are
    /// ready, and until then the API server lets pods in as they are.
    pub fn injects(&self, namespace: &str) {
        let app = json!({"name": "app", "image": "localhost/shell:1", "ports": [{"containerPort": 8080}]});
        let metadata = json!({"name": "first", "namespace": namespace});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [app]}});
        let file = self.folder.path().join("first.json");
        std::fs::write(&file, pod.to_string()).unwrap();
        let create = ["create", "--dry-run=server", "-o", "json", "-f", file.to_str().unwrap()];
        eventually("pods are injected", || {
            self.try_kubectl(&create).ok().filter(|stored| stored.contains("\"seconds\": 10")).map(|_| ())
        });
    }

    /// A namespace in a mode.
    pub fn namespace(&self, name: &str, mode: &str) {
        let labels = json!({"draingate.dev/mode": mode});
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.apply(&object).unwrap();
    }
}

pub fn parts() -> &'static Path {
    static PARTS: OnceLock<PathBuf> = OnceLock::new();
    PARTS.get_or_init(|| run(&mut script("parts")).trim().into())
}

pub fn helm() -> &'static Path {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    HELM.get_or_init(|| Path::new(run(script("parts").arg("helm")).trim()).join("helm"))
}

pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}
