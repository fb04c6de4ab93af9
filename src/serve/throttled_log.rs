//! Keeps a log readable when the same thing happens thousands of times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Lets one message through per interval and counts the ones held back.
#[derive(Debug)]
pub(super) struct ThrottledLog {
    start: Instant,
    every: Duration,
    next: AtomicU64,
    held_back: AtomicU64,
}

impl ThrottledLog {
    pub(super) fn new(every: Duration) -> Self {
        Self { start: Instant::now(), every, next: AtomicU64::new(0), held_back: AtomicU64::new(0) }
    }

    /// The number of messages held back since the last one, if this one may be written.
    pub(super) fn allow(&self) -> Option<u64> {
        let now = millis(self.start.elapsed());
        let next = self.next.load(Ordering::Relaxed);
        let claimed = now >= next
            && self.next.compare_exchange(next, now + millis(self.every), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if claimed {
            return Some(self.held_back.swap(0, Ordering::Relaxed));
        }
        self.held_back.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::ThrottledLog;
    use std::time::Duration;

    #[test]
    fn one_message_is_let_through_and_the_rest_is_counted() {
        let log = ThrottledLog::new(Duration::from_secs(3600));
        assert_eq!((log.allow(), log.allow(), log.allow()), (Some(0), None, None));
        assert_eq!(log.held_back.load(std::sync::atomic::Ordering::Relaxed), 2);
    }
}
