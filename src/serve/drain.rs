//! The phases of ending a server, in the order that Draingate asks of others.
//!
//! First leave the endpoints while every request is still served, and tell clients to take their next
//! request elsewhere; only then close the listener and finish what is in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How far a server has come on its way out. Phases only ever go forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not ending.
    Serving,
    /// Everything is still served, new connections too; each HTTP/1.1 answer says `Connection: close`.
    Draining,
    /// The listener is closed; what is in flight is finished, the rest is closed.
    Closing,
}

/// Moves one or more servers through the phases. Clones move the same servers.
#[derive(Clone, Debug)]
pub struct Drain {
    phase: Arc<watch::Sender<Phase>>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Serving)) }
    }
}

impl Drain {
    /// Starts in [`Phase::Serving`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Goes forward to `phase`; an earlier phase than the present one changes nothing.
    pub fn enter(&self, phase: Phase) {
        let moved = self.phase.send_if_modified(|now| {
            let forward = *now < phase;
            *now = (*now).max(phase);
            forward
        });
        if moved {
            tracing::info!(?phase, "the server moved to another phase");
        }
    }

    /// Serves on for `hold` while clients learn to go elsewhere, then closes.
    pub async fn run(&self, hold: Duration) {
        self.enter(Phase::Draining);
        tokio::time::sleep(hold).await;
        self.enter(Phase::Closing);
    }

    /// A view of the phase that can be waited on.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::{Drain, Phase};

    #[test]
    fn phases_only_go_forward() {
        let drain = Drain::new();
        drain.enter(Phase::Closing);
        drain.enter(Phase::Draining);
        assert_eq!(drain.phase(), Phase::Closing);
    }
}
