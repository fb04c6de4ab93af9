//! The load: requests to one URL at a steady rate, whatever became of the last, as independent clients would send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::{HttpConnector, HttpInfo};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tower::Service;

use super::canary::Canary;
use super::pods::now;
use super::recording::{Answer, Sample};
use crate::locks;

/// In flight at the same time, at most; what would be one more counts as failed: `overload`.
const FLYING: usize = 5_000;
/// Kept at most: an hour at 500 a second. Beyond it the load ends.
const MOST_SAMPLES: usize = 1_800_000;

/// The longest answer that is read for who gave it.
const LONGEST_ANSWER: usize = 4_096;

/// How connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// A new one for each request.
    New,
    /// Again, as clients with a pool do.
    Pooled,
    /// So many, each asked one request after the other, for as long as it lasts.
    Kept(u32),
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to, http or https.
    pub url: String,
    /// Connects there, whatever the URL's host resolves to.
    pub address: Option<SocketAddr>,
    /// The HTTP method.
    pub method: String,
    /// `NAME: VALUE`, each.
    pub headers: Vec<String>,
    /// How long a request may take.
    pub timeout: Duration,
    /// Requests a second, of all connections together.
    pub rate: u32,
    /// How connections are used.
    pub connections: Connections,
    /// Trusts the CAs of this PEM file instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Reads who gave each answer: a canary says so. What is no canary's has failed.
    pub of_canary: bool,
}

/// Requests of one kind.
pub struct Load {
    clients: Vec<HttpClient>,
    method: Method,
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    rate: u32,
    connections: Connections,
    of_canary: bool,
    samples: Mutex<Vec<Sample>>,
    failed: AtomicUsize,
    over: AtomicBool,
    flying: AtomicUsize,
}

impl Load {
    /// As the options ask for it.
    ///
    /// # Errors
    /// An option that cannot be read: which, and what was expected.
    pub fn new(options: &Options) -> Result<Arc<Load>> {
        let Options { url, connections, .. } = options;
        let parsed: Uri = url.parse().with_context(|| format!("--url {url}: not a URL"))?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.host().is_none() {
            bail!("--url {url}: it begins with http:// or https://, and names a host");
        }
        let method: Method =
            options.method.parse().with_context(|| format!("--method {}: no HTTP method", options.method))?;
        let mut headers = HeaderMap::new();
        for header in &options.headers {
            let (name, value) = header.split_once(':').with_context(|| format!("--header {header}: NAME: VALUE"))?;
            let name: HeaderName = name.trim().parse().with_context(|| format!("--header {name}: no header's name"))?;
            // A header may hold a token: its value is never shown.
            let value: HeaderValue =
                value.trim().parse().with_context(|| format!("--header {name}: its value cannot be sent"))?;
            headers.append(name, value);
        }
        let connector = connector(options)?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        let count = match connections {
            Connections::New => {
                builder.pool_max_idle_per_host(0);
                1
            }
            Connections::Pooled => 1,
            Connections::Kept(count) => {
                // One that broke is a failure, and not asked again in silence.
                builder.pool_max_idle_per_host(1).pool_idle_timeout(None).retry_canceled_requests(false);
                *count
            }
        };
        Ok(Arc::new(Load {
            clients: (0..count).map(|_| builder.build(connector.clone())).collect(),
            method,
            url: parsed,
            headers,
            timeout: options.timeout,
            rate: options.rate.max(1),
            connections: *connections,
            of_canary: options.of_canary,
            samples: Mutex::default(),
            failed: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            flying: AtomicUsize::new(0),
        }))
    }

    /// Sends until [`Load::end`], and returns when the last answer is in.
    pub async fn run(self: Arc<Self>) {
        match self.connections {
            Connections::Kept(_) => self.run_kept().await,
            Connections::New | Connections::Pooled => self.run_steadily().await,
        }
    }

