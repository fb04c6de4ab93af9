//! The transport over real sockets: certificates that change, clients that misbehave, and ends that are
//! graceful. No test depends on how fast the machine is: waits are for events, and limits on time are
//! either far away or meant to pass.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use draingate::metrics::CONTENT_TYPE;
use draingate::run::metrics::Metrics;
use draingate::serve::admin;
use draingate::serve::certificate::{Ephemeral, FileCertificate, ephemeral};
use draingate::serve::drain::{Drain, Phase};
use draingate::serve::limits::Limits;
use draingate::serve::readiness::Readiness;
use draingate_testing::tls::{
    Authority, Client, Http1, PATIENCE, Raw, request, send, soon, start, start_ephemeral, try_send, until, whole,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const SHORT: Duration = Duration::from_millis(200);
const MIB: usize = 1 << 20;

fn echo(text: &str) -> axum::http::Request<Body> {
    request("POST", "/echo", text.to_owned())
}

fn wait() -> axum::http::Request<Body> {
    request("POST", "/wait", Body::empty())
}

/// Reads until the server closes the connection.
async fn closed(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut rest = Vec::new();
    // A reset is a close as well.
    let _ = soon("the server closes", stream.read_to_end(&mut rest)).await;
}

// Certificates

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_while_requests_go_on() {
    let (directory, authority, metrics) = (tempfile::tempdir().unwrap(), Authority::generate(), Metrics::register());
    let (old, new) = (authority.issue(), authority.issue());
    let (certificate, key) = old.write(directory.path());
    let files = FileCertificate::load(certificate, key, Arc::clone(&metrics.serve)).unwrap();
    let server = start(Limits::default(), Some(files.current()), metrics).await;
    let client = Client::new(server.addr, &authority.pem);
    tokio::spawn(files.watch(Duration::from_millis(10)));
    assert_eq!(client.shown().await, old.der);

    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut sender, stop, sent) = (client.http1().await, Arc::clone(&stop), Arc::clone(&sent));
        load.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(send(&mut sender, echo("x")).await.text, "x");
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    until("requests are sent", || sent.load(Ordering::Relaxed) > 20).await;
    new.write(directory.path());
    soon("the new certificate", async { while client.shown().await != new.der {} }).await;
    let before = sent.load(Ordering::Relaxed);
    until("requests are sent after the exchange", || sent.load(Ordering::Relaxed) > before + 20).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(result) = soon("the load ends", load.join_next()).await {
        result.unwrap();
    }
    assert_eq!(server.sample("draingate_certificate_reloads_total{result=\"swapped\"}"), 1);
}

#[tokio::test]
async fn a_pair_that_is_not_good_leaves_the_old_one_in_use() {
    let (directory, authority, metrics) = (tempfile::tempdir().unwrap(), Authority::generate(), Metrics::register());
    let (old, new, expired) = (authority.issue(), authority.issue(), authority.issue_until(2001));
    let (certificate, key) = old.write(directory.path());
    let files = FileCertificate::load(&certificate, &key, Arc::clone(&metrics.serve)).unwrap();
    let server = start(Limits::default(), Some(files.current()), metrics).await;
    let client = Client::new(server.addr, &authority.pem);

    let halves: [(&str, &str, &str); 5] = [
        ("half a certificate", &new.certificate[..new.certificate.len() / 2], &old.key),
        ("an empty certificate", "", &old.key),
        ("the key of another certificate", &new.certificate, &old.key),
        ("half a key", &new.certificate, &new.key[..new.key.len() / 2]),
        ("an expired certificate", &expired.certificate, &expired.key),
    ];
    for (what, certificate_text, key_text) in halves {
        fs::write(&certificate, certificate_text).unwrap();
        fs::write(&key, key_text).unwrap();
        files.look();
        assert_eq!(client.shown().await, old.der, "{what}");
    }
    fs::remove_file(&key).unwrap();
    files.look();
    assert_eq!(client.shown().await, old.der, "no key at all");
    assert_eq!(server.sample("draingate_certificate_reloads_total{result=\"kept\"}"), 6);

    new.write(directory.path());
    files.look();
    assert_eq!(client.shown().await, new.der, "the good pair");
    let not_after = u64::try_from(files.current().validity().unwrap().not_after).unwrap();
    assert_eq!(server.sample("draingate_certificate_not_after_seconds"), not_after);
    assert_eq!(not_after, 4_102_444_800, "the year 2100");
}

