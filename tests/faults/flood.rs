//! Reviews of 3 MiB, more than can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::api_server::shared;
use crate::asked::Asked;
use crate::clients::ALONE;
use crate::lab::draingate;
use crate::load::{Load, pod, review};
use crate::replica::{Replica, SHOP, Start};
use crate::tls::{Client, request, try_send, until};

const SENDERS: usize = 100;
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

#[derive(Default)]
struct Answers {
    answered: AtomicU64,
    refused: AtomicU64,
    other: AtomicU64,
}

/// Sends large reviews until it is dropped, each sender one after the other, and never waits after 429.
fn flood(client: &Client, answers: &Arc<Answers>) -> JoinSet<()> {
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

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_large_reviews() {
    let _alone = ALONE.lock().await;
    let files = tempfile::tempdir().unwrap();
    let replica = Replica::standalone(files.path(), SHOP, Start::default()).await;
    let client = replica.client();
    let load = Load::start(&client, review(&pod("shop")));
    load.answers(20).await;
    let answers: Arc<Answers> = Arc::default();
    let senders = flood(&client, &answers);
    until("the flood is there", || answers.refused.load(Ordering::Relaxed) > 20).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(senders);
    let toll = load.end().await;
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (answered, refused, other) = (count(&answers.answered), count(&answers.refused), count(&answers.other));
    let shed = replica.metric("draingate_requests_shed_total");
    println!(
        "{SENDERS} senders of 3 MiB reviews: {answered} answered, {refused} told to come again, {other} otherwise; memory \
         {} MiB at most; small reviews meanwhile: {toll}",
        replica.peak_mib()
    );
    assert!(answered > 0 && shed >= refused as f64 && other == 0);
    assert!(replica.peak_mib() < MEMORY, "{} MiB", replica.peak_mib());
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_flood_of_large_reviews() {
    let _alone = ALONE.lock().await;
    let files = tempfile::tempdir().unwrap();
    let documents = format!("{SHOP}---\n{}", SHOP.replace("shop", "flood").replace("inject", "enforce"));
    let replica = Replica::standalone(files.path(), &documents, Start::default()).await;
    let ca = files.path().join("ca.crt");
    let url = format!("https://127.0.0.1:{}", replica.port);
    let arguments = ["webhooks", "--name", "flood", "--url", &url, "--enforce-failure-policy", "fail", "--ca-file"];
    shared().apply(&draingate(&[&arguments[..], &[ca.to_str().unwrap()]].concat()));
    let asked = Asked::start(shared(), "flood").await;
    let answers: Arc<Answers> = Arc::default();
    let senders = flood(&replica.client(), &answers);
    until("the flood is there", || answers.refused.load(Ordering::Relaxed) > 20).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(senders);
    let toll = asked.end().await;
    shared().kubectl(&["delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "flood"], "");
    println!(
        "{SENDERS} senders of 3 MiB reviews, {} told to come again; memory {} MiB at most; pods that the API server asked \
         about: {toll}",
        answers.refused.load(Ordering::Relaxed),
        replica.peak_mib()
    );
    assert!(replica.peak_mib() < MEMORY, "{} MiB", replica.peak_mib());
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
}
