//! The real binary on a port of its own, without a cluster.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::tls::Client;

/// A running `draingate serve --standalone`, ended with the test.
pub struct Standalone {
    child: Child,
    pub client: Client,
    log: Option<JoinHandle<String>>,
    _files: tempfile::TempDir,
}

impl Standalone {
    pub fn start(policy: &str, arguments: &[&str]) -> Standalone {
        Standalone::start_with(policy, "json", arguments, &[])
    }

    /// `log`: json or text.
    pub fn start_with(policy: &str, log: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Standalone {
        let files = tempfile::tempdir().unwrap();
        let (policies, ca) = (files.path().join("policy.yaml"), files.path().join("ca.crt"));
        std::fs::write(&policies, policy).unwrap();
        let mut child = Command::new(crate::binary())
            .args(["serve", "--standalone", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--log-format", log, "--policy"])
            .arg(&policies)
            .arg("--ca-out")
            .arg(&ca)
            .args(arguments)
            .env("RUST_LOG", "info")
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "draingate ended before it served");
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            let text = line.split_once(" serving listen=").and_then(|(_, rest)| rest.split_whitespace().next());
            if let Some(listen) = event["listen"].as_str().filter(|_| event["message"] == "serving").or(text) {
                break listen.parse::<SocketAddr>().unwrap();
            }
        };
        let client = Client::new(address, &std::fs::read_to_string(&ca).unwrap());
        // Read on, or the pipe fills up.
        let log = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = log.read_to_string(&mut rest);
            rest
        });
        Standalone { child, client, log: Some(log), _files: files }
    }

    /// The most memory that it ever held, in MiB.
    pub fn peak(&self) -> u64 {
        crate::peak_mib(self.child.id())
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end, and gives the exit code and what was logged since the start.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let rest = self.log.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
