//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::samples::{End, Measured, Requests};
use super::suggest::Suggestion;
use crate::terminal::{BOLD, PLAIN, RED, YELLOW, count};
use crate::traffic::recording::quantile;

/// The result, and the JSON of `--format json`, version 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// 1
    pub version: u32,
    /// The way in.
    pub via: String,
    /// Where the canary ran.
    pub namespace: String,
    /// Where the requests went.
    pub address: String,
    /// The day, in UTC.
    pub date: String,
    /// How many rollouts.
    pub rounds: u32,
    /// How long a deleted pod went on serving.
    pub longest_seconds: u64,
    /// E on new connections, of the pods that rollouts replaced.
    pub new_connections: Option<Spread>,
    /// The same of the pods that were deleted alone.
    pub alone: Option<Spread>,
    /// What of it the EndpointSlices took.
    pub endpoint_slices: Option<Spread>,
    /// How long kept connections stayed, of those that did not stay for ever.
    pub kept_connections: Option<Spread>,
    /// Who ended the stays of kept connections: how many each.
    pub kept_ends: BTreeMap<End, usize>,
    /// What there was to measure by.
    pub measured: Measured,
    /// E in seconds; `None` where the measures are not enough.
    pub suggested_seconds: Option<u64>,
    /// Why not.
    pub not_enough: Option<String>,
    /// The policy, as YAML.
    pub policy: Option<String>,
    /// What the pods had beside the canary, such as a mesh's proxy: it was measured, too.
    pub sidecars: Vec<String>,
}

/// How values are spread, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// Half of them are no larger.
    pub p50: f64,
    /// Nine of ten are no larger.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of values in order of size.
    pub fn of(sorted: &[f64]) -> Option<Spread> {
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Spread { count: sorted.len(), min, p50: quantile(sorted, 0.5)?, p90: quantile(sorted, 0.9)?, max })
    }
}

/// What is known about a run beside its measures.
pub struct About {
    /// The way in.
    pub via: String,
    /// Where the canary ran.
    pub namespace: String,
    /// Where the requests went.
    pub address: String,
    /// The day.
    pub date: String,
    /// How many rollouts.
    pub rounds: u32,
    /// How long a deleted pod went on serving.
    pub longest: u64,
    /// What the pods had beside the canary.
    pub sidecars: Vec<String>,
}

impl Report {
    /// Of a run; the policy goes with a suggestion.
    pub fn of(about: About, measured: Measured, suggestion: &Suggestion, policy: Option<String>) -> Report {
        let (suggested_seconds, not_enough) = match suggestion {
            Suggestion::Seconds(seconds, _) => (Some(*seconds), None),
            Suggestion::NotEnough(why) => (None, Some(why.clone())),
        };
        Report {
            version: 1,
            via: about.via,
            namespace: about.namespace,
            address: about.address,
            date: about.date,
            rounds: about.rounds,
            longest_seconds: about.longest,
            new_connections: Spread::of(&measured.propagation(false)),
            alone: Spread::of(&measured.propagation(true)),
            endpoint_slices: Spread::of(&measured.endpoint()),
            kept_connections: Spread::of(&measured.stays()),
            kept_ends: measured.ends(),
            measured,
            suggested_seconds,
            not_enough,
            policy,
            sidecars: about.sidecars,
        }
    }

    /// In a sentence.
    pub fn summary(&self) -> String {
        match &self.new_connections {
            Some(spread) => format!(
                "{} replaced in {}: sent to for {:.2} s at most after the deletion, {:.2} s in the middle",
                count(spread.count, "pod", "pods"),
                count(self.rounds as usize, "rollout", "rollouts"),
                spread.max,
                spread.p50
            ),
            None => "no pod was replaced that could be measured".to_owned(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text =
            format!("{BOLD}E by {} in namespace {}{PLAIN}\n  {}\n", self.via, self.namespace, self.summary());
        let _ =
            writeln!(text, "  {:<22}{:>8}{:>8}{:>8}{:>8}  seconds after the deletion", "", "min", "p50", "p90", "max");
        let rows = [
            ("new connections", &self.new_connections),
            ("deleted alone", &self.alone),
            ("EndpointSlice", &self.endpoint_slices),
            ("kept connections", &self.kept_connections),
        ];
        for (name, spread) in rows {
            if let Some(Spread { count, min, p50, p90, max }) = spread {
                let _ = writeln!(text, "  {name:<22}{min:>8.2}{p50:>8.2}{p90:>8.2}{max:>8.2}  of {count}");
            }
        }
        if let Some(ends) = self.ends() {
            let _ = writeln!(text, "  kept connections      {ends}");
        }
        let Measured { new, kept, last_pods, left_out, resolution, .. } = &self.measured;
        let _ = writeln!(
            text,
            "  requests              {} new, {}; {} kept, {}",
            new.sent,
            failed(new),
            kept.sent,
            failed(kept)
        );
        match last_pods {
            Some(last) if !last.gives_up() => {
                let _ = writeln!(
                    text,
                    "  all pods terminating  the way goes on: {} of {} requests were answered",
                    last.sent - last.failures(),
                    last.sent
                );
            }
            Some(last) => {
                let _ = writeln!(
                    text,
                    "  all pods terminating  {YELLOW}the way gives up{PLAIN}: {}: no hold helps where one pod is all there is",
                    failed(last)
                );
            }
            None => {}
        }
        let _ = writeln!(text, "  resolution            {resolution:.2} s");
        if *left_out > 0 {
            let _ = writeln!(
                text,
                "  left out              {} that could not be measured by",
                count(*left_out, "pod", "pods")
            );
        }
        if !self.sidecars.is_empty() {
            let _ = writeln!(
                text,
                "  {YELLOW}beside the canary{PLAIN}     {}: what was measured is the way through it",
                self.sidecars.join(", ")
            );
        }
        if let Some(why) = &self.not_enough {
            let _ = writeln!(text, "{RED}not enough{PLAIN}: {why}");
        }
        if let Some(policy) = &self.policy {
            let _ = write!(text, "\n{policy}");
        }
        text
    }

    /// Who ended the stays of kept connections, in words.
    pub(super) fn ends(&self) -> Option<String> {
        let words = |end: &End| match end {
            End::Moved => "went on to other pods",
            End::Said => "were ended with an answer",
            End::Closed => "were closed between two requests",
            End::Broken => "broke in a request",
            End::Stayed => "stayed to the pod's end",
        };
        let all: Vec<String> = self.kept_ends.iter().map(|(end, count)| format!("{count} {}", words(end))).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

fn failed(requests: &Requests) -> String {
    let kinds: Vec<String> = requests.failed.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    format!("{} failed{kinds}", requests.failures())
}
