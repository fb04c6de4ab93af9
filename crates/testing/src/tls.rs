//! A server on a port of its own, certificates for it, and clients that show what they got.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use draingate::run::metrics::Metrics;
use draingate::serve::body::read_body;
use draingate::serve::certificate::{CurrentCertificate, Ephemeral, ephemeral, tls_config};
use draingate::serve::drain::Drain;
use draingate::serve::limits::Limits;
use draingate::serve::listen::Server;
use draingate::serve::shed::{Gate, guard};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// No wait in these tests lasts longer; one that does is a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `future`, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

/// Waits until `check` holds.
pub async fn until(what: &str, mut check: impl FnMut() -> bool) {
    soon(what, async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A server that runs.
pub struct Running {
    pub addr: SocketAddr,
    pub drain: Drain,
    pub metrics: Metrics,
    pub done: JoinHandle<()>,
    /// Lets requests to `/wait` go on, one per permit.
    pub release: Arc<Semaphore>,
    /// Counts requests that have come to `/wait`.
    pub waiting: Arc<Semaphore>,
}

impl Running {
    /// The value of a sample in the metrics; 0 if it is not there.
    pub fn sample(&self, name: &str) -> u64 {
        let text = self.metrics.registry.render();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until `count` requests have come to `/wait` since the last call.
    pub async fn arrived(&self, count: u32) {
        soon("requests arrive", self.waiting.acquire_many(count)).await.unwrap().forget();
    }
}

/// Routes that echo, wait, and panic.
pub fn app(limits: &Limits, release: Arc<Semaphore>, waiting: Arc<Semaphore>) -> Router {
    let (max, timeout) = (limits.max_body_bytes, limits.body_timeout);
    let echo = move |body: Body| async move {
        read_body(body, max, timeout).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    };
    let wait = move |body: Body| {
        let (release, waiting) = (Arc::clone(&release), Arc::clone(&waiting));
        async move {
            let _held = read_body(body, max, timeout).await;
            waiting.add_permits(1);
            release.acquire().await.unwrap().forget();
            "waited"
        }
    };
    Router::new()
        .route("/echo", post(echo))
        .route("/wait", post(wait))
        .route("/panic", get(async || -> StatusCode { panic!("on purpose") }))
}

/// Starts a server on a free port of 127.0.0.1.
pub async fn start(limits: Limits, certificate: Option<Arc<CurrentCertificate>>, metrics: Metrics) -> Running {
    let (release, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let gate = Gate::new(&limits, Arc::clone(&metrics.serve));
    let app = guard(app(&limits, Arc::clone(&release), Arc::clone(&waiting)), gate);
    let tls = certificate.map(|certificate| tls_config(certificate).unwrap());
    run(limits, tls, metrics, app, release, waiting).await
}

/// Starts a server for `app`.
pub async fn run(
    limits: Limits,
    tls: Option<Arc<rustls::ServerConfig>>,
    metrics: Metrics,
    app: Router,
    release: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, drain) = (listener.local_addr().unwrap(), Drain::new());
    let server = Server {
        port: "webhook",
        listener,
        tls,
        app,
        limits,
        metrics: Arc::clone(&metrics.serve),
        drain: drain.clone(),
    };
    Running { addr, drain, metrics, done: tokio::spawn(server.run()), release, waiting }
}

/// Starts a server with a certificate made in memory, and a client that trusts it.
pub async fn start_ephemeral(limits: Limits) -> (Running, Client) {
    let (metrics, names) = (Metrics::register(), ["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let Ephemeral { current, ca_pem } = ephemeral(&names, &metrics.serve).unwrap();
    let server = start(limits, Some(current), metrics).await;
    let client = Client::new(server.addr, &ca_pem);
    (server, client)
}

/// A client that knows one server and trusts one CA.
#[derive(Clone)]
pub struct Client {
    addr: SocketAddr,
    http1: TlsConnector,
    http2: TlsConnector,
}

/// An HTTP/1.1 connection.
pub type Http1 = http1::SendRequest<Body>;

impl Client {
    pub fn new(addr: SocketAddr, ca_pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let connector = |alpn: &[u8]| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let mut config = versions.unwrap().with_root_certificates(roots.clone()).with_no_client_auth();
            config.alpn_protocols = vec![alpn.to_vec()];
            TlsConnector::from(Arc::new(config))
        };
        Self { addr, http1: connector(b"http/1.1"), http2: connector(b"h2") }
    }

    /// A TLS connection, or why there is none.
    pub async fn tls(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.addr).await?;
        self.http1.connect(ServerName::from(self.addr.ip()), stream).await
    }

    /// The certificate that a new handshake shows.
    pub async fn shown(&self) -> Vec<u8> {
        let stream = soon("a handshake", self.tls()).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    /// An HTTP/1.1 connection, or why there is none.
    pub async fn try_http1(&self) -> std::io::Result<Http1> {
        let stream = self.tls().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    pub async fn http1(&self) -> Http1 {
        soon("an HTTP/1.1 connection", self.try_http1()).await.unwrap()
    }

    /// A TLS connection on which HTTP/2 is to be spoken.
    pub async fn tls_for_http2(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.addr).await.unwrap();
        soon("a handshake", self.http2.connect(ServerName::from(self.addr.ip()), stream)).await.unwrap()
    }

    pub async fn http2(&self) -> http2::SendRequest<Body> {
        let stream = self.tls_for_http2().await;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

pub fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let uri = format!("https://127.0.0.1{path}");
    Request::builder().method(method).uri(uri).header("host", "127.0.0.1").body(body.into()).unwrap()
}

/// An answer that has arrived whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
    pub head: Response<()>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).map(|value| value.to_str().unwrap())
    }
}

/// Reads a whole answer.
pub async fn whole(response: Response<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = response.into_parts();
    let text: Bytes = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Answer { status: head.status.as_u16(), text, head: Response::from_parts(head, ()) })
}

/// Sends on a kept-alive connection, once it is free.
pub async fn try_send(sender: &mut Http1, request: Request<Body>) -> Result<Answer, hyper::Error> {
    sender.ready().await?;
    whole(sender.send_request(request).await?).await
}

/// Sends, and must succeed.
pub async fn send(sender: &mut Http1, request: Request<Body>) -> Answer {
    soon("an answer", try_send(sender, request)).await.unwrap()
}

/// An HTTP/1.1 connection written by hand. It sends a whole request before it reads, and can go on after an
/// answer that came early, which hyper's client at times cannot.
pub struct Raw(BufReader<TlsStream<TcpStream>>);

impl Raw {
    pub async fn new(client: &Client) -> Self {
        Self(BufReader::new(soon("a TLS connection", client.tls()).await.unwrap()))
    }

    /// Posts `body` to `/echo`. Returns the head of the answer, and its body.
    pub async fn post(&mut self, body: &str) -> (String, String) {
        self.post_bytes("/echo", body.as_bytes()).await
    }

    /// Posts `body` to `path`. Returns the head of the answer, and its body.
    pub async fn post_bytes(&mut self, path: &str, body: &[u8]) -> (String, String) {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        soon("an answer", async {
            self.0.write_all(head.as_bytes()).await.unwrap();
            self.0.write_all(body).await.unwrap();
            self.0.flush().await.unwrap();
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(self.0.read_line(&mut head).await.unwrap(), 0, "closed after {head:?}");
            }
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            (head, String::from_utf8(body).unwrap())
        })
        .await
    }
}

/// A CA that issues certificates to files.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Issued {
    pub der: Vec<u8>,
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn generate() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn issue(&self) -> Issued {
        self.issue_until(2100)
    }

    pub fn issue_until(&self, year: i32) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { der: certificate.der().to_vec(), certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// Writes both files as `tls.crt` and `tls.key`.
    pub fn write(&self, directory: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (directory.join("tls.crt"), directory.join("tls.key"));
        fs::write(&certificate, &self.certificate).unwrap();
        fs::write(&key, &self.key).unwrap();
        (certificate, key)
    }
}
