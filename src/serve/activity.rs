//! What one connection is doing, written where it happens and read by whoever must decide its end.
//!
//! hyper's own header timeout starts when a connection becomes idle, so it would close every kept-alive
//! connection after ten seconds, and that close can race a POST. Hence a clock of our own, which starts
//! with the first byte of a header.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// One connection's state. Times are milliseconds since `start`, plus one; zero means "not".
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    in_flight: AtomicU32,
    /// Those of them whose body is not there yet.
    receiving: AtomicU32,
    receiving_since: AtomicU64,
    served: AtomicBool,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    write_since: AtomicU64,
    make_room: Notify,
}

impl Activity {
    /// A connection accepted now. `start` is common to all connections of a server.
    pub(super) fn new(start: Instant) -> Self {
        let activity = Self {
            start,
            in_flight: AtomicU32::new(0),
            receiving: AtomicU32::new(0),
            receiving_since: AtomicU64::new(0),
            served: AtomicBool::new(false),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            write_since: AtomicU64::new(0),
            make_room: Notify::new(),
        };
        activity.idle_since.store(activity.now(), Ordering::Relaxed);
        activity
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    fn instant(&self, mark: u64) -> Option<Instant> {
        mark.checked_sub(1).map(|millis| self.start + Duration::from_millis(millis))
    }

    /// Bytes arrived. Without a request in flight, they begin a header.
    pub(super) fn read(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Bytes were taken for sending; they may still be held back.
    pub(super) fn wrote(&self) {
        self.write_since.store(self.now(), Ordering::Relaxed);
    }

    /// The client takes no more bytes for now.
    pub(super) fn write_stalled(&self) {
        if self.write_since.load(Ordering::Relaxed) == 0 {
            self.wrote();
        }
    }

    /// Everything written has been handed to the kernel.
    pub(super) fn flushed(&self) {
        self.write_since.store(0, Ordering::Relaxed);
    }

    /// The TLS handshake is done: what was read for it was no header, and the wait for a request begins.
    pub(super) fn opened(&self) {
        self.head_since.store(0, Ordering::Relaxed);
        self.idle_since.store(self.now(), Ordering::Relaxed);
    }

    /// A request arrived. It is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.served.store(true, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        InFlight { activity: Arc::clone(self) }
    }

    /// A request's body begins to arrive. It does until the guard is dropped.
    pub(super) fn receive(self: &Arc<Self>) -> Receiving {
        if self.receiving.fetch_add(1, Ordering::Relaxed) == 0 {
            self.receiving_since.store(self.now(), Ordering::Relaxed);
        }
        Receiving { activity: Arc::clone(self) }
    }

    /// Whether a request is being served whose body is there, or an answer has not left yet.
    pub(super) fn busy(&self) -> bool {
        let whole = self.in_flight.load(Ordering::Relaxed) > self.receiving.load(Ordering::Relaxed);
        whole || self.write_since.load(Ordering::Relaxed) != 0
    }

    /// Since when nothing but bodies is waited for, if so.
    pub(super) fn receiving_since(&self) -> Option<Instant> {
        let receiving = self.receiving.load(Ordering::Relaxed) > 0 && !self.busy();
        receiving.then(|| self.instant(self.receiving_since.load(Ordering::Relaxed)))?
    }

    /// Whether a request was ever served.
    pub(super) fn served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// Since when no request is in flight, if none is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
        }
        self.instant(self.idle_since.load(Ordering::Relaxed))
    }

    /// Since when a header is arriving, if one is.
    pub(super) fn head_since(&self) -> Option<Instant> {
        self.instant(self.head_since.load(Ordering::Relaxed))
    }

    /// Since when an answer waits for the client, if one does.
    pub(super) fn write_since(&self) -> Option<Instant> {
        self.instant(self.write_since.load(Ordering::Relaxed))
    }

    /// Asks the connection to end, for another to take its place.
    pub(super) fn ask_to_leave(&self) {
        self.make_room.notify_one();
    }

    /// Waits for [`Activity::ask_to_leave`].
    pub(super) async fn asked_to_leave(&self) {
        self.make_room.notified().await;
    }
}

/// One request in flight, for as long as its body is still read or its answer is still written.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        // The clock is set before the count goes down, so that nobody sees an idle connection with an old clock.
        activity.idle_since.store(activity.now(), Ordering::Relaxed);
        activity.head_since.store(0, Ordering::Relaxed);
        activity.in_flight.fetch_sub(1, Ordering::Release);
    }
}

/// One request whose body is still arriving.
#[derive(Debug)]
pub(super) struct Receiving {
    activity: Arc<Activity>,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.activity.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}
