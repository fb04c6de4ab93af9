//! The load: requests to one URL at a steady rate, whatever became of the last, as independent clients would send.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::pods::now;
use super::recording::Sample;
use crate::cli::RehearseArgs;
use crate::locks;

/// In flight at the same time, at most; what would be one more counts as failed: `overload`.
const FLYING: usize = 5_000;
/// Kept at most: an hour at 500 a second. Beyond it the load ends.
const MOST_SAMPLES: usize = 1_800_000;

/// Requests of one kind.
pub(super) struct Load {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    method: Method,
    url: Uri,
    headers: HeaderMap,
    timeout: Duration,
    rate: u32,
    samples: Mutex<Vec<Sample>>,
    failed: AtomicUsize,
    over: AtomicBool,
    flying: AtomicUsize,
}

impl Load {
    /// As the arguments ask for it.
    ///
    /// # Errors
    /// An argument that cannot be read: which, and what was expected.
    pub(super) fn new(args: &RehearseArgs, url: &str) -> Result<Arc<Load>> {
        let url: Uri = url.parse().with_context(|| format!("--url {url}: not a URL"))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            bail!("--url {url}: it begins with http:// or https://, and names a host");
        }
        let method: Method =
            args.method.parse().with_context(|| format!("--method {}: no HTTP method", args.method))?;
        let mut headers = HeaderMap::new();
        for header in &args.header {
            let (name, value) = header.split_once(':').with_context(|| format!("--header {header}: NAME: VALUE"))?;
            let name: HeaderName = name.trim().parse().with_context(|| format!("--header {name}: no header's name"))?;
            // A header may hold a token: its value is never shown.
            let value: HeaderValue =
                value.trim().parse().with_context(|| format!("--header {name}: its value cannot be sent"))?;
            headers.append(name, value);
        }
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        if !args.keep_alive {
            builder.pool_max_idle_per_host(0);
        }
        Ok(Arc::new(Load {
            client: builder.build(connector(args)?),
            method,
            url,
            headers,
            timeout: args.timeout,
            rate: args.rate,
            samples: Mutex::default(),
            failed: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            flying: AtomicUsize::new(0),
        }))
    }

    /// Sends until [`Load::end`], and returns when the last answer is in.
    pub(super) async fn run(self: Arc<Self>) {
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while !self.over.load(Ordering::Relaxed) {
            ticks.tick().await;
            if self.flying.fetch_add(1, Ordering::Relaxed) >= FLYING {
                self.flying.fetch_sub(1, Ordering::Relaxed);
                self.note(Sample { at: now(), took: 0.0, error: Some("overload".to_owned()) });
                continue;
            }
            let load = Arc::clone(&self);
            tokio::spawn(async move {
                let (at, started) = (now(), Instant::now());
                let error = match timeout(load.timeout, load.ask()).await {
                    Ok(error) => error,
                    Err(_) => Some("timeout".to_owned()),
                };
                load.note(Sample { at, took: started.elapsed().as_secs_f64(), error });
                load.flying.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let deadline = Instant::now() + self.timeout + Duration::from_secs(1);
        while self.flying.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// No more requests begin.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Sent and failed so far.
    pub(super) fn counts(&self) -> (usize, usize) {
        let sent = locks::lock(&self.samples).len();
        (sent, self.failed.load(Ordering::Relaxed))
    }

    /// All that were sent.
    pub(super) fn samples(&self) -> Vec<Sample> {
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

    /// Why a request failed, or nothing. An answer below 500 is one: the service was there.
    async fn ask(&self) -> Option<String> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        let mut response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Some(reason(&error, error.is_connect())),
        };
        if response.status().is_server_error() {
            return Some(format!("status {}", response.status().as_u16()));
        }
        while let Some(frame) = response.body_mut().frame().await {
            if let Err(error) = frame {
                return Some(reason(&error, false));
            }
        }
        None
    }
}

fn connector(args: &RehearseArgs) -> Result<HttpsConnector<HttpConnector>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ClientConfig::builder();
    let config = match &args.ca_file {
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
    let mut http = HttpConnector::new();
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
