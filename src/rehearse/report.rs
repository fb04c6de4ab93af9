//! What a rehearsal found, for people and for programs.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use crate::terminal::{BOLD, GREEN, PLAIN, RED};
use crate::traffic::recording::{Count, PodLife, Run};

/// The result, and the JSON of `--format json`, version 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// 1
    pub version: u32,
    /// `deployment/web`
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// From the restart until the last pod that it replaced was gone and no work was sent to it, in seconds since 1970.
    pub window: Window,
    /// Of the requests that were in flight at some moment of it; all zero without a load.
    pub inside: Count,
    /// Of all others.
    pub outside: Count,
    /// What was asked for and what came out; `None` without a load.
    pub slo: Option<Slo>,
    /// The first failed request's end.
    pub first_error: Option<Moment>,
    /// The last one's.
    pub last_error: Option<Moment>,
    /// Why the rollout was undone, where it was.
    pub stopped: Option<String>,
    /// Those that were there.
    pub pods: Vec<PodLife>,
}

/// The deploy window.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Window {
    /// Its begin, in seconds since 1970.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

/// The objective.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slo {
    /// In percent.
    pub target: f64,
    /// What succeeded in the deploy window, in percent.
    pub actual: f64,
    /// Whether it is enough.
    pub met: bool,
}

/// When something failed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// Seconds since 1970.
    pub at: f64,
    /// Seconds after the restart.
    pub after_restart: f64,
    /// What happened to a pod last before it.
    pub follows: Option<String>,
}

impl Report {
    /// Of a run with a window. `slo`: the target in percent, where there was a load.
    pub fn of(run: &Run, workload: String, namespace: String, slo: Option<f64>, stopped: Option<String>) -> Report {
        let (from, to) = run.window.unwrap_or_default();
        let (inside, outside) = run.split();
        let moment = |at: f64| Moment { at, after_restart: at - from, follows: run.before(at) };
        let errors = run.errors();
        let slo = slo.map(|target| {
            let actual = inside.success_percent();
            Slo { target, actual, met: actual >= target && stopped.is_none() }
        });
        Report {
            version: 1,
            workload,
            namespace,
            window: Window { from, to },
            inside,
            outside,
            slo,
            first_error: errors.map(|(first, _)| moment(first)),
            last_error: errors.map(|(_, last)| moment(last)),
            stopped,
            pods: run.pods.clone(),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{BOLD}{} in namespace {}{PLAIN}\n", self.workload, self.namespace);
        let seconds = self.window.to - self.window.from;
        let replaced: Vec<f64> = self.pods.iter().filter_map(PodLife::stop_seconds).collect();
        let longest = replaced.iter().copied().fold(0.0, f64::max);
        let _ = writeln!(
            text,
            "  deploy window   {seconds:.1} s, {} pods ended, the slowest in {longest:.1} s",
            replaced.len()
        );
        if let Some(slo) = &self.slo {
            let _ = writeln!(text, "  in the window   {}", count(&self.inside));
            let _ = writeln!(text, "  outside         {}", count(&self.outside));
            for (name, moment) in [("first error", &self.first_error), ("last error", &self.last_error)] {
                let Some(moment) = moment else { continue };
                let follows = moment.follows.as_ref().map(|one| format!(", {one}")).unwrap_or_default();
                let _ = writeln!(text, "  {name:<15} {:.1} s after the restart{follows}", moment.after_restart);
            }
            let (colour, word) = if slo.met { (GREEN, "met") } else { (RED, "not met") };
            let _ = writeln!(
                text,
                "  SLO {} %      {colour}{word}{PLAIN}: {:.3} % succeeded in the window",
                slo.target, slo.actual
            );
        }
        if let Some(stopped) = &self.stopped {
            let _ = writeln!(text, "  {RED}undone{PLAIN}          {stopped}");
        }
        text
    }
}

fn count(count: &Count) -> String {
    let quantile = |value: Option<f64>| value.map_or("-".to_owned(), |seconds| format!("{:.0} ms", seconds * 1000.0));
    format!(
        "{} sent, {} failed{}, p50 {}, p99 {}",
        count.sent,
        count.failed,
        count.kinds(),
        quantile(count.p50),
        quantile(count.p99)
    )
}
