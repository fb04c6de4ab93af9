//! What was seen, for people and for machines. No decisions.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::distribution::Distribution;
use super::measure::Outcome;
use super::seen::WorkloadKey;
use super::tally::{ContainerTally, Tallies, Tally};
use super::track::Missed;
use crate::terminal::{BOLD, PLAIN, RED, YELLOW, count};

/// The version of the JSON. Fields are only ever added.
pub const VERSION: u32 = 1;

/// All that was seen.
#[derive(Debug)]
pub struct Report<'a> {
    /// By workload.
    pub tallies: &'a Tallies,
    /// What was not measured.
    pub missed: Missed,
    /// Pods that were still stopping at the end.
    pub still_stopping: usize,
    /// How long it was watched.
    pub observed: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    version: u32,
    observed_seconds: u64,
    summary: Summary,
    missed: MissedJson,
    workloads: Vec<Workload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'a str>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    stops: u64,
    workloads: usize,
    killed: u64,
    hook_failed: u64,
    used_up: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MissedJson {
    still_stopping: usize,
    without_end: u64,
    not_followed: u64,
    endpoint_unseen: u64,
    endpoints_not_kept: u64,
    workloads_not_kept: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    worst: &'static str,
    stops: u64,
    killed: u64,
    hook_failed: u64,
    used_up: u64,
    grace_period_seconds: u64,
    stop_seconds: Quantiles,
    endpoint_seconds: Quantiles,
    containers: Vec<Container<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Container<'a> {
    name: &'a str,
    role: &'static str,
    killed: u64,
    stop_seconds: Quantiles,
    need_seconds: Option<u64>,
    need_was_cut: bool,
}

#[derive(Serialize)]
struct Quantiles {
    count: u64,
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    max: Option<f64>,
}

impl Quantiles {
    /// `unit` of the values are a second.
    fn of(all: &Distribution, unit: u32) -> Quantiles {
        let seconds = |value: Option<u64>| Some(value? as f64 / f64::from(unit));
        let [p50, p90, p99] = [50, 90, 99].map(|percent| seconds(all.quantile(percent)));
        Quantiles { count: all.count(), p50, p90, p99, max: seconds(all.max()) }
    }

    fn text(&self) -> String {
        match [self.p50, self.p90, self.p99, self.max] {
            [Some(p50), Some(p90), Some(p99), Some(max)] => format!("{p50}/{p90}/{p99}/{max} s"),
            _ => "-".to_owned(),
        }
    }
}

const SECOND: u32 = 1;
const MILLIS: u32 = 1000;

impl<'a> Workload<'a> {
    fn of(key: &'a WorkloadKey, tally: &'a Tally) -> Workload<'a> {
        let container = |(name, container): (&'a String, &ContainerTally)| Container {
            name,
            role: container.role.as_str(),
            killed: container.killed,
            stop_seconds: Quantiles::of(&container.stop, SECOND),
            need_seconds: container.need.map(|need| need.seconds),
            need_was_cut: container.need.is_some_and(|need| need.cut),
        };
        Workload {
            kind: &key.kind,
            namespace: &key.namespace,
            name: &key.name,
            worst: tally.worst().as_str(),
            stops: tally.stops,
            killed: tally.killed,
            hook_failed: tally.hook_failed,
            used_up: tally.used_up,
            grace_period_seconds: tally.grace,
            stop_seconds: Quantiles::of(&tally.stop, SECOND),
            endpoint_seconds: Quantiles::of(&tally.endpoint, MILLIS),
            containers: tally.containers.iter().map(container).collect(),
        }
    }
}

