//! Turns a handler's panic into an answer, so that one request's bug stays with that request.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use super::metrics::ServeMetrics;

/// The middleware: answers 500 when what follows panics.
pub async fn catch_panics(State(metrics): State<Arc<ServeMetrics>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // The request and its answer are gone after a panic; what is shared lives behind locks that survive one.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            metrics.panics.inc();
            tracing::error!(path, panic = message(&*panic), "a handler panicked; this is a bug in Draingate");
            (StatusCode::INTERNAL_SERVER_ERROR, "Draingate failed on this request; its log says where.\n")
                .into_response()
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