    /// Each connection at its own pace: a request that hangs holds up no other connection.
    async fn run_kept(self: Arc<Self>) {
        let mut tasks = JoinSet::new();
        let count = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        for (lane, client) in self.clients.iter().cloned().enumerate() {
            let load = Arc::clone(&self);
            tasks.spawn(async move {
                let mut ticks = interval(Duration::from_secs(1) * count / load.rate);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                while !load.over.load(Ordering::Relaxed) {
                    ticks.tick().await;
                    load.note(Sample { lane: Some(lane), ..load.timed(&client).await });
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn run_steadily(self: Arc<Self>) {
        let Some(client) = self.clients.first() else { return };
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !self.over.load(Ordering::Relaxed) {
            ticks.tick().await;
            if self.flying.fetch_add(1, Ordering::Relaxed) >= FLYING {
                self.flying.fetch_sub(1, Ordering::Relaxed);
                self.note(Sample { at: now(), error: Some("overload".to_owned()), ..Sample::default() });
                continue;
            }
            let (load, client) = (Arc::clone(&self), client.clone());
            tokio::spawn(async move {
                load.note(load.timed(&client).await);
                load.flying.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let deadline = Instant::now() + self.timeout + Duration::from_secs(1);
        while self.flying.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// No more requests begin.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Sent and failed so far.
    pub fn counts(&self) -> (usize, usize) {
        let sent = locks::lock(&self.samples).len();
        (sent, self.failed.load(Ordering::Relaxed))
    }

    /// A look at those that have ended so far.
    pub fn recent<T>(&self, look: impl FnOnce(&[Sample]) -> T) -> T {
        look(&locks::lock(&self.samples))
    }

    /// All that were sent.
    pub fn samples(&self) -> Vec<Sample> {
        locks::lock(&self.samples).clone()
    }

    fn note(&self, sample: Sample) {
        if sample.error.is_some() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        let mut samples = locks::lock(&self.samples);
        samples.push(sample);
        if samples.len() >= MOST_SAMPLES {
            self.end();
        }
    }

    async fn timed(&self, client: &HttpClient) -> Sample {
        let (at, started) = (now(), Instant::now());
        let asked = timeout(self.timeout, self.ask(client)).await.unwrap_or_else(|_| Err("timeout".to_owned()));
        let took = started.elapsed().as_secs_f64();
        match asked {
            Ok(answer) => Sample { at, took, answer, ..Sample::default() },
            Err(error) => Sample { at, took, error: Some(error), ..Sample::default() },
        }
    }

    /// Who answered, where that is asked; or why it failed. An answer below 500 is one: the service was there.
    async fn ask(&self, client: &HttpClient) -> Result<Option<Answer>, String> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let mut response = client.request(request).await.map_err(|error| reason(&error, error.is_connect()))?;
        let status = response.status();
        if status.is_server_error() || self.of_canary && !status.is_success() {
            return Err(format!("status {}", status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            let frame = frame.map_err(|error| reason(&error, false))?;
            if let Some(data) =
                frame.data_ref().filter(|data| self.of_canary && body.len() + data.len() <= LONGEST_ANSWER)
            {
                body.extend_from_slice(data);
            }
        }
        if !self.of_canary {
            return Ok(None);
        }
        let connection = response.extensions().get::<HttpInfo>().map_or(0, |info| info.local_addr().port());
        let closes =
            response.headers().get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let said: Canary = serde_json::from_slice(&body).map_err(|_| "not the canary".to_owned())?;
        Ok(Some(Answer { pod: said.pod, stopping: said.stopping, connection, closes }))
    }
}

type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>;

/// The system's, or one address for every name.
#[derive(Clone)]
struct Resolver {
    fixed: Option<SocketAddr>,
    system: GaiResolver,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Poller<'_>) -> Poll<std::io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if let Some(address) = self.fixed {
            return Box::pin(std::future::ready(Ok(vec![address].into_iter())));
        }
        let found = self.system.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}

fn connector(options: &Options) -> Result<HttpsConnector<HttpConnector<Resolver>>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ClientConfig::builder();
    let config = match &options.ca_file {
        None if options.url.starts_with("http:") => config.with_root_certificates(RootCertStore::empty()),
        None => {
            config.with_native_roots().context("the system's certificates cannot be read; --ca-file names others")?
        }
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let name = path.display();
            for certificate in CertificateDer::pem_file_iter(path).with_context(|| format!("--ca-file {name}"))? {
                let certificate = certificate.with_context(|| format!("--ca-file {name}: no PEM certificates"))?;
                roots.add(certificate).with_context(|| format!("--ca-file {name}"))?;
            }
            config.with_root_certificates(roots)
        }
    };
    let mut http = HttpConnector::new_with_resolver(Resolver { fixed: options.address, system: GaiResolver::new() });
    http.enforce_http(false);
    http.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(config.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .wrap_connector(http))
}

/// A word for the whole chain of causes.
fn reason(error: &(dyn std::error::Error + 'static), connecting: bool) -> String {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if let Some(io) = one.downcast_ref::<std::io::Error>() {
            let word = match io.kind() {
                std::io::ErrorKind::ConnectionRefused => Some("refused"),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => Some("reset"),
                std::io::ErrorKind::UnexpectedEof => Some("eof"),
                std::io::ErrorKind::TimedOut => Some("timeout"),
                std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => Some("unreachable"),
                _ => None,
            };
            if let Some(word) = word {
                return word.to_owned();
            }
        }
        if let Some(hyper) = one.downcast_ref::<hyper::Error>()
            && (hyper.is_incomplete_message() || hyper.is_closed())
        {
            return "eof".to_owned();
        }
        cause = one.source();
    }
    if connecting { "no connection" } else { "broken" }.to_owned()
}
