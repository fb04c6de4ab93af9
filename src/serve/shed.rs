//! Says no at once when there is too much to do.
//!
//! The API server tries a call again after 429 with `Retry-After`, so a quick no costs a second, where a
//! slow yes costs the whole timeout. What is bounded: requests in flight, and bytes of bodies held.

use std::sync::Arc;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::limits::Limits;
use super::panic::catch_panics;
use crate::metrics::{Metrics, Shed, ShedLabel};

/// Counts what is in flight. One gate stands before all routes that share its bounds.
#[derive(Debug)]
pub struct Gate {
    requests: Semaphore,
    bytes: Semaphore,
    max_body: u32,
    metrics: Arc<Metrics>,
}

impl Gate {
    /// A gate with the bounds `max_in_flight`, `max_buffered_bytes` and `max_body_bytes`.
    #[must_use]
    pub fn new(limits: &Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        let bytes = limits.max_buffered_bytes.min(Semaphore::MAX_PERMITS);
        // A single body can reserve no more than there is, or none would ever be let through.
        let max_body = u32::try_from(limits.max_body_bytes.min(bytes)).unwrap_or(u32::MAX);
        Arc::new(Self {
            requests: Semaphore::new(limits.max_in_flight.min(Semaphore::MAX_PERMITS)),
            bytes: Semaphore::new(bytes),
            max_body,
            metrics,
        })
    }

    fn refuse(&self, reason: Shed) -> Response {
        self.metrics.shed.get_or_create(&ShedLabel { reason }).inc();
        let text = match reason {
            Shed::in_flight => "Draingate is serving as many requests as it may at once; try again in a second.\n",
            Shed::buffered_bytes => {
                "Draingate is holding as many bytes of requests as it may; try again in a second.\n"
            }
        };
        let retry = [(RETRY_AFTER, HeaderValue::from_static("1"))];
        (StatusCode::TOO_MANY_REQUESTS, retry, text).into_response()
    }
}

/// Puts `gate` before `app`, and catches panics behind it.
pub fn guard(app: Router, gate: Arc<Gate>) -> Router {
    let metrics = Arc::clone(&gate.metrics);
    app.layer(from_fn_with_state(metrics, catch_panics)).layer(from_fn_with_state(gate, shed))
}

/// The middleware: lets a request through if there is room for it and its body, or answers 429.
pub async fn shed(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let Ok(_request) = gate.requests.try_acquire() else {
        return gate.refuse(Shed::in_flight);
    };
    let Ok(_bytes) = gate.bytes.try_acquire_many(to_reserve(request.body(), gate.max_body)) else {
        return gate.refuse(Shed::buffered_bytes);
    };
    next.run(request).await
}

/// The bytes that a body may come to hold: what its `Content-Length` says, or the most for a chunked one.
fn to_reserve(body: &axum::body::Body, max: u32) -> u32 {
    if body.is_end_stream() {
        return 0;
    }
    body.size_hint().upper().map_or(max, |bytes| u32::try_from(bytes).unwrap_or(max).min(max))
}

#[cfg(test)]
mod tests {
    use super::to_reserve;
    use axum::body::Body;

    #[test]
    fn a_body_reserves_what_it_announces() {
        let chunked = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>("x")]));
        for (body, bytes) in
            [(Body::empty(), 0), (Body::from("four"), 4), (Body::from("more than ten"), 10), (chunked, 10)]
        {
            assert_eq!(to_reserve(&body, 10), bytes);
        }
    }
}
