//! Clients that are many, slow or silent, and no more room for any.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use draingate::serve::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use draingate_testing::flood::MEMORY;
use draingate_testing::load::{Load, Toll, pod, review};
use draingate_testing::replica::{Replica, SHOP, Start};
use draingate_testing::tls::{Client, PATIENCE, request, send, soon, start_ephemeral, until, whole};

/// Tests that take all of the machine, one at a time.
pub(super) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How long a client that was closed stays away.
const AGAIN: Duration = Duration::from_secs(10);

/// What a client does that never finishes.
#[derive(Clone, Copy)]
enum Slow {
    /// It connects.
    Silent,
    /// It sends the first byte of a TLS record.
    Handshake,
    /// It speaks TLS, and asks nothing.
    Idle,
    /// It sends half a header.
    Header,
    /// It sends half a body.
    Body,
    /// It announces the largest body, and sends one byte of it.
    LargeBody,
}

impl Slow {
    /// Does so until the server closes the connection.
    async fn behave(self, client: &Client, port: u16) -> std::io::Result<()> {
        let mut sink = [0; 64];
        match self {
            Slow::Silent | Slow::Handshake => {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                if matches!(self, Slow::Handshake) {
                    stream.write_all(&[22]).await?;
                }
                while stream.read(&mut sink).await? > 0 {}
            }
            Slow::Idle | Slow::Header | Slow::Body | Slow::LargeBody => {
                let mut stream = client.tls().await?;
                let text = match self {
                    Slow::Header => "POST /mutate HTTP/1.1\r\nhost:",
                    Slow::Body => "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n\r\n{",
                    Slow::LargeBody => "POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\n{",
                    _ => "",
                };
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await?;
                while stream.read(&mut sink).await? > 0 {}
            }
        }
        Ok(())
    }
}

/// So many clients at once, each of a kind of `kinds`; each that is closed comes again, until this is dropped.
fn slow_clients(replica: &Replica, count: usize, kinds: &'static [Slow], open: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for number in 0..count {
        let (client, port, open) = (replica.client(), replica.port, Arc::clone(open));
        clients.spawn(async move {
            // 500 come in a second.
            tokio::time::sleep(Duration::from_millis(2) * u32::try_from(number).unwrap()).await;
            open.fetch_add(1, Ordering::Relaxed);
            loop {
                let _ = kinds[number % kinds.len()].behave(&client, port).await;
                tokio::time::sleep(AGAIN).await;
            }
        });
    }
    clients
}

/// `SLOW_CLIENTS`, or 2,000; fewer where this process may not open as many files.
fn how_many() -> usize {
    let wanted = std::env::var("SLOW_CLIENTS").map_or(2000, |text| text.parse().expect("SLOW_CLIENTS is a number"));
    let limit = |text: &str| text.split_whitespace().nth(3).and_then(|word| word.parse().ok());
    let text = std::fs::read_to_string("/proc/self/limits").unwrap();
    let hard: usize =
        text.lines().find(|line| line.starts_with("Max open files")).and_then(|l| limit(&l[5..])).unwrap();
    let limits = format!("--nofile={hard}:{hard}");
    let _ = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &limits]).status();
    let soft = std::fs::read_to_string("/proc/self/limits").unwrap();
    let soft = soft.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
    let soft: usize = soft.split_whitespace().nth(3).unwrap().parse().unwrap();
    wanted.min(soft.saturating_sub(500))
}

async fn meet(count: usize, kinds: &'static [Slow], what: &str) -> (Toll, Toll) {
    let _alone = ALONE.lock().await;
    let files = tempfile::tempdir().unwrap();
    let replica = Replica::standalone(files.path(), SHOP, Start::default()).await;
    let client = replica.client();
    let (kept, fresh) = (Load::start(&client, review(&pod("shop"))), Load::start_fresh(&client, review(&pod("shop"))));
    kept.answers(20).await;
    let (open, begun) = (Arc::default(), Instant::now());
    let clients = slow_clients(&replica, count, kinds, &open);
    while open.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let held = replica.metric("draingate_connections{port=\"webhook\"}");
    drop(clients);
    let lasted = begun.elapsed();
    fresh.answers(20).await;
    let tolls = (kept.end().await, fresh.end().await);
    println!(
        "{count} clients {what}, for {lasted:.0?}, {held} of them held at its end, memory {} MiB at most:\n  on a kept \
         connection {}\n  on new connections {}",
        replica.peak_mib(),
        tolls.0,
        tolls.1
    );
    assert!(replica.peak_mib() < MEMORY, "{} MiB", replica.peak_mib());
    tolls
}

