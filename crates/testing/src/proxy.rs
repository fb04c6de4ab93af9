//! Between Draingate and the API server: passes everything on, but for what it is told to break.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream::once;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::watch;

use crate::apiserver::ApiServer;
use crate::lab::yaml;

/// How long a watch lives under [`Fault::CutWatches`].
const CUT_AFTER: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Every request is answered with this status, and open watches are cut.
    Status(u16),
    /// The same, of requests alone whose path ends so.
    StatusOf(u16, &'static str),
    /// No watch begins: 410, by turns as status and as an event.
    Gone,
    /// Watches are cut in the middle of an event, again and again.
    CutWatches,
    /// The API server sees a token that it does not take.
    Token,
    /// Nothing is heard any more. What was open stays silent for ever.
    Silence,
}

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: kube::Client,
    fault: watch::Sender<Fault>,
    broken: AtomicU64,
}

impl Proxy {
    pub async fn start(server: &ApiServer) -> Proxy {
        let config = yaml(&std::fs::read_to_string(server.kubeconfig()).unwrap());
        let cluster = &config["clusters"][0]["cluster"];
        let mut upstream = kube::Config::new(cluster["server"].as_str().unwrap().parse().unwrap());
        let admin = kube::config::Kubeconfig::read_from(server.kubeconfig()).unwrap();
        let admin = kube::Config::from_custom_kubeconfig(admin, &Default::default()).await.unwrap();
        // Who asks is who asked.
        upstream.root_cert = admin.root_cert;
        upstream.default_retry = false;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let upstream = kube::Client::try_from(upstream).unwrap();
        let fault = watch::Sender::new(Fault::None);
        let shared = Arc::new(Shared { upstream, fault, broken: AtomicU64::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Proxy { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// How many requests and watches were broken.
    pub fn broken(&self) -> u64 {
        self.shared.broken.load(Ordering::Relaxed)
    }
}

async fn handle(State(shared): State<Arc<Shared>>, mut request: Request<Body>) -> Response {
    let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let mut faults = shared.fault.subscribe();
    let fault = *faults.borrow_and_update();
    let count = || shared.broken.fetch_add(1, Ordering::Relaxed);
    match fault {
        Fault::Status(code) => {
            count();
            return refuse(code);
        }
        Fault::StatusOf(code, end) if request.uri().path().ends_with(end) => {
            count();
            return refuse(code);
        }
        Fault::Gone if watch => {
            if count() % 2 == 0 {
                return refuse(410);
            }
            let event = json!({"type": "ERROR", "object": status(410)});
            return format!("{event}\n").into_response();
        }
        Fault::Token => {
            count();
            request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer expired"));
        }
        Fault::Silence => {
            count();
            return std::future::pending().await;
        }
        _ => {}
    }
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    let Ok(body) = body.collect().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let request = Request::from_parts(head, kube::client::Body::from(body.to_bytes().to_vec()));
    let Ok(response) = shared.upstream.send(request).await else { return StatusCode::BAD_GATEWAY.into_response() };
    let (head, body) = response.into_parts();
    if !watch {
        return Response::from_parts(head, Body::new(body));
    }
    let shared = Arc::clone(&shared);
    let (ended, end) = tokio::sync::oneshot::channel();
    let cut = async move {
        let fault = if fault == Fault::CutWatches {
            tokio::time::sleep(CUT_AFTER).await;
            fault
        } else {
            faults.wait_for(|now| *now != fault && *now != Fault::None).await.map_or(Fault::None, |fault| *fault)
        };
        shared.broken.fetch_add(1, Ordering::Relaxed);
        let _ = ended.send(fault);
    };
    let events = body.into_data_stream().map(|bytes| bytes.map_err(std::io::Error::other));
    let half = once(async {
        if end.await == Ok(Fault::Silence) {
            return std::future::pending().await;
        }
        Ok("{\"type\":\"MODIFIED\",\"obj".into())
    });
    let broken = once(async { Err(std::io::Error::other("cut")) });
    Response::from_parts(head, Body::from_stream(events.take_until(cut).chain(half).chain(broken)))
}

fn refuse(code: u16) -> Response {
    let mut response = (StatusCode::from_u16(code).unwrap(), status(code).to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if code == 429 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn status(code: u16) -> serde_json::Value {
    let reason = match code {
        404 => "NotFound",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
        "message": format!("made {code} on purpose")})
}
