//! Pods that a real API server asks the webhooks about, where it turns away what it cannot ask about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::apiserver::ApiServer;
use crate::load::{Toll, pod};
use crate::tls::until;

pub struct Asked {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    task: JoinHandle<Toll>,
}

impl Asked {
    /// One pod after the other, in an enforce namespace of this name, once the first is injected.
    pub async fn start(server: &ApiServer, namespace: &'static str) -> Asked {
        let labels = json!({"draingate.dev/mode": "enforce"});
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        server.apply(&object.to_string());
        let client = server.client().await;
        let begun = Instant::now();
        while let Err(problem) = admits(&client, namespace).await {
            assert!(begun.elapsed() < Duration::from_secs(60), "{problem}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (until, count) = (Arc::clone(&over), Arc::clone(&answered));
        let task = tokio::spawn(async move {
            let (mut toll, mut out_since) = (Toll::default(), None::<Instant>);
            while !until.load(Ordering::Relaxed) {
                let begun = Instant::now();
                toll.calls += 1;
                match admits(&client, namespace).await {
                    Ok(()) => {
                        toll.slowest = toll.slowest.max(begun.elapsed());
                        toll.outage = toll.outage.max(out_since.take().map_or(Duration::ZERO, |since| since.elapsed()));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(problem) => {
                        toll.lost += 1;
                        out_since.get_or_insert(begun);
                        toll.first_problem.get_or_insert(problem);
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            toll
        });
        Asked { over, answered, task }
    }

    /// Waits for `more` pods from now on.
    pub async fn answers(&self, more: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + more;
        until("pods are admitted", || self.answered.load(Ordering::Relaxed) >= enough).await;
    }

    pub async fn end(self) -> Toll {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Whether a pod gets in, and with a hook: the mutating webhook is Ignore, and says nothing when it cannot be asked.
async fn admits(client: &kube::Client, namespace: &str) -> Result<(), String> {
    let mut pod = pod(namespace);
    pod["metadata"]["name"] = Value::Null;
    pod["metadata"]["generateName"] = "web-".into();
    let request = Request::post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"))
        .header("content-type", "application/json")
        .body(pod.to_string().into_bytes().into())
        .unwrap();
    let response = client.send(request).await.map_err(|error| error.to_string())?;
    let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    let stored: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match stored.pointer("/spec/containers/0/lifecycle/preStop/sleep") {
        Some(_) => Ok(()),
        None => Err(stored.pointer("/message").unwrap_or(&stored).to_string()),
    }
}
