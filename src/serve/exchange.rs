//! One request and its answer on a connection: what the handler gets, and what is done around it.
//!
//! A request counts as in flight until both its body and its answer's body are dropped, so that its
//! connection is not taken for an idle one while either still moves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::service::Service as HyperService;
use tower::Service as TowerService;
use tracing::Instrument;

use super::activity::{Activity, InFlight, Receiving};
use super::drain::{Drain, Phase};
use super::limits::Limits;

/// The router as one connection sees it.
pub(super) struct Exchange {
    pub(super) app: Router,
    pub(super) peer: SocketAddr,
    pub(super) activity: Arc<Activity>,
    pub(super) drain: Drain,
    pub(super) discard: Discard,
    pub(super) span: tracing::Span,
}

impl HyperService<Request<Incoming>> for Exchange {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let guard = Arc::new(self.activity.begin());
        // Only HTTP/1.1 has a use for either: HTTP/2 resets a stream and says GOAWAY.
        let persistent = request.version() == Version::HTTP_11;
        let discard = persistent.then_some(self.discard);
        let mut request = request.map(|incoming| {
            let receiving = (!incoming.is_end_stream()).then(|| self.activity.receive());
            let held = Guards { _receiving: receiving, _in_flight: Arc::clone(&guard) };
            Body::new(RequestBody { incoming: Some((incoming, held)), discard })
        });
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.app.clone().call(request);
        let drain = self.drain.clone();
        let answered = async move {
            let mut response = answer.await?;
            if persistent && drain.phase() >= Phase::Draining {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| AnswerBody { body, _guard: guard }))
        };
        Box::pin(answered.instrument(self.span.clone()))
    }
}

/// An answer's body, which keeps the request in flight.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _guard: Arc<InFlight>,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How much of an unread body is thrown away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discard {
    max_bytes: u64,
    timeout: Duration,
}

impl From<&Limits> for Discard {
    fn from(limits: &Limits) -> Self {
        Self { max_bytes: limits.max_discard_bytes, timeout: limits.discard_timeout }
    }
}

/// A request's body. What a handler leaves unread is thrown away within bounds: closing a connection with
/// bytes unread resets it, and the client, still sending, would lose the answer with its `Retry-After`.
struct RequestBody {
    incoming: Option<(Incoming, Guards)>,
    discard: Option<Discard>,
}

/// Held while a body arrives.
struct Guards {
    _receiving: Option<Receiving>,
    _in_flight: Arc<InFlight>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some((incoming, _)) = self.incoming.as_mut() else { return Poll::Ready(None) };
        let poll = Pin::new(incoming).poll_frame(cx);
        if matches!(poll, Poll::Ready(None | Some(Err(_)))) {
            self.incoming = None;
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(|(incoming, _)| incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), |(incoming, _)| incoming.size_hint())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(discard) = self.discard else { return };
        let Some((incoming, guard)) = self.incoming.take() else { return };
        if incoming.is_end_stream() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(throw_away(incoming, guard, discard));
        }
    }
}

async fn throw_away(mut incoming: Incoming, guard: Guards, discard: Discard) {
    let all = async {
        let mut left = discard.max_bytes;
        // Once the answer is out, hyper tells the end of a body only when the next request comes: hence the
        // look at what is left of it.
        while !incoming.is_end_stream()
            && let Some(Ok(frame)) = incoming.frame().await
        {
            let size = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            let Some(rest) = left.checked_sub(size) else { return };
            left = rest;
        }
    };
    // Whether all came or not: dropping the rest makes hyper close the connection.
    let _ = tokio::time::timeout(discard.timeout, all).await;
    drop(guard);
}