#[tokio::test]
async fn a_swapped_symlink_is_seen_as_in_a_secret_volume() {
    let (directory, authority, metrics) = (tempfile::tempdir().unwrap(), Authority::generate(), Metrics::register());
    let (old, new) = (authority.issue(), authority.issue());
    let path = |name: &str| directory.path().join(name);
    for (name, issued) in [("..1", &old), ("..2", &new)] {
        fs::create_dir(path(name)).unwrap();
        issued.write(&path(name));
    }
    symlink("..1", path("..data")).unwrap();
    symlink("..data/tls.crt", path("tls.crt")).unwrap();
    symlink("..data/tls.key", path("tls.key")).unwrap();
    let files = FileCertificate::load(path("tls.crt"), path("tls.key"), Arc::clone(&metrics.serve)).unwrap();
    let server = start(Limits::default(), Some(files.current()), metrics).await;
    let client = Client::new(server.addr, &authority.pem);
    files.look();
    assert_eq!(client.shown().await, old.der);

    symlink("..2", path("..data_tmp")).unwrap();
    fs::rename(path("..data_tmp"), path("..data")).unwrap();
    fs::remove_dir_all(path("..1")).unwrap();
    files.look();
    assert_eq!(client.shown().await, new.der);
}

#[test]
fn a_bad_pair_at_the_start_names_the_file_and_the_remedy() {
    let (directory, authority) = (tempfile::tempdir().unwrap(), Authority::generate());
    let (one, other) = (authority.issue(), authority.issue());
    let (certificate, key) = one.write(directory.path());
    let error = || FileCertificate::load(&certificate, &key, Metrics::register().serve).unwrap_err().to_string();

    fs::write(&key, &other.key).unwrap();
    let expected = format!(
        "cannot use the private key in {}: the key does not belong to the certificate; \
         write the key that the certificate was issued for",
        key.display()
    );
    assert_eq!(error(), expected);

    fs::write(&key, &one.certificate).unwrap();
    assert!(error().contains("there is no private key in it"), "{}", error());

    fs::remove_file(&certificate).unwrap();
    assert!(error().starts_with(&format!("cannot use the certificate in {}:", certificate.display())), "{}", error());
    assert!(error().ends_with("check the path, and that the Secret is mounted there"), "{}", error());
}

#[tokio::test]
async fn failed_handshakes_are_told_apart() {
    let (server, client) = start_ephemeral(Limits { handshake_timeout: SHORT, ..Limits::default() }).await;
    let stranger = Client::new(server.addr, &Authority::generate().pem);
    assert!(soon("a handshake", stranger.tls()).await.is_err());

    let mut plain = TcpStream::connect(server.addr).await.unwrap();
    plain.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
    closed(&mut plain).await;

    drop(TcpStream::connect(server.addr).await.unwrap());

    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    closed(&mut silent).await;

    for reason in ["bad_certificate", "not_tls", "closed", "timeout"] {
        let name = format!("draingate_handshake_failures_total{{reason=\"{reason}\"}}");
        until(&name, || server.sample(&name) == 1).await;
    }
    assert_eq!(send(&mut client.http1().await, echo("x")).await.status, 200);
}

