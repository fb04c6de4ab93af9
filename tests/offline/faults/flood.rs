//! Reviews of 3 MiB, more than can be held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use draingate_testing::flood::{Answers, MEMORY, SENDERS, flood};
use draingate_testing::load::{Load, pod, review};
use draingate_testing::replica::{Replica, SHOP, Start};
use draingate_testing::tls::until;

use super::clients::ALONE;

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