/// Those that are too many for a queue of connections that wait may keep new ones out; none that is kept.
fn nothing_is_lost(kept: &Toll, fresh: &Toll) {
    assert_eq!(kept.lost, 0, "{:?}", kept.first_problem);
    assert!(fresh.lost == 0 || how_many() > 2000, "{:?}", fresh.first_problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_slow_or_silent() {
    let (kept, fresh) = meet(
        how_many(),
        &[Slow::Silent, Slow::Handshake, Slow::Idle, Slow::Header],
        "that are silent or do not finish a handshake or a header",
    )
    .await;
    nothing_is_lost(&kept, &fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_finish_a_body() {
    let (kept, fresh) = meet(how_many(), &[Slow::Body], "that do not finish a body").await;
    nothing_is_lost(&kept, &fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_announce_large_bodies() {
    let (kept, fresh) = meet(100, &[Slow::LargeBody], "that announce 8 MiB and send a byte").await;
    nothing_is_lost(&kept, &fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read() {
    const CLIENTS: u64 = 10;
    let limits = Limits { write_timeout: Duration::from_secs(1), max_buffered_bytes: 256 << 20, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let begun = Instant::now();
    let mut silent = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = client.clone();
        silent.spawn(async move {
            let mut stream = client.tls().await.unwrap();
            let body = "x".repeat(6 << 20);
            let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            stream
        });
    }
    let streams = silent.join_all().await;
    let mut connection = client.http1().await;
    let closed = "draingate_connections_closed_total{port=\"webhook\",reason=\"write_timeout\"}";
    let mut answered = 0;
    while server.sample(closed) < CLIENTS {
        assert!(begun.elapsed() < PATIENCE, "{} closed", server.sample(closed));
        assert_eq!(send(&mut connection, request("POST", "/echo", "x")).await.text, "x");
        answered += 1;
    }
    drop(streams);
    println!(
        "{CLIENTS} clients that do not read 6 MiB: closed after {:.1?} (limit 1 s), {answered} others answered",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn file_descriptors_run_out() {
    let _alone = ALONE.lock().await;
    let files = tempfile::tempdir().unwrap();
    let start = Start { files: Some(64), ..Start::default() };
    let replica = Replica::standalone(files.path(), SHOP, start).await;
    let client = replica.client();
    let (kept, fresh) = (Load::start(&client, review(&pod("shop"))), Load::start_fresh(&client, review(&pod("shop"))));
    kept.answers(20).await;
    let (open, begun) = (Arc::default(), Instant::now());
    let clients = slow_clients(&replica, 300, &[Slow::Silent], &open);
    until("accept fails", || replica.log().contains("cannot accept connections")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    drop(clients);
    let (lasted, back) = (begun.elapsed(), Instant::now());
    fresh.answers(1).await;
    let back = back.elapsed();
    fresh.answers(20).await;
    let (kept, fresh) = (kept.end().await, fresh.end().await);
    println!(
        "64 file descriptors, 300 silent clients, for {lasted:.0?}; a new client got in {back:.1?} after they left:\n  \
         on a kept connection {kept}\n  on new connections {fresh}"
    );
    assert_eq!(kept.lost, 0, "{:?}", kept.first_problem);
    assert!(replica.metric("draingate_admissions_total") >= (kept.calls + fresh.calls - fresh.lost) as f64);
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_leave_the_others_alone() {
    const EACH: usize = 20;
    let (server, client) = start_ephemeral(Limits::default()).await;
    // All on one connection.
    let sender = client.http2().await;
    let requests = (0..2 * EACH).map(|number| {
        let mut sender = sender.clone();
        async move {
            let request = match number % 2 {
                0 => request("POST", "/echo", number.to_string()),
                _ => request("GET", "/panic", ""),
            };
            let answer = whole(sender.send_request(request).await.unwrap()).await.unwrap();
            match number % 2 {
                0 => assert_eq!((answer.status, answer.text), (200, number.to_string())),
                _ => assert_eq!(answer.status, 500),
            }
        }
    });
    soon("all answers", futures::future::join_all(requests)).await;
    assert_eq!(server.sample("draingate_handler_panics_total"), EACH as u64);
    println!("{EACH} panics answered with 500, {EACH} requests between them on the same connection answered");
}
