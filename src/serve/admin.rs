//! The plain port for the kubelet and for Prometheus: `/livez`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use super::readiness::Readiness;
use crate::metrics::{self, Registry};

/// The routes of the admin port. Serve them by a [`super::listen::Server`] without TLS, with
/// [`super::limits::Limits::admin`] and a [`super::drain::Drain`] of its own, so that probes and metrics
/// are answered while the webhook drains.
pub fn router(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        // Alive is whoever answers. A server that drains or waits for its caches must not be restarted.
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(render).with_state(registry))
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let missing = readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
}

async fn render(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], registry.render())
}
