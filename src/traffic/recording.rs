//! A rollout as its clients felt it: what was asked, what failed, and which pods came and went meanwhile. Plain data
//! and sums; whoever measures fills it in.
//!
//! All moments are seconds since 1970, by one clock.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One request, stream or transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it began.
    pub at: f64,
    /// How long it took, in seconds.
    pub took: f64,
    /// What became of it, where it failed: a word or two, such as `refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// On which of the kept connections it was sent, where it was on one.
    #[serde(skip)]
    pub lane: Option<usize>,
    /// Who answered, where that was asked.
    #[serde(skip)]
    pub answer: Option<Answer>,
}

/// Which pod answered a request, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Its name.
    pub pod: String,
    /// It had been told to stop.
    pub stopping: bool,
    /// The connection's port on this side: another one is another connection.
    pub connection: u16,
    /// The answer said that the connection ends with it.
    pub closes: bool,
}

impl Sample {
    /// When it ended.
    pub fn end(&self) -> f64 {
        self.at + self.took
    }
}

/// What is known of a pod's life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodLife {
    /// Its name.
    pub name: String,
    /// It was there.
    pub created: Option<f64>,
    /// It was ready.
    pub ready: Option<f64>,
    /// Its deletion began.
    pub deleted: Option<f64>,
    /// The deletion was told late: by a list, after a while in which nothing was heard.
    #[serde(skip)]
    pub late: bool,
    /// It was gone.
    pub gone: Option<f64>,
    /// A preStop hook of it began, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<f64>,
    /// The containers that were told to stop, and when, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sigterm: Vec<f64>,
}

impl PodLife {
    /// From the deletion to its end, in seconds.
    pub fn stop_seconds(&self) -> Option<f64> {
        Some(self.gone? - self.deleted?)
    }
}

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What it is a run of, in one line.
    pub title: String,
    /// The deploy window: from the moment the rollout was asked for until the last pod that it replaced was gone, and at
    /// least until it was [`settled`]. `None` for a run without a rollout.
    pub window: Option<(f64, f64)>,
    /// In no order.
    pub samples: Vec<Sample>,
    /// In no order.
    pub pods: Vec<PodLife>,
}

/// Requests, counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// All of them.
    pub sent: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that failed, by what became of them.
    pub errors: BTreeMap<String, usize>,
    /// Half of the successful ones took at most so long, in seconds; `None` without any.
    pub p50: Option<f64>,
    /// 99 % of the successful ones took at most so long.
    pub p99: Option<f64>,
}

impl Count {
    /// Of these samples.
    pub fn of<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Count {
        let mut count = Count::default();
        let mut took = Vec::new();
        for sample in samples {
            count.sent += 1;
            match &sample.error {
                None => took.push(sample.took),
                Some(error) => {
                    count.failed += 1;
                    *count.errors.entry(error.clone()).or_default() += 1;
                }
            }
        }
        took.sort_by(f64::total_cmp);
        (count.p50, count.p99) = (quantile(&took, 0.5), quantile(&took, 0.99));
        count
    }

    /// What became of those that failed: ` (refused 19, timeout 1)`; nothing where none did.
    pub fn kinds(&self) -> String {
        let kinds: Vec<String> = self.errors.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
        if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) }
    }

    /// The share that succeeded, in percent; 100 of nothing.
    pub fn success_percent(&self) -> f64 {
        if self.sent == 0 { 100.0 } else { 100.0 * (self.sent - self.failed) as f64 / self.sent as f64 }
    }
}

/// When work is no longer sent to those of the pods that were deleted: endpoint propagation (E) after the last deletion.
/// A pod may be gone long before; what is still sent to it is lost by the rollout all the same.
pub fn settled<'p>(pods: impl IntoIterator<Item = &'p PodLife>, propagation: Duration) -> Option<f64> {
    let last = pods.into_iter().filter_map(|pod| pod.deleted).max_by(f64::total_cmp)?;
    Some(last + propagation.as_secs_f64())
}

/// The smallest value that at least `share` (0 to 1) of the sorted values do not exceed.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil().max(1.0);
    sorted.get(rank as usize - 1).copied()
}

