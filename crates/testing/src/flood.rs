//! Reviews of 3 MiB, more than can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{pod, review};
use crate::tls::{Client, request, try_send};

/// How many send them.
pub const SENDERS: usize = 100;
/// In MiB. The chart grants 256 to a release build; one for debugging needs more.
pub const MEMORY: u64 = 400;

/// A pod of 3 MiB, as large as etcd takes one.
fn large(namespace: &str) -> Value {
    let mut pod = pod(namespace);
    let text = "x".repeat(1000);
    let variables = (0..3000).map(|number| json!({"name": format!("V{number}"), "value": text}));
    pod["spec"]["containers"][0]["env"] = variables.collect();
    pod
}

/// What they were told.
#[derive(Default)]
pub struct Answers {
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub other: AtomicU64,
}

/// Sends large reviews until it is dropped, each sender one after the other, and never waits after 429.
pub fn flood(client: &Client, answers: &Arc<Answers>) -> JoinSet<()> {
    let body = axum::body::Bytes::from(review(&large("shop")));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (client, body, answers) = (client.clone(), body.clone(), Arc::clone(answers));
        senders.spawn(async move {
            loop {
                let Ok(mut connection) = client.try_http1().await else { continue };
                while let Ok(answer) = try_send(&mut connection, request("POST", "/validate", body.clone())).await {
                    let count = match answer.status {
                        200 => &answers.answered,
                        429 => {
                            assert_eq!(answer.header("retry-after"), Some("1"));
                            &answers.refused
                        }
                        _ => &answers.other,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    senders
}
