//! How long to wait before the next try.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
/// Short, because a policy change has to count soon after an API server is back.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double from one failure to the next.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff { next: FIRST }
    }

    /// After success.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// Waits, by chance up to half as long again, so that replicas do not come back all at once.
    pub(crate) async fn wait(&mut self) {
        let wait = self.next + jitter(self.next / 2);
        self.next = (self.next * 2).min(LONGEST);
        tokio::time::sleep(wait).await;
    }
}

/// A random time below `limit`.
pub(crate) fn jitter(limit: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) as u32;
    limit.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
