//! Nowhere to write the log.

use std::fs::File;
use std::os::fd::OwnedFd;

use draingate_testing::load::{Load, pod, review};
use draingate_testing::replica::{Replica, SHOP, Start};

async fn writes_to(what: &str, log: File) {
    let files = tempfile::tempdir().unwrap();
    let start = Start { log: Some(log), ..Start::default() };
    let mut replica = Replica::standalone(files.path(), SHOP, start).await;
    let client = replica.client();
    let load = Load::start(&client, review(&pod("shop")));
    // Each is a line of the log: far more than a pipe holds.
    load.answers(2000).await;
    let toll = load.end().await;
    println!("{what}: {toll}");
    assert_eq!(toll.lost, 0, "{:?}", toll.first_problem);
    assert!(replica.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn log_on_a_full_disk() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    writes_to("the disk of the log is full", full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_nobody_reads() {
    let (reader, writer) = std::io::pipe().unwrap();
    writes_to("nobody reads the log", OwnedFd::from(writer).into()).await;
    drop(reader);
}