impl Report<'_> {
    fn summary(&self) -> Summary {
        let mut summary = Summary { stops: self.tallies.stops(), workloads: self.tallies.len(), ..Summary::default() };
        for (_, tally) in self.tallies.iter() {
            summary.killed += tally.killed;
            summary.hook_failed += tally.hook_failed;
            summary.used_up += tally.used_up;
        }
        summary
    }

    /// For machines: docs/observe.schema.json.
    ///
    /// # Errors
    /// None that is known: everything in it can be written as JSON.
    pub fn json(&self, suggestion: Option<&str>) -> serde_json::Result<String> {
        let Missed { not_followed, without_end, endpoint_unseen, endpoints_not_kept } = self.missed;
        let json = Json {
            version: VERSION,
            observed_seconds: self.observed.as_secs(),
            summary: self.summary(),
            missed: MissedJson {
                still_stopping: self.still_stopping,
                without_end,
                not_followed,
                endpoint_unseen,
                endpoints_not_kept,
                workloads_not_kept: self.tallies.crowded_out(),
            },
            workloads: self.tallies.worst_first().into_iter().map(|(key, tally)| Workload::of(key, tally)).collect(),
            suggestion,
        };
        Ok(format!("{}\n", serde_json::to_string_pretty(&json)?))
    }

    /// For people, with colours; whoever prints it knows whether they are wanted.
    #[must_use]
    pub fn human(&self) -> String {
        let mut text = String::new();
        let workloads = self.tallies.worst_first();
        let name = |key: &WorkloadKey| format!("{} {}/{}", key.kind, key.namespace, key.name);
        let width = workloads.iter().map(|(key, _)| name(key).chars().count()).max().unwrap_or(0).max(8);
        if !workloads.is_empty() {
            let _ = writeln!(
                text,
                "{BOLD}{:<width$}  stops  killed  hook failed  >=90 %  grace  {:<18}  endpoint p50/p90/p99/max{PLAIN}",
                "workload", "stop p50/p90/p99/max"
            );
        }
        for (key, tally) in &workloads {
            let colour = match tally.worst() {
                Outcome::Killed => RED,
                Outcome::HookFailed | Outcome::UsedUp => YELLOW,
                Outcome::Clean => "",
            };
            let workload = Workload::of(key, tally);
            let plain = if colour.is_empty() { "" } else { PLAIN };
            let _ = writeln!(
                text,
                "{colour}{:<width$}{plain}  {:>5}  {:>6}  {:>11}  {:>6}  {:>3} s  {:<20}  {}",
                name(key),
                tally.stops,
                tally.killed,
                tally.hook_failed,
                tally.used_up,
                tally.grace,
                workload.stop_seconds.text(),
                workload.endpoint_seconds.text(),
            );
            for container in workload.containers.iter().filter(|container| container.killed > 0) {
                let _ = writeln!(
                    text,
                    "  {:?} was killed at the end of the grace in {} of {}",
                    container.name,
                    container.killed,
                    count(usize::try_from(container.stop_seconds.count).unwrap_or(usize::MAX), "stop", "stops"),
                );
            }
        }
        if !workloads.is_empty() {
            text.push_str(
                "\nStops are measured in whole seconds. The endpoint's time ends at the EndpointSlice and not at the \
                clients:\na lower bound of endpoint propagation. `draingate rehearse` measures their side.\n",
            );
        }
        self.remarks(&mut text);
        let Summary { stops, workloads, killed, hook_failed, used_up } = self.summary();
        let _ = writeln!(
            text,
            "{} of {} in {}: {killed} killed, {hook_failed} with a failed hook, {used_up} that used 90 % of the grace",
            count(usize::try_from(stops).unwrap_or(usize::MAX), "stop", "stops"),
            count(workloads, "workload", "workloads"),
            humantime::format_duration(Duration::from_secs(self.observed.as_secs())),
        );
        text
    }

    fn remarks(&self, text: &mut String) {
        let Missed { not_followed, without_end, endpoint_unseen, endpoints_not_kept } = self.missed;
        let still = u64::try_from(self.still_stopping).unwrap_or(u64::MAX);
        for (number, what) in [
            (still, "still stopping at the end: not counted"),
            (without_end, "gone before their end was seen (by force, or with their node): not counted"),
            (not_followed, "too many at once: not followed"),
            (self.tallies.crowded_out(), "of workloads beyond the first thousand: only counted"),
            (endpoint_unseen, "whose endpoint's time was not seen"),
            (endpoints_not_kept, "endpoints too many: their times were not seen"),
        ] {
            if number > 0 {
                let _ = writeln!(text, "{number} {what}");
            }
        }
    }
}
