//! Reviews of 3 MiB, more than can be held, while the API server asks about pods.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use draingate_testing::asked::Asked;
use draingate_testing::flood::{Answers, MEMORY, SENDERS, flood};
use draingate_testing::lab::draingate;
use draingate_testing::replica::{Replica, SHOP, Start};
use draingate_testing::tls::until;

use super::api_server::shared;

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_large_reviews() {
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
