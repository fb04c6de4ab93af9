//! A client that behaves as the API server does, and what it lost.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::tls::{Answer, Client, Http1, request, try_send};

/// What the API server waits for an answer, tries in between included.
const CALL: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

pub fn pod(namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 80}]}]}})
}

pub fn review(pod: &Value) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE", "namespace": pod["metadata"]["namespace"], "object": pod}})
    .to_string()
}

/// The response's part of a review that was answered.
pub fn response(answer: &Answer) -> Option<Value> {
    let mut review: Value = serde_json::from_str(&answer.text).ok()?;
    (answer.status == 200).then(|| review["response"].take())
}

/// What became of the calls.
#[derive(Debug, Default)]
pub struct Toll {
    pub calls: u64,
    pub lost: u64,
    /// Answers that asked to come again, which was done.
    pub put_off: u64,
    pub slowest: Duration,
    /// From the first call of a row that was lost to the next answer.
    pub outage: Duration,
    pub first_problem: Option<String>,
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Toll { calls, lost, put_off, slowest, outage, .. } = self;
        write!(
            f,
            "{lost} of {calls} reviews lost (outage {outage:.1?}), {put_off} put off, slowest answer {slowest:.1?}"
        )
    }
}

/// Reviews, one after the other, until it is ended.
pub struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    task: JoinHandle<Toll>,
}

impl Load {
    /// On a connection that is kept.
    pub fn start(client: &Client, body: String) -> Load {
        Load::begin(client, body, true)
    }

    /// Each on a connection of its own.
    pub fn start_fresh(client: &Client, body: String) -> Load {
        Load::begin(client, body, false)
    }

    fn begin(client: &Client, body: String, keep: bool) -> Load {
        let (over, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let task = tokio::spawn(run(client.clone(), body, keep, Arc::clone(&over), Arc::clone(&answered)));
        Load { over, answered, task }
    }

    /// Waits for `more` answers from now on.
    pub async fn answers(&self, more: u64) {
        let until = self.answered.load(Ordering::Relaxed) + more;
        crate::tls::until("reviews are answered", || self.answered.load(Ordering::Relaxed) >= until).await;
    }

    pub async fn end(self) -> Toll {
        self.over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn run(client: Client, body: String, keep: bool, over: Arc<AtomicBool>, answered: Arc<AtomicU64>) -> Toll {
    let mut toll = Toll::default();
    let mut connection = None;
    let mut out_since: Option<Instant> = None;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        toll.calls += 1;
        if !keep {
            connection = None;
        }
        match call(&client, &mut connection, &body, &mut toll.put_off).await {
            Ok(()) => {
                toll.slowest = toll.slowest.max(begun.elapsed());
                toll.outage = toll.outage.max(out_since.take().map_or(Duration::ZERO, |since| since.elapsed()));
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(problem) => {
                toll.lost += 1;
                connection = None;
                out_since.get_or_insert(begun);
                toll.first_problem.get_or_insert(problem);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    toll.outage = toll.outage.max(out_since.map_or(Duration::ZERO, |since| since.elapsed()));
    toll
}

/// One call: tried again where the answer says so, as the API server does.
async fn call(client: &Client, kept: &mut Option<Http1>, body: &str, put_off: &mut u64) -> Result<(), String> {
    let tries = async {
        loop {
            let connection = match kept {
                Some(connection) => connection,
                None => kept.insert(client.try_http1().await.map_err(|e| e.to_string())?),
            };
            let sent = try_send(connection, request("POST", "/mutate", body.to_owned()));
            let answer = sent.await.map_err(|e| e.to_string())?;
            let again = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
            match (answer.status, again) {
                (200, _) => {
                    let response = response(&answer).ok_or_else(|| answer.text.clone())?;
                    return if response["patch"].is_string() { Ok(()) } else { Err(format!("no patch: {response}")) };
                }
                (429 | 503, Some(seconds)) => {
                    *put_off += 1;
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                (status, _) => return Err(format!("{status}: {}", answer.text)),
            }
        }
    };
    tokio::time::timeout(CALL, tries).await.unwrap_or_else(|_| Err("no answer in 10 s".to_owned()))
}
