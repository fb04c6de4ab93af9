//! How the watches are doing, and what of it is news.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::stream::Failure;

/// A watch works again when it has not failed for so long: a list may work where a watch is refused.
const SETTLED: Duration = Duration::from_secs(10);

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Pods.
    Pods,
    /// EndpointSlices.
    Slices,
    /// Events about hooks.
    Events,
}

impl Kind {
    /// As the API calls it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pods => "pods",
            Kind::Slices => "endpointslices",
            Kind::Events => "events",
        }
    }
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It failed, after it had worked or at once.
    Fails {
        /// Which.
        kind: Kind,
        /// Why.
        problem: String,
        /// We lack the right.
        refused: bool,
    },
    /// It works again.
    Works(Kind),
}

/// Why nothing is heard of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    problem: String,
    /// We lack the right.
    refused: bool,
}

impl From<&Failure> for Trouble {
    fn from(failure: &Failure) -> Trouble {
        Trouble { problem: failure.to_string(), refused: matches!(failure.code(), Some(401 | 403)) }
    }
}

/// The watches.
#[derive(Debug, Default)]
pub struct Health {
    /// Since when each works, or why not.
    states: BTreeMap<Kind, Result<Duration, Trouble>>,
    told: BTreeMap<Kind, Trouble>,
    news: Vec<News>,
}

impl Health {
    /// Whether what happens is heard as it happens.
    #[must_use]
    pub fn works(&self, kind: Kind) -> bool {
        matches!(self.states.get(&kind), Some(Ok(_)))
    }

    /// Whether it has answered or failed at least once.
    #[must_use]
    pub fn is_known(&self, kind: Kind) -> bool {
        self.states.contains_key(&kind)
    }

    /// What has to be told since the last time.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    pub(crate) fn works_since(&mut self, kind: Kind, now: Duration) {
        self.states.insert(kind, Ok(now));
    }

    pub(crate) fn fails(&mut self, kind: Kind, trouble: Trouble) {
        if self.told.insert(kind, trouble.clone()).is_none() {
            let Trouble { problem, refused } = trouble.clone();
            self.news.push(News::Fails { kind, problem, refused });
        }
        self.states.insert(kind, Err(trouble));
    }

    pub(crate) fn look(&mut self, now: Duration) {
        let Health { states, told, news } = self;
        told.retain(|kind, _| {
            let settled = matches!(states.get(kind), Some(Ok(since)) if now.saturating_sub(*since) >= SETTLED);
            if settled {
                news.push(News::Works(*kind));
            }
            !settled
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_is_refused_after_each_list_is_told_once() {
        let mut health = Health::default();
        let trouble = || Trouble { problem: "forbidden".into(), refused: true };
        for second in 0..30 {
            health.works_since(Kind::Pods, Duration::from_secs(second));
            health.look(Duration::from_secs(second));
            health.fails(Kind::Pods, trouble());
        }
        let fails = News::Fails { kind: Kind::Pods, problem: "forbidden".into(), refused: true };
        assert_eq!(health.news(), [fails]);
        health.works_since(Kind::Pods, Duration::from_secs(30));
        health.look(Duration::from_secs(39));
        assert_eq!(health.news(), []);
        health.look(Duration::from_secs(40));
        assert_eq!(health.news(), [News::Works(Kind::Pods)]);
        assert!(health.works(Kind::Pods) && !health.is_known(Kind::Events));
    }
}
