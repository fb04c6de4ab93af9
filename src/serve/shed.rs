//! Says no at once when there is too much to do.
//!
//! The API server tries a call again after 429 with `Retry-After`, so a quick no costs a second, where a
//! slow yes costs the whole timeout. What is bounded: bytes of bodies held, and requests whose body is there.
//! What a client announces and does not send takes no room from others.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use super::metrics::{ServeMetrics, ShedReason};
use super::panic::catch_panics;
use crate::locks;

/// Counts what is in flight. One gate stands before all routes that share its bounds.
#[derive(Debug)]
pub struct Gate {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_body: usize,
    metrics: Arc<ServeMetrics>,
}

impl Gate {
    /// A gate with the bounds `max_in_flight`, `max_buffered_bytes` and `max_body_bytes`.
    #[must_use]
    pub fn new(limits: &Limits, metrics: Arc<ServeMetrics>) -> Arc<Self> {
        let bytes = limits.max_buffered_bytes.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            requests: Arc::new(Semaphore::new(limits.max_in_flight.min(Semaphore::MAX_PERMITS))),
            bytes: Arc::new(Semaphore::new(bytes)),
            // A single body can need no more than there is, or none would ever be let through.
            max_body: limits.max_body_bytes.min(bytes),
            metrics,
        })
    }

    fn full(&self, reason: ShedReason) -> Overloaded {
        self.metrics.shed.of(reason).inc();
        Overloaded(reason)
    }

    /// Whether there is room now for what is announced. Nothing is reserved.
    fn look(&self, announced: usize) -> Result<(), Overloaded> {
        if self.requests.available_permits() == 0 {
            return Err(self.full(ShedReason::in_flight));
        }
        if self.bytes.available_permits() < announced.min(self.max_body) {
            return Err(self.full(ShedReason::buffered_bytes));
        }
        Ok(())
    }
}

/// There is too much to do; as a response 429, with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("overloaded")]
pub struct Overloaded(ShedReason);

impl IntoResponse for Overloaded {
    fn into_response(self) -> Response {
        let text = match self.0 {
            ShedReason::in_flight => {
                "Draingate is serving as many requests as it may at once; try again in a second.\n"
            }
            ShedReason::buffered_bytes => {
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
    let announced = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
    if let Err(overloaded) = gate.look(announced) {
        return overloaded.into_response();
    }
    let held = Arc::new(Held { gate, permits: Mutex::default() });
    if request.body().is_end_stream()
        && let Err(overloaded) = held.begin()
    {
        return overloaded.into_response();
    }
    let request = request.map(|body| Body::new(Metered { body, held: Arc::clone(&held) }));
    let response = next.run(request).await;
    drop(held);
    response
}

/// What one request holds of the gate's bounds until it is answered.
#[derive(Debug)]
struct Held {
    gate: Arc<Gate>,
    permits: Mutex<Permits>,
}

#[derive(Debug, Default)]
struct Permits {
    bytes: Option<OwnedSemaphorePermit>,
    request: Option<OwnedSemaphorePermit>,
}

impl Held {
    fn permits(&self) -> MutexGuard<'_, Permits> {
        locks::lock(&self.permits)
    }

    /// The whole body is there.
    fn begin(&self) -> Result<(), Overloaded> {
        let mut permits = self.permits();
        if permits.request.is_none() {
            let permit = Arc::clone(&self.gate.requests).try_acquire_owned();
            permits.request = Some(permit.map_err(|_| self.gate.full(ShedReason::in_flight))?);
        }
        Ok(())
    }

    /// So many bytes of it arrived.
    fn take(&self, bytes: usize) -> Result<(), Overloaded> {
        let more =
            u32::try_from(bytes).ok().and_then(|bytes| Arc::clone(&self.gate.bytes).try_acquire_many_owned(bytes).ok());
        let more = more.ok_or_else(|| self.gate.full(ShedReason::buffered_bytes))?;
        match &mut self.permits().bytes {
            Some(bytes) => bytes.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// A body that takes its room as it arrives.
struct Metered {
    body: Body,
    held: Arc<Held>,
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        let room = match &poll {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(Ok(()), |data| self.held.take(data.len())),
            Poll::Ready(None) => self.held.begin(),
            _ => Ok(()),
        };
        match room {
            Ok(()) => poll.map_err(Into::into),
            Err(overloaded) => Poll::Ready(Some(Err(overloaded.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        // The end has to be polled for, or the request would not be counted.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
