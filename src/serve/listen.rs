//! The accept loop: it takes connections, gives each its own task and place, and never waits for a client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::Instrument;

use super::connection::{Shared, serve};
use super::drain::{Drain, Phase};
use super::handshake::Failures;
use super::limits::Limits;
use super::metrics::{CloseReason, ServeMetrics};
use super::table::{Place, Slot, Table};
use super::throttled_log::ThrottledLog;

/// The shortest and the longest wait after an error of accept.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A port and what is served on it.
#[derive(Debug)]
pub struct Server {
    /// A short name for logs and metrics, such as `webhook`.
    pub port: &'static str,
    /// The bound socket.
    pub listener: TcpListener,
    /// How TLS is spoken; `None` is plain HTTP/1.1.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// What is served.
    pub app: Router,
    /// The bounds.
    pub limits: Limits,
    /// Where it is counted.
    pub metrics: Arc<ServeMetrics>,
    /// What ends it.
    pub drain: Drain,
}

impl Server {
    /// Serves until [`Phase::Closing`], then until the last connection is done or
    /// [`Limits::drain_limit`] is over.
    pub async fn run(self) {
        let Self { port, listener, tls, app, limits, metrics, drain } = self;
        let gauge = metrics.connections.of(port).clone();
        let shared =
            Shared { port, tls: tls.map(TlsAcceptor::from), app, limits, metrics, failures: Failures::new(), drain };
        let every_second = || ThrottledLog::new(Duration::from_secs(1));
        let mut accepting = Accepting {
            table: Table::new(shared.limits.max_connections, gauge),
            shared: Arc::new(shared),
            tasks: JoinSet::new(),
            full: every_second(),
            broken: every_second(),
        };
        accepting.until_closing(&listener).await;
        accepting.sweep(listener);
        accepting.finish().await;
    }
}

struct Accepting {
    shared: Arc<Shared>,
    table: Arc<Table>,
    tasks: JoinSet<()>,
    full: ThrottledLog,
    broken: ThrottledLog,
}

impl Accepting {
    async fn until_closing(&mut self, listener: &TcpListener) {
        let mut phase = self.shared.drain.subscribe();
        let closing = phase.wait_for(|phase| *phase == Phase::Closing);
        tokio::pin!(closing);
        let mut wait = BACK_OFF.0;
        // Those who were asked to leave take a moment; where they are many, new ones wait for that.
        let max = self.shared.limits.max_connections;
        let most = max.saturating_add(max / 8).saturating_add(1);
        loop {
            let error = tokio::select! {
                biased;
                _ = &mut closing => return,
                Some(_) = self.tasks.join_next() => continue,
                accepted = listener.accept(), if self.tasks.len() < most => match accepted {
                    Ok((stream, peer)) => {
                        wait = BACK_OFF.0;
                        // Of both families: IPv4 arrives as IPv6.
                        self.take(stream, SocketAddr::new(peer.ip().to_canonical(), peer.port()));
                        continue;
                    }
                    Err(error) => error,
                },
            };
            if of_one_client(&error) {
                continue;
            }
            // The process has no room, as a rule for file descriptors: a silent client's is the first to give.
            let made_room = self.table.make_room();
            if let Some(held_back) = self.broken.allow() {
                tracing::error!(%error, held_back, made_room, "cannot accept connections; trying again");
            }
            tokio::select! {
                _ = &mut closing => return,
                () = sleep(wait) => {}
            }
            wait = (wait * 2).min(BACK_OFF.1);
        }
    }

    /// Gives the connection a place and a task, or turns it away.
    fn take(&mut self, stream: TcpStream, peer: SocketAddr) {
        let slot = match self.table.admit() {
            Place::Free(slot) => slot,
            Place::Taken(slot) => {
                self.tell_full("the longest without a request gives way");
                slot
            }
            Place::None => {
                self.shared.closed(CloseReason::all_busy);
                self.tell_full("all are busy, and the new one is turned away");
                return;
            }
        };
        let span = span(self.shared.port, &slot, peer);
        self.tasks.spawn(serve(stream, peer, slot, Arc::clone(&self.shared)).instrument(span));
    }

    fn tell_full(&self, what: &'static str) {
        if let Some(held_back) = self.full.allow() {
            let max = self.shared.limits.max_connections;
            tracing::warn!(port = self.shared.port, max, held_back, what, "too many connections");
        }
    }

    /// Takes what the kernel has already accepted for us, then closes the listener. The runtime may not have
    /// heard of these connections yet, so the socket itself is asked.
    fn sweep(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    if stream.set_nonblocking(true).is_ok()
                        && let Ok(stream) = TcpStream::from_std(stream)
                    {
                        self.take(stream, peer);
                    }
                }
                Err(error) if of_one_client(&error) => {}
                Err(_) => return,
            }
        }
    }

    /// Waits for the connections to end, and ends those that do not.
    async fn finish(mut self) {
        let end = Instant::now() + self.shared.limits.drain_limit;
        while let Ok(Some(_)) = timeout_at(end, self.tasks.join_next()).await {}
        // A task that ended by itself is not a connection that was cut.
        while self.tasks.try_join_next().is_some() {}
        let left = self.tasks.len();
        if left > 0 {
            tracing::warn!(port = self.shared.port, left, "connections were still open at the end of the drain");
            (0..left).for_each(|_| self.shared.closed(CloseReason::drain_limit));
            self.tasks.shutdown().await;
        }
    }
}

fn span(port: &'static str, slot: &Slot, peer: SocketAddr) -> tracing::Span {
    tracing::info_span!("connection", port, id = slot.id, %peer)
}

/// Whether the error concerns the client that was to be accepted, not us.
fn of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