// Limits on connections

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_clients_lock_nobody_out() {
    const CAP: usize = 200;
    let limits = Limits { max_connections: CAP, handshake_timeout: PATIENCE * 10, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut kept_alive = client.http1().await;
    let gone = Arc::new(AtomicUsize::new(0));
    for round in 0..20 {
        for number in 0..50 {
            let mut silent = TcpStream::connect(server.addr).await.unwrap();
            let gone = Arc::clone(&gone);
            tokio::spawn(async move {
                if number % 2 == 0 {
                    // The first byte of a TLS record, and no more.
                    let _ = silent.write_all(&[22]).await;
                }
                let _ = silent.read(&mut [0]).await;
                gone.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut new = client.http1().await;
        assert_eq!(send(&mut new, echo("new")).await.text, "new", "round {round}");
        assert_eq!(send(&mut kept_alive, echo("kept")).await.text, "kept", "round {round}");
    }
    // All but those that fit were closed, by us.
    until("silent clients are closed", || gone.load(Ordering::Relaxed) >= 1000 - CAP).await;
    let evicted = "draingate_connections_closed_total{port=\"webhook\",reason=\"to_make_room\"}";
    until("evictions are counted", || server.sample(evicted) >= 1000 - CAP as u64).await;
    until("the cap holds", || server.sample("draingate_connections{port=\"webhook\"}") <= CAP as u64).await;
}

#[tokio::test]
async fn a_connection_with_a_request_in_flight_never_gives_way() {
    let (server, client) = start_ephemeral(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut sender = client.http1().await;
    let answer = tokio::spawn(async move { send(&mut sender, wait()).await });
    server.arrived(1).await;

    let mut turned_away = TcpStream::connect(server.addr).await.unwrap();
    closed(&mut turned_away).await;
    assert_eq!(server.sample("draingate_connections_closed_total{port=\"webhook\",reason=\"all_busy\"}"), 1);
    server.release.add_permits(1);
    assert_eq!(answer.await.unwrap().text, "waited");
}

#[tokio::test]
async fn a_header_must_come_in_time_but_an_idle_connection_may_wait() {
    let (server, client) = start_ephemeral(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut kept_alive = client.http1().await;
    assert_eq!(send(&mut kept_alive, echo("x")).await.status, 200);
    let unused = client.http1().await;

    let mut slow = client.tls().await.unwrap();
    slow.write_all(b"POST /echo HTTP/1.1\r\nhost:").await.unwrap();
    closed(&mut slow).await;
    assert_eq!(server.sample("draingate_connections_closed_total{port=\"webhook\",reason=\"header_timeout\"}"), 1);

    tokio::time::sleep(3 * SHORT).await;
    for mut sender in [kept_alive, unused] {
        assert_eq!(send(&mut sender, echo("later")).await.text, "later");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let limits = Limits { idle_timeout: SHORT, header_timeout: SHORT / 2, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut idle = client.tls().await.unwrap();
    closed(&mut idle).await;
    assert_eq!(server.sample("draingate_connections_closed_total{port=\"webhook\",reason=\"idle\"}"), 1);
}

#[tokio::test]
async fn an_http2_header_that_does_not_end_is_an_idle_connection() {
    let limits = Limits { idle_timeout: SHORT, header_timeout: SHORT / 2, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut slow = client.tls_for_http2().await;
    slow.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    // HEADERS of stream 1 with `:method: POST` and no END_HEADERS.
    let begun = b"\0\0\x01\x01\0\0\0\0\x01\x83";
    slow.write_all(&[settings, &begun[..]].concat()).await.unwrap();
    closed(&mut slow).await;
    assert_eq!(server.sample("draingate_connections_closed_total{port=\"webhook\",reason=\"idle\"}"), 1);
}

// Limits on requests

#[tokio::test]
async fn too_many_requests_are_told_to_come_back() {
    let (server, client) = start_ephemeral(Limits { max_in_flight: 2, ..Limits::default() }).await;
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let mut sender = client.http1().await;
        held.spawn(async move { send(&mut sender, wait()).await.status });
    }
    server.arrived(2).await;

    let mut raw = Raw::new(&client).await;
    // Large, so that the client is still sending when it is answered.
    for body in ["small".to_owned(), "x".repeat(6 * MIB)] {
        let (head, text) = raw.post(&body).await;
        assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 1\r\n"), "{head}");
        assert_eq!(text, "Draingate is serving as many requests as it may at once; try again in a second.\n");
    }
    assert_eq!(server.sample("draingate_requests_shed_total{reason=\"in_flight\"}"), 2);

    server.release.add_permits(2);
    while let Some(status) = held.join_next().await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(raw.post("again").await.1, "again", "on the same connection");
}

#[tokio::test]
async fn bytes_of_bodies_are_bounded_over_all_requests() {
    let limits = Limits { max_buffered_bytes: MIB, max_body_bytes: MIB, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut holder = client.http1().await;
    let held =
        tokio::spawn(async move { send(&mut holder, request("POST", "/wait", "x".repeat(900 << 10))).await.status });
    server.arrived(1).await;

    let mut raw = Raw::new(&client).await;
    let (fits, too_much) = ("x".repeat(100 << 10), "x".repeat(200 << 10));
    assert_eq!(raw.post(&fits).await.1, fits, "there is room for this");
    let (head, _) = raw.post(&too_much).await;
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 1\r\n"), "{head}");
    for (size, status) in [(100 << 10, 200), (200 << 10, 429)] {
        let chunks = futures::stream::iter([Ok::<_, std::io::Error>("x".repeat(size))]);
        let answer = send(&mut client.http1().await, request("POST", "/echo", Body::from_stream(chunks))).await;
        assert_eq!(answer.status, status, "a chunked body takes room as it comes");
    }

    server.release.add_permits(1);
    assert_eq!(held.await.unwrap(), 200);
    assert_eq!(raw.post(&too_much).await.1, too_much);
}

#[tokio::test]
async fn a_body_of_nine_mebibytes_is_too_large() {
    let (_server, client) = start_ephemeral(Limits::default()).await;
    let mut raw = Raw::new(&client).await;
    let (head, text) = raw.post(&"x".repeat(9 * MIB)).await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!(text, "The request's body is larger than the 8388608 bytes that Draingate accepts.\n");
    assert_eq!(raw.post("small").await.1, "small", "on the same connection");

    let chunk = "x".repeat(MIB);
    let chunks = futures::stream::iter((0..9).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let answer = send(&mut client.http1().await, request("POST", "/echo", Body::from_stream(chunks))).await;
    assert_eq!(answer.status, 413, "chunked");

    let answer = send(&mut client.http1().await, echo(&"x".repeat(8 * MIB))).await;
    assert_eq!((answer.status, answer.text.len()), (200, 8 * MIB), "as large as it may be");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let (_server, client) = start_ephemeral(Limits { body_timeout: SHORT, ..Limits::default() }).await;
    let never = futures::stream::pending::<Result<&str, std::io::Error>>();
    let answer = send(&mut client.http1().await, request("POST", "/echo", Body::from_stream(never))).await;
    assert_eq!((answer.status, answer.text.as_str()), (408, "The request's body did not arrive within 0.2 seconds.\n"));
}

#[tokio::test]
async fn a_panic_is_one_requests_affair() {
    let (server, client) = start_ephemeral(Limits::default()).await;
    let mut sender = client.http1().await;
    let answer = send(&mut sender, request("GET", "/panic", Body::empty())).await;
    assert_eq!((answer.status, answer.text.as_str()), (500, "Draingate failed on this request; its log says where.\n"));
    assert_eq!(send(&mut sender, echo("next")).await.text, "next");
    assert_eq!(server.sample("draingate_handler_panics_total"), 1);
}

#[tokio::test]
async fn http2_is_spoken() {
    let (server, client) = start_ephemeral(Limits::default()).await;
    let sender = client.http2().await;
    let requests = (0..20).map(|number| {
        let mut sender = sender.clone();
        async move {
            let text = number.to_string();
            let response = sender.send_request(echo(&text)).await.unwrap();
            assert_eq!(response.version(), axum::http::Version::HTTP_2);
            assert_eq!(whole(response).await.unwrap().text, text);
        }
    });
    soon("all answers", futures::future::join_all(requests)).await;
    let mut sender = sender.clone();
    let response = soon("an answer", sender.send_request(echo(&"x".repeat(9 * MIB)))).await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(server.sample("draingate_connections{port=\"webhook\"}"), 1, "all on one connection");
}

// Draining

/// Sends until the server has gone. Returns how many requests were answered in each phase they were sent in.
async fn load(client: Client, drain: Drain, answered: Arc<[AtomicUsize; 3]>) {
    let mut connection: Option<Http1> = None;
    loop {
        let mut sender = match connection.take() {
            Some(sender) => sender,
            None => match client.try_http1().await {
                Ok(sender) => sender,
                // Refused, or cut while the listener closed.
                Err(_) if drain.phase() == Phase::Closing => return,
                Err(error) => panic!("no connection while the listener was open: {error}"),
            },
        };
        let phase = drain.phase();
        match try_send(&mut sender, echo("x")).await {
            Ok(answer) => {
                assert_eq!(answer.status, 200);
                let close = answer.header("connection") == Some("close");
                assert!(close || phase == Phase::Serving, "an answer without Connection: close while {phase:?}");
                connection = (!close).then_some(sender);
                answered[phase as usize].fetch_add(1, Ordering::Relaxed);
            }
            Err(_) if phase == Phase::Closing => return,
            Err(error) => panic!("a request sent while {phase:?} failed: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_sent_before_the_listener_closed_is_lost() {
    let (server, client) = start_ephemeral(Limits::default()).await;
    let answered: Arc<[AtomicUsize; 3]> = Arc::default();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        clients.spawn(load(client.clone(), server.drain.clone(), Arc::clone(&answered)));
    }
    let mut slow = client.http1().await;
    let in_flight = tokio::spawn(async move { send(&mut slow, wait()).await });
    server.arrived(1).await;
    until("requests while serving", || answered[0].load(Ordering::Relaxed) > 50).await;
    server.drain.enter(Phase::Draining);
    until("requests while draining", || answered[1].load(Ordering::Relaxed) > 50).await;
    server.drain.enter(Phase::Closing);
    while let Some(result) = soon("the clients end", clients.join_next()).await {
        result.unwrap();
    }
    assert!(!server.done.is_finished(), "a request is in flight");
    server.release.add_permits(1);
    let answer = in_flight.await.unwrap();
    assert_eq!((answer.text.as_str(), answer.header("connection")), ("waited", Some("close")));
    soon("the server ends", server.done).await.unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_request_sent_just_before_the_listener_closes_is_served() {
    let limits = Limits { last_call: Duration::from_secs(1), ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut idle = client.tls().await.unwrap();
    let mut unused = client.tls().await.unwrap();
    // One that the kernel accepted and the server has not heard of.
    let mut backlog = std::net::TcpStream::connect(server.addr).unwrap();
    idle.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
    // This test's runtime has one thread: the server has not read it when this returns.
    server.drain.enter(Phase::Closing);

    let mut answer = String::new();
    soon("the answer", idle.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hi"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    closed(&mut unused).await;
    drop(std::io::Write::write_all(&mut backlog, b"not TLS, but it was taken\r\n"));
    until("the backlog was taken", || server.sample("draingate_handshake_failures_total{reason=\"not_tls\"}") == 1)
        .await;
    soon("the server ends", server.done).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_at_the_limit() {
    let limits = Limits { drain_limit: SHORT, last_call: SHORT / 4, ..Limits::default() };
    let (server, client) = start_ephemeral(limits).await;
    let mut sender = client.http1().await;
    let cut = tokio::spawn(async move { try_send(&mut sender, wait()).await });
    server.arrived(1).await;
    server.drain.enter(Phase::Closing);
    soon("the server ends", server.done).await.unwrap();
    assert!(cut.await.unwrap().is_err());
    let cut = "draingate_connections_closed_total{port=\"webhook\",reason=\"drain_limit\"} 1";
    assert!(server.metrics.registry.render().contains(cut), "{}", server.metrics.registry.render());
}

#[tokio::test]
async fn http2_is_sent_away_and_finishes_what_it_began() {
    // Far away, so that only GOAWAY can end the connection.
    let (server, client) = start_ephemeral(Limits { drain_limit: PATIENCE * 10, ..Limits::default() }).await;
    let mut sender = client.http2().await;
    let in_flight = sender.send_request(wait());
    let in_flight = tokio::spawn(async move { whole(in_flight.await?).await });
    server.arrived(1).await;
    server.drain.enter(Phase::Closing);
    soon("GOAWAY", async { while sender.send_request(echo("x")).await.is_ok() {} }).await;
    server.release.add_permits(1);
    assert_eq!(in_flight.await.unwrap().unwrap().text, "waited");
    soon("the server ends", server.done).await.unwrap();
}

// The admin port

#[tokio::test]
async fn the_admin_port_tells_what_is_missing() {
    let (drain, metrics) = (Drain::new(), Metrics::register());
    let Ephemeral { current, .. } = ephemeral(&["localhost".to_owned()], &metrics.serve).unwrap();
    let readiness = Readiness::new(current, drain.clone());
    let app = admin::router(readiness.clone(), Arc::clone(&metrics.registry));
    let nobody = || Arc::new(Semaphore::new(0));
    let server = draingate_testing::tls::run(Limits::admin(), None, metrics, app, nobody(), nobody()).await;
    let get = async |path: &str| {
        let stream = TcpStream::connect(server.addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        send(&mut sender, request("GET", path, Body::empty())).await
    };
    let ready = async || {
        let answer = get("/readyz").await;
        (answer.status, answer.text)
    };

    let missing = "bound: the webhook's port is not bound yet\ncaches: the cluster's objects are not read yet\n";
    assert_eq!(ready().await, (503, missing.to_owned()));
    readiness.bound(true);
    readiness.caches(true);
    assert_eq!(ready().await, (200, "ok\n".to_owned()));
    drain.enter(Phase::Draining);
    assert_eq!(ready().await, (503, "draining: the server is ending\n".to_owned()));

    let alive = get("/livez").await;
    assert_eq!((alive.status, alive.text.as_str()), (200, "ok\n"));
    let scraped = get("/metrics").await;
    assert_eq!(scraped.header("content-type"), Some(CONTENT_TYPE));
    assert!(scraped.text.contains("draingate_connections{port=\"webhook\"}"), "{}", scraped.text);
    assert!(scraped.text.ends_with("# EOF\n"), "{}", scraped.text);
}