impl Run {
    /// Those in flight at some moment of the deploy window, and all others. Without a window all are outside.
    pub fn split(&self) -> (Count, Count) {
        let inside = |sample: &&Sample| self.window.is_some_and(|(from, to)| sample.at <= to && sample.end() >= from);
        let outside = |sample: &&Sample| !inside(sample);
        (Count::of(self.samples.iter().filter(inside)), Count::of(self.samples.iter().filter(outside)))
    }

    /// When the first and the last failed request ended.
    pub fn errors(&self) -> Option<(f64, f64)> {
        let mut ends: Vec<f64> = self.samples.iter().filter(|s| s.error.is_some()).map(Sample::end).collect();
        ends.sort_by(f64::total_cmp);
        Some((*ends.first()?, *ends.last()?))
    }

    /// What happened to a pod last before a moment, in words: `0.4 s after web-7c9 was deleted`.
    pub fn before(&self, moment: f64) -> Option<String> {
        let events = self.pods.iter().flat_map(|pod| {
            let sigterm = pod.sigterm.iter().map(|at| (Some(*at), "got SIGTERM"));
            let named = [(pod.ready, "was ready"), (pod.deleted, "was deleted"), (pod.gone, "was gone")];
            named.into_iter().chain(sigterm).filter_map(|(at, what)| Some((at?, &pod.name, what)))
        });
        let last = events.filter(|(at, ..)| *at <= moment).max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(format!("{:.1} s after {} {}", moment - last.0, last.1, last.2))
    }

    /// The first and the last moment of anything in it.
    pub fn span(&self) -> Option<(f64, f64)> {
        let pods = self.pods.iter().flat_map(|pod| [pod.deleted, pod.gone].into_iter().flatten());
        let samples = self.samples.iter().flat_map(|sample| [sample.at, sample.end()]);
        let window = self.window.into_iter().flat_map(|(from, to)| [from, to]);
        pods.chain(samples).chain(window).fold(None, |span: Option<(f64, f64)>, at| {
            Some(span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, took: f64, error: Option<&str>) -> Sample {
        Sample { at, took, error: error.map(str::to_owned), ..Sample::default() }
    }

    #[test]
    fn what_was_in_flight_in_the_window_counts_as_inside() {
        let samples = vec![
            sample(1.0, 0.5, None),
            sample(9.0, 2.0, Some("eof")),
            sample(15.0, 0.1, None),
            sample(20.0, 0.5, Some("refused")),
            sample(20.1, 0.5, Some("refused")),
        ];
        let run = Run { window: Some((10.0, 20.0)), samples, ..Run::default() };
        let (inside, outside) = run.split();
        assert_eq!((inside.sent, inside.failed, outside.sent, outside.failed), (3, 2, 2, 1));
        assert_eq!(inside.errors, BTreeMap::from([("eof".to_owned(), 1), ("refused".to_owned(), 1)]));
        assert_eq!((inside.kinds().as_str(), Count::default().kinds().as_str()), (" (eof 1, refused 1)", ""));
        assert_eq!(run.errors(), Some((11.0, 20.6)));
        assert_eq!(run.span(), Some((1.0, 20.6)));
        assert_eq!(outside.success_percent(), 50.0);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.99)), (Some(50.0), Some(99.0)));
        assert_eq!((quantile(&[7.0], 0.01), quantile(&[7.0], 1.0), quantile(&[], 0.5)), (Some(7.0), Some(7.0), None));
    }

    #[test]
    fn work_may_come_for_e_after_the_last_deletion() {
        let pod = |deleted, gone| PodLife { deleted, gone, ..PodLife::default() };
        let pods = [pod(Some(10.0), Some(10.5)), pod(Some(11.0), Some(30.0)), pod(None, None)];
        assert_eq!(settled(&pods, Duration::from_millis(5500)), Some(16.5));
        assert_eq!(settled(&pods[2..], Duration::from_secs(5)), None);
    }

    #[test]
    fn an_error_is_placed_after_what_happened_last() {
        let pod = PodLife { name: "web-1".to_owned(), ready: Some(1.0), deleted: Some(10.0), ..PodLife::default() };
        let run = Run { pods: vec![pod], ..Run::default() };
        assert_eq!(run.before(10.5).as_deref(), Some("0.5 s after web-1 was deleted"));
        assert_eq!(run.before(9.0).as_deref(), Some("8.0 s after web-1 was ready"));
        assert_eq!(run.before(0.5), None);
    }
}
