//! The connections that are open, and which of them gives way when there are too many.
//!
//! A client that connects and stays silent costs us a place and itself nothing. So the place goes to
//! whoever uses it: a new connection takes that of the one which has been longest without a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::Instant;

use super::activity::Activity;
use crate::locks;

/// Time in which a connection is not taken for a silent one. A handshake and a request fit in.
const NEW: Duration = Duration::from_secs(1);

/// The open connections of one port.
#[derive(Debug)]
pub(super) struct Table {
    cap: usize,
    new: Duration,
    start: Instant,
    gauge: Gauge,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: HashMap<u64, Arc<Activity>>,
}

/// What became of a request for a place.
#[derive(Debug)]
pub(super) enum Place {
    /// There was one.
    Free(Slot),
    /// Another connection was asked to leave.
    Taken(Slot),
    /// Every connection is busy.
    None,
}

/// A place in the table, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: u64,
    pub(super) activity: Arc<Activity>,
    table: Arc<Table>,
}

impl Table {
    pub(super) fn new(cap: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self { cap: cap.max(1), new: NEW, start: Instant::now(), gauge, inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code panics while it holds the lock; if one did, the map would still be whole.
        locks::lock(&self.inner)
    }

    /// A place for a new connection.
    pub(super) fn admit(self: &Arc<Self>) -> Place {
        let mut inner = self.lock();
        let full = inner.open.len() >= self.cap;
        if full && !inner.evict(self.new) {
            return Place::None;
        }
        inner.next += 1;
        let id = inner.next;
        let activity = Arc::new(Activity::new(self.start));
        inner.open.insert(id, Arc::clone(&activity));
        self.gauge.inc();
        let slot = Slot { id, activity, table: Arc::clone(self) };
        if full { Place::Taken(slot) } else { Place::Free(slot) }
    }

    /// Asks one connection to leave, if any can. For when the process itself has no room.
    pub(super) fn make_room(&self) -> bool {
        self.lock().evict(self.new)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.id);
        self.table.gauge.dec();
    }
}

impl Inner {
    /// Removes the connection that is longest without a request and asks it to leave. Those that never had
    /// one go first, then those that do not send the body of theirs; last, and these only if there is no other,
    /// those that are new, and those that had one a moment ago, as the next is on its way.
    fn evict(&mut self, new: Duration) -> bool {
        let now = Instant::now();
        let victim = self
            .open
            .iter()
            .filter(|(_, activity)| !activity.busy())
            .filter_map(|(id, activity)| {
                let receiving = activity.receiving_since();
                let since = receiving.or_else(|| activity.idle_since())?;
                let recent = now.duration_since(since) < new;
                let waits = receiving.is_none() && activity.served();
                Some((recent, waits, activity.served(), since, *id))
            })
            .min();
        let Some((.., id)) = victim else { return false };
        if let Some(activity) = self.open.remove(&id) {
            activity.ask_to_leave();
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::{Arc, Duration, Gauge, Place, Slot, Table};

    fn slot(place: Place) -> Slot {
        match place {
            Place::Free(slot) | Place::Taken(slot) => slot,
            Place::None => panic!("no place"),
        }
    }

    fn table(cap: usize, new: Duration) -> Arc<Table> {
        Arc::new(Table { new, ..Arc::into_inner(Table::new(cap, Gauge::default())).unwrap() })
    }

    #[tokio::test]
    async fn the_longest_silent_connection_gives_way() {
        let table = table(3, Duration::ZERO);
        let kept_alive = slot(table.admit());
        drop(kept_alive.activity.begin());
        let (silent, _new) = (slot(table.admit()), slot(table.admit()));
        let _next = slot(table.admit());
        silent.activity.asked_to_leave().await;
        assert!(kept_alive.activity.served() && table.lock().open.contains_key(&kept_alive.id));
    }

    #[tokio::test]
    async fn a_new_connection_is_not_taken_for_a_silent_one() {
        const NEW: Duration = Duration::from_secs(2);
        let table = table(2, NEW);
        let kept_alive = slot(table.admit());
        drop(kept_alive.activity.begin());
        tokio::time::sleep(NEW).await;
        let (_new, _next) = (slot(table.admit()), slot(table.admit()));
        kept_alive.activity.asked_to_leave().await;
    }

    #[tokio::test]
    async fn a_burst_of_new_connections_leaves_those_in_use_alone() {
        let table = table(2, Duration::from_secs(3600));
        let in_use = slot(table.admit());
        drop(in_use.activity.begin());
        let new = slot(table.admit());
        let _next = slot(table.admit());
        new.activity.asked_to_leave().await;
        assert!(table.lock().open.contains_key(&in_use.id));
    }

    #[tokio::test]
    async fn who_does_not_send_a_body_gives_way_to_who_sends() {
        let table = table(3, Duration::ZERO);
        let kept_alive = slot(table.admit());
        drop(kept_alive.activity.begin());
        let (silent, whole) = (slot(table.admit()), slot(table.admit()));
        let _requests = (silent.activity.begin(), silent.activity.receive(), whole.activity.begin());
        let _next = slot(table.admit());
        silent.activity.asked_to_leave().await;
    }

    #[test]
    fn a_busy_connection_stays() {
        let table = table(1, Duration::ZERO);
        let only = slot(table.admit());
        let request = only.activity.begin();
        assert!(matches!(table.admit(), Place::None));
        assert!(!table.make_room());
        drop(request);
        only.activity.wrote();
        assert!(matches!(table.admit(), Place::None), "its answer has not left yet");
        only.activity.flushed();
        assert!(matches!(table.admit(), Place::Taken(_)));
    }
}
