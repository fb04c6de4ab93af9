//! The one rule from measures to an E, and the policy that says it.
//!
//! E is the largest that was seen, and a reserve: one part of it for each round (of ten values that are spread evenly, the
//! largest is a tenth short of the end), the pause between two requests, which hides what is shorter, and one second.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::samples::{Measured, Requests};
use crate::cli::PolicyName;
use crate::traffic::recording::quantile;
use draingate_core::keys;
use draingate_core::measured::{Day, Measured as Annotation};
use draingate_core::policy::{API_VERSION, PolicyKind};

/// Fewer samples than this say too little.
pub const FEWEST: usize = 12;
/// In seconds.
const SECOND: f64 = 1.0;
/// A largest beyond so many times what nine of ten samples took, and so many seconds, is a stray one.
const STRAY: (f64, f64) = (2.0, 2.0);
/// More failed requests than this share, and nobody can say what was measured.
const MOST_FAILED: f64 = 0.05;

/// An E, or why there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Suggestion {
    /// In seconds, with the largest that was seen.
    Seconds(u64, f64),
    /// Why not.
    NotEnough(String),
}

/// The rule. `longest`: how long a deleted pod went on serving.
pub fn suggestion(measured: &Measured, rounds: u32, longest: u64) -> Suggestion {
    let mut all = measured.propagation(false);
    if all.len() < FEWEST {
        return Suggestion::NotEnough(format!(
            "{} samples, and {FEWEST} are the least: more --rounds, or more --replicas",
            all.len()
        ));
    }
    all.extend(measured.propagation(true));
    all.sort_by(f64::total_cmp);
    let (largest, most) = (all.last().copied().unwrap_or(0.0), quantile(&all, 0.9).unwrap_or(0.0));
    if largest + 1.0 >= longest as f64 {
        return Suggestion::NotEnough(format!(
            "a pod was still sent to after {largest:.1} s, when it ended: E is longer than --longest {longest}"
        ));
    }
    if largest > STRAY.0 * most + STRAY.1 {
        return Suggestion::NotEnough(format!(
            "one pod was sent to for {largest:.1} s, and nine of ten for at most {most:.1} s: measure again, with more --rounds"
        ));
    }
    let Measured { new, .. } = measured;
    if new.failures() as f64 > MOST_FAILED * new.sent as f64 {
        return Suggestion::NotEnough(format!(
            "{} of {} requests failed although every pod was serving: mend that first",
            new.failures(),
            new.sent
        ));
    }
    let seconds = largest * (1.0 + 1.0 / f64::from(rounds.max(1))) + measured.resolution + SECOND;
    Suggestion::Seconds(seconds.ceil() as u64, largest)
}

/// The annotation that goes with it.
pub fn annotation(measured: &Measured, seconds: u64, largest: f64, rounds: u32, via: &str, date: Day) -> Annotation {
    Annotation {
        endpoint_propagation_seconds: seconds,
        date,
        samples: measured.replaced.len() as u64,
        rounds: rounds.into(),
        via: via.to_owned(),
        largest_milliseconds: (largest * 1000.0).round() as u64,
        gives_up: measured.last_pods.as_ref().is_some_and(Requests::gives_up),
    }
}

/// What a policy gets: its E and the annotation about it.
pub fn patch(annotation: &Annotation) -> Value {
    let text = serde_json::to_string(annotation).unwrap_or_default();
    json!({"metadata": {"annotations": {keys::MEASURED: text}},
        "spec": {"budget": {"endpointPropagationSeconds": annotation.endpoint_propagation_seconds}}})
}

