//! One connection, from the handshake to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::Activity;
use super::drain::{Drain, Phase};
use super::exchange::{Discard, Exchange};
use super::handshake::Failures;
use super::limits::Limits;
use super::metrics::{CloseReason, ServeMetrics};
use super::table::Slot;
use super::watched::Watched;

/// What all connections of a port share.
pub(super) struct Shared {
    pub(super) port: &'static str,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) app: Router,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<ServeMetrics>,
    pub(super) failures: Failures,
    pub(super) drain: Drain,
}

impl Shared {
    pub(super) fn closed(&self, reason: CloseReason) {
        self.metrics.closed(self.port, reason);
    }
}

/// Serves one accepted connection until it ends.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, slot: Slot, shared: Arc<Shared>) {
    // Answers are small and waited for; without this they could wait for an acknowledgement first.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = &shared.tls else {
        return speak(stream, Protocol::Http1, peer, &slot, &shared).await;
    };
    let handshake = timeout(shared.limits.handshake_timeout, acceptor.accept(stream));
    let result = tokio::select! {
        () = slot.activity.asked_to_leave() => return shared.closed(CloseReason::to_make_room),
        result = handshake => result,
    };
    match result {
        Ok(Ok(stream)) => {
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            speak(stream, protocol, peer, &slot, &shared).await;
        }
        Ok(Err(error)) => shared.failures.note(&shared.metrics, Some(&error)),
        Err(_elapsed) => shared.failures.note(&shared.metrics, None),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

async fn speak<S>(stream: S, protocol: Protocol, peer: SocketAddr, slot: &Slot, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, activity) = (&shared.limits, &slot.activity);
    activity.opened();
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(activity)));
    let exchange = Exchange {
        app: shared.app.clone(),
        peer,
        activity: Arc::clone(activity),
        drain: shared.drain.clone(),
        discard: Discard::from(limits),
        span: tracing::Span::current(),
    };
    let driver = Driver { protocol, activity, shared, phase: shared.drain.subscribe() };
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // hyper would start it on an idle connection; see `Activity`.
                .header_read_timeout(None)
                .max_header_size(usize::try_from(limits.max_header_bytes).unwrap_or(usize::MAX))
                .serve_connection(stream, exchange);
            driver.drive(connection).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(limits.max_streams)
                .max_header_list_size(limits.max_header_bytes)
                .keep_alive_interval(limits.ping_interval)
                .keep_alive_timeout(limits.ping_timeout)
                .serve_connection(stream, exchange);
            driver.drive(connection).await;
        }
    }
}

/// Polls a connection and decides when it has had its time.
struct Driver<'a> {
    protocol: Protocol,
    activity: &'a Activity,
    shared: &'a Shared,
    phase: watch::Receiver<Phase>,
}

/// What a look at the clock says.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing before this time.
    Wait(Instant),
    /// Ask the client to go, by hyper's own means, and count it if there is a reason to.
    Finish(Option<CloseReason>),
    /// Let go.
    Drop(CloseReason),
}

impl Driver<'_> {
    async fn drive<C: GracefulConnection>(mut self, connection: C)
    where
        C::Error: std::fmt::Display,
    {
        let mut connection = pin!(connection);
        let mut finishing = None;
        let mut closing = None;
        // A connection ends for one reason: the first.
        let mut counted = false;
        let mut count = |reason| {
            if !std::mem::replace(&mut counted, true) {
                self.shared.closed(reason);
            }
        };
        loop {
            let phase = *self.phase.borrow_and_update();
            if phase == Phase::Closing && closing.is_none() {
                closing = Some(Instant::now());
                if self.protocol == Protocol::Http2 && finishing.is_none() {
                    // GOAWAY leaves the requests that are on their way untouched.
                    connection.as_mut().graceful_shutdown();
                    finishing = Some(Instant::now());
                }
            }
            let wake = match self.verdict(Instant::now(), closing, finishing) {
                Verdict::Wait(until) => until,
                Verdict::Finish(reason) => {
                    reason.into_iter().for_each(&mut count);
                    connection.as_mut().graceful_shutdown();
                    finishing = Some(Instant::now());
                    continue;
                }
                Verdict::Drop(reason) => {
                    tracing::debug!(?reason, "closing a connection");
                    return count(reason);
                }
            };
            tokio::select! {
                biased;
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection broke");
                    }
                    return;
                }
                () = self.activity.asked_to_leave() => {
                    count(CloseReason::to_make_room);
                    connection.as_mut().graceful_shutdown();
                    finishing = Some(Instant::now());
                    // A request that came in between is served, being the last.
                    if futures::poll!(connection.as_mut()).is_ready() {
                        return;
                    }
                    if !self.activity.busy() {
                        return;
                    }
                }
                Ok(()) = self.phase.changed(), if closing.is_none() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Looks at the clock. Whatever may begin after this look gets its full time before the next one.
    fn verdict(&self, now: Instant, closing: Option<Instant>, finishing: Option<Instant>) -> Verdict {
        let limits = &self.shared.limits;
        let mut wake = now + limits.header_timeout.min(limits.write_timeout);
        let mut over = |since: Instant, limit| {
            let end = since + limit;
            if now < end {
                wake = wake.min(end);
            }
            now >= end
        };
        if let Some(since) = self.activity.write_since()
            && over(since, limits.write_timeout)
        {
            return Verdict::Drop(CloseReason::write_timeout);
        }
        if self.protocol == Protocol::Http1
            && let Some(since) = self.activity.head_since()
            && over(since, limits.header_timeout)
        {
            return Verdict::Drop(CloseReason::header_timeout);
        }
        if let Some(idle) = self.activity.idle_since() {
            match (finishing, closing) {
                // Asked to go, and nothing left to do: a peer that does not answer is let go.
                (Some(asked), _) if over(asked.max(idle), limits.header_timeout) => {
                    return Verdict::Drop(CloseReason::idle);
                }
                (Some(_), _) => {}
                (None, Some(closing)) if over(closing.max(idle), limits.last_call) => return Verdict::Finish(None),
                (None, Some(_)) => {}
                (None, None) if over(idle, limits.idle_timeout) => return Verdict::Finish(Some(CloseReason::idle)),
                (None, None) => {}
            }
        }
        Verdict::Wait(wake)
    }
}
