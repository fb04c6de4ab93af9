//! What a preStop hook says, known from how it was made: nothing here has to read one.

use draingate_core::MAX_SECONDS;
use serde_json::Value;

/// How long a hook is, as far as its words say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    Exact(u64),
    AtLeast(u64),
    /// Its words set a limit, not a length.
    Between(u64, u64),
    NoEnd,
    Unknown,
}

impl Length {
    /// What it counts as in a pod that owes `hold`; none without a believable end.
    pub fn counts(self, hold: u64) -> Option<u64> {
        match self {
            Length::Exact(seconds) => Some(seconds).filter(|seconds| *seconds <= MAX_SECONDS),
            Length::AtLeast(least) => Some(least).filter(|least| *least <= MAX_SECONDS).map(|least| least.max(hold)),
            Length::Between(_, most) if most <= hold => Some(most),
            Length::Between(least, _) => Some(least.max(hold)),
            Length::NoEnd => None,
            Length::Unknown => Some(hold),
        }
    }

    /// Whether that is a guess that somebody should replace.
    pub fn is_guess(self, hold: u64) -> bool {
        match self {
            Length::Exact(_) | Length::NoEnd => false,
            Length::AtLeast(least) => least < hold,
            Length::Between(_, most) => most > hold,
            Length::Unknown => true,
        }
    }

    /// The same behind a wait.
    pub(super) fn later(self, by: u64) -> Length {
        match self {
            Length::Exact(seconds) => Length::Exact(seconds + by),
            Length::AtLeast(least) => Length::AtLeast(least + by),
            Length::Between(least, most) => Length::Between(least + by, most + by),
            Length::Unknown => Length::AtLeast(by),
            Length::NoEnd => Length::NoEnd,
        }
    }

    /// The least that somebody may declare; none where nobody may.
    fn least(self) -> Option<u64> {
        match self {
            Length::Exact(least) | Length::AtLeast(least) | Length::Between(least, _) => {
                Some(least).filter(|least| *least <= MAX_SECONDS)
            }
            Length::NoEnd => None,
            Length::Unknown => Some(0),
        }
    }
}

/// What a hook does behind its stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// How long its own commands would still run.
    pub rest: u64,
    /// What they give the container to finish.
    pub finish: Option<u64>,
    /// It lets running requests finish, whatever SIGTERM does to them.
    pub graceful: bool,
}

/// A preStop hook that somebody wrote, and what a person reads in it.
#[derive(Clone, Debug)]
pub struct Hook {
    pub handler: Value,
    /// What its variables stand for, in its container's `env`.
    pub env: Vec<(String, String)>,
    /// As far as its stop, where it has one.
    pub length: Length,
    /// It tells its container to stop.
    pub stop: Option<Stop>,
    pub fails: bool,
}

impl Hook {
    /// Whether it stops its container by anything gentler than TERM, INT or KILL.
    pub fn stops_gracefully(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.graceful)
    }

    /// Whether an annotation may say that it takes `seconds`.
    pub fn may_be(&self, seconds: u64) -> bool {
        let native = self.handler.get("sleep").is_some();
        !native && !self.fails && self.length.least().is_some_and(|least| seconds >= least)
    }
}