/// The policy, as YAML.
pub fn yaml(policy: &PolicyName, namespace: &str, annotation: &Annotation) -> String {
    let mut text =
        format!("apiVersion: {API_VERSION}\nkind: {}\nmetadata:\n  name: {}\n", policy.kind.as_str(), policy.name);
    if policy.kind == PolicyKind::DrainPolicy {
        let _ = writeln!(text, "  namespace: {namespace}");
    }
    let value = serde_json::to_string(annotation).unwrap_or_default();
    let Annotation { endpoint_propagation_seconds: seconds, largest_milliseconds: largest, samples, .. } = annotation;
    let quoted = value.replace('\'', "''");
    let _ = write!(
        text,
        "  annotations:\n    {}: '{quoted}'\nspec:\n  budget:\n    endpointPropagationSeconds: {seconds}  # the largest of {samples} was {:.2}\n",
        keys::MEASURED,
        *largest as f64 / 1000.0
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::samples::Replaced;
    use super::*;

    fn measured(values: &[f64]) -> Measured {
        let replaced = values.iter().map(|new| Replaced { new: *new, ..Replaced::default() });
        let new = Requests { sent: 1000, ..Requests::default() };
        Measured { replaced: replaced.collect(), new, resolution: 0.08, ..Measured::default() }
    }

    fn seconds(values: &[f64], rounds: u32) -> Option<u64> {
        match suggestion(&measured(values), rounds, 180) {
            Suggestion::Seconds(seconds, _) => Some(seconds),
            Suggestion::NotEnough(_) => None,
        }
    }

    #[test]
    fn e_is_the_largest_and_the_reserve() {
        let evenly = |largest: f64| (1..=30).map(|n| largest * f64::from(n) / 30.0).collect::<Vec<_>>();
        // 10 + 10 / 10 + 0.08 + 1
        assert_eq!(seconds(&evenly(10.0), 10), Some(13));
        // 10 + 10 / 4 + 0.08 + 1
        assert_eq!(seconds(&evenly(10.0), 4), Some(14));
        assert_eq!(seconds(&[0.0; 12], 4), Some(2));
        assert_eq!(seconds(&[25.0; 12], 4), Some(33));
    }

    #[test]
    fn what_is_not_enough_suggests_nothing() {
        let said = |measured: &Measured| match suggestion(measured, 10, 30) {
            Suggestion::NotEnough(why) => why,
            Suggestion::Seconds(seconds, _) => panic!("{seconds}"),
        };
        assert!(said(&measured(&[1.0; 11])).contains("11 samples"));
        let mut stray = vec![1.0; 29];
        stray.push(4.1);
        assert!(said(&measured(&stray)).contains("one pod was sent to for 4.1 s"));
        assert!(said(&measured(&[29.5; 12])).contains("longer than --longest 30"));
        let mut failing = measured(&[1.0; 12]);
        failing.new.failed.insert("reset".to_owned(), 51);
        assert!(said(&failing).contains("51 of 1000"));
        // Those that were deleted alone are no samples of a rollout, but raise the largest.
        let mut alone = measured(&[1.0; 12]);
        alone.replaced.push(Replaced { new: 2.0, alone: true, ..Replaced::default() });
        assert_eq!(suggestion(&alone, 10, 30), Suggestion::Seconds(4, 2.0));
    }

    #[test]
    fn the_policy_is_read_back_with_its_measure() {
        use draingate_core::objects;
        use draingate_core::world::World;
        let date = Day::of_seconds(1_772_323_199);
        let annotation = annotation(&measured(&[1.04; 12]), 3, 1.04, 10, "url http://it's/", date);
        let policy: PolicyName = "clusterdrainpolicy/calibrated".parse().unwrap();
        let read: Value = serde_saphyr::from_str(&yaml(&policy, "shop", &annotation)).unwrap();
        assert_eq!(read["spec"], patch(&annotation)["spec"]);
        assert_eq!(read["metadata"]["annotations"], patch(&annotation)["metadata"]["annotations"]);
        assert_eq!(Annotation::of_annotations(Some(&read["metadata"]["annotations"])), Some(annotation));
        assert!(objects::add(&mut World::default(), &read, None).unwrap());
    }
}
