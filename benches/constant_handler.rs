//! The null handler: Draingate's own server, TLS and router, and an answer that never changes. What it costs is what
//! any webhook on this stack has to pay. `benches/server` starts it; arguments: the folder for its CA.
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use draingate::metrics::Registry;
use draingate::serve::body::read_body;
use draingate::serve::certificate::{ephemeral, tls_config};
use draingate::serve::drain::Drain;
use draingate::serve::limits::Limits;
use draingate::serve::listen::Server;
use draingate::serve::metrics::ServeMetrics;
use draingate::serve::shed::{Gate, guard};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ANSWER: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true,"patchType":"JSONPatch","patch":"W3sib3AiOiJhZGQiLCJwYXRoIjoiL3NwZWMvY29udGFpbmVycy8wL2xpZmVjeWNsZSIsInZhbHVlIjp7InByZVN0b3AiOnsic2xlZXAiOnsic2Vjb25kcyI6MTB9fX19XQ=="}}"#;

fn main() {
    let folder = std::env::args().nth(1).unwrap();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let metrics = ServeMetrics::register(&mut Registry::default());
        let made = ephemeral(&["localhost".to_owned(), "127.0.0.1".to_owned()], &metrics).unwrap();
        std::fs::write(std::path::Path::new(&folder).join("ca.crt"), &made.ca_pem).unwrap();
        let limits = Limits::default();
        let (max, time) = (limits.max_body_bytes, limits.body_timeout);
        let answer = move |body: Body| async move {
            match read_body(body, max, time).await {
                Ok(_) => ([(header::CONTENT_TYPE, "application/json")], ANSWER).into_response(),
                Err(error) => error.into_response(),
            }
        };
        let app = Router::new().route("/mutate", post(answer)).route("/validate", post(answer));
        let app = guard(app, Gate::new(&limits, Arc::clone(&metrics)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let tls = Some(tls_config(made.current).unwrap());
        Server { port: "webhook", listener, tls, app, limits, metrics, drain: Drain::new() }.run().await;
    });
}
