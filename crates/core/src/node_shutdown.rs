//! What a kubelet grants pods when its node shuts down, whatever their grace says.
//!
//! `shutdownGracePeriod` is for all pods, and `shutdownGracePeriodCriticalPods` of it for critical ones, after the others;
//! `shutdownGracePeriodByPodPriority` replaces both. Read as `pkg/kubelet/nodeshutdown` does (`migrateConfig`,
//! `groupByPriority`).

use serde::Deserialize;

use crate::servers::{Bare, seconds};

/// `scheduling.SystemCriticalPriority`.
const SYSTEM_CRITICAL: i64 = 2_000_000_000;

/// A kubelet's grant: seconds by priority, the lowest first. Empty: it ends no pod in order, and they go with the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShutdownGrace(Vec<(i64, u64)>);

#[derive(Deserialize)]
struct Configz {
    kubeletconfig: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    shutdown_grace_period: Option<String>,
    #[serde(default)]
    shutdown_grace_period_critical_pods: Option<String>,
    #[serde(default)]
    shutdown_grace_period_by_pod_priority: Option<Vec<OfPriority>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPriority {
    #[serde(default)]
    priority: i64,
    #[serde(default)]
    shutdown_grace_period_seconds: i64,
}

impl ShutdownGrace {
    /// Of what a kubelet answers at `/configz`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn of_configz(json: &str) -> Result<ShutdownGrace, String> {
        let Configz { kubeletconfig: config } = serde_json::from_str(json).map_err(|problem| problem.to_string())?;
        let groups = config.shutdown_grace_period_by_pod_priority.unwrap_or_default();
        if !groups.is_empty() {
            let group = |one: OfPriority| (one.priority, u64::try_from(one.shutdown_grace_period_seconds).unwrap_or(0));
            let mut all: Vec<_> = groups.into_iter().map(group).collect();
            all.sort_unstable();
            return Ok(ShutdownGrace(all));
        }
        let read = |text: Option<String>| match text {
            None => Ok(0),
            Some(text) => seconds(&text, Bare::Refused).ok_or_else(|| format!("{text:?} is no duration")),
        };
        let total = read(config.shutdown_grace_period)?;
        let critical = read(config.shutdown_grace_period_critical_pods)?;
        Ok(match total.checked_sub(critical) {
            Some(ordinary) if total > 0 => ShutdownGrace(vec![(0, ordinary), (SYSTEM_CRITICAL, critical)]),
            _ => ShutdownGrace::default(),
        })
    }

    /// The most that a pod of this priority gets, in seconds; `None` where the kubelet ends no pod in order.
    pub fn granted(&self, priority: i64) -> Option<u64> {
        let at_most = self.0.iter().rev().find(|(of, _)| *of <= priority);
        at_most.or(self.0.first()).map(|(_, seconds)| *seconds)
    }

    /// Whether a pod of this priority that needs so long is cut; `required` is `None` where no time is enough.
    pub fn cuts(&self, priority: i64, required: Option<u64>) -> bool {
        self.granted(priority).is_some_and(|granted| required.is_none_or(|required| granted < required))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(config: Value) -> Result<ShutdownGrace, String> {
        ShutdownGrace::of_configz(&json!({"kubeletconfig": config}).to_string())
    }

    #[test]
    fn ordinary_pods_get_what_critical_ones_leave() {
        let grace = of(json!({"shutdownGracePeriod": "1m0s", "shutdownGracePeriodCriticalPods": "20s"})).unwrap();
        assert_eq!(
            [-5, 0, 1_999_999_999, SYSTEM_CRITICAL, SYSTEM_CRITICAL + 1_000].map(|p| grace.granted(p)),
            [Some(40), Some(40), Some(40), Some(20), Some(20)]
        );
        assert!(!grace.cuts(0, Some(40)) && grace.cuts(0, Some(41)) && grace.cuts(0, None));
    }

    #[test]
    fn a_priority_has_the_group_at_or_below_it_and_the_lowest_takes_the_rest() {
        let group = |priority: i64, seconds: i64| json!({"priority": priority, "shutdownGracePeriodSeconds": seconds});
        let groups = json!([group(100_000, 10), group(0, 60), group(10_000, 180)]);
        let grace = of(json!({"shutdownGracePeriod": "0s", "shutdownGracePeriodByPodPriority": groups})).unwrap();
        assert_eq!(
            [-1, 0, 9_999, 10_000, 10_001, 99_999, 100_000, 2_000_000_000].map(|p| grace.granted(p)),
            [Some(60), Some(60), Some(60), Some(180), Some(180), Some(180), Some(10), Some(10)]
        );
    }

    #[test]
    fn off_is_the_default() {
        for config in [json!({}), json!({"shutdownGracePeriod": "0s", "shutdownGracePeriodCriticalPods": "0s"})] {
            let grace = of(config).unwrap();
            assert_eq!((grace.granted(0), grace.cuts(0, Some(600))), (None, false));
        }
        // More for critical pods than for all is refused by the kubelet itself.
        assert_eq!(
            of(json!({"shutdownGracePeriod": "5s", "shutdownGracePeriodCriticalPods": "6s"})).unwrap(),
            ShutdownGrace::default()
        );
        for broken in ["", "{}", r#"{"kubeletconfig": {"shutdownGracePeriod": "soon"}}"#] {
            assert!(ShutdownGrace::of_configz(broken).is_err(), "{broken}");
        }
    }
}
