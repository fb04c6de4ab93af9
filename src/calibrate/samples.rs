//! What a sample is: from what was sent and seen to a measure for each pod that was replaced. Pure: plain data in and out.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::traffic::recording::{PodLife, Sample, quantile};

/// All that was measured, as the pod that measures hands it out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Every pod that was replaced, in the order of the deletions.
    pub replaced: Vec<Replaced>,
    /// Deletions that were told too late to measure by, or of pods that never answered.
    pub left_out: usize,
    /// Requests on new connections, until the last rollout was over.
    pub new: Requests,
    /// Requests on kept connections, until then.
    pub kept: Requests,
    /// What became of requests when all pods were terminating and still served; `None` where that was not tried.
    pub last_pods: Option<Requests>,
    /// The time between two requests to one pod, on new connections, in seconds: nothing finer can be seen.
    pub resolution: f64,
}

/// Requests, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// All of them.
    pub sent: usize,
    /// Those that failed, by what became of them.
    pub failed: BTreeMap<String, usize>,
}

impl Requests {
    fn of<'s>(samples: impl Iterator<Item = &'s Sample>) -> Requests {
        let mut requests = Requests::default();
        for sample in samples {
            requests.sent += 1;
            if let Some(error) = &sample.error {
                *requests.failed.entry(error.clone()).or_default() += 1;
            }
        }
        requests
    }

    /// How many failed.
    pub fn failures(&self) -> usize {
        self.failed.values().sum()
    }

    /// Whether more failed than a moment of change accounts for: one in twenty.
    pub fn gives_up(&self) -> bool {
        self.failures() * 20 > self.sent
    }
}

/// A pod that was replaced. All times are seconds after its deletion.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// Its name.
    pub pod: String,
    /// In which rollout, from 0.
    pub round: usize,
    /// It was deleted alone, and not by the rollout.
    pub alone: bool,
    /// When in the round, in seconds after that began.
    pub deleted: f64,
    /// The last new connection that it answered; 0 where none came any more.
    pub new: f64,
    /// The EndpointSlice said so, where that was seen.
    pub endpoint: Option<f64>,
    /// The connections that were kept with it when it was deleted, by how long they stayed.
    pub kept: Vec<Kept>,
}

/// A kept connection that had its last answer from a pod before its deletion or later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// The last answer of the deleted pod on it.
    pub last: f64,
    /// What became of it.
    pub end: End,
}

/// Who ended a kept connection's stay with a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The connection went on, and others answered: the data plane sends each request on its own.
    Moved,
    /// The answer said that the connection ends.
    Said,
    /// It was closed between two requests.
    Closed,
    /// A request on it failed.
    Broken,
    /// It still went to the pod when that had served to the end of its hook, or when the measuring ended.
    Stayed,
}

/// What was sent and seen.
pub struct Seen<'s> {
    /// The pods.
    pub pods: &'s [PodLife],
    /// When each pod's endpoint was withdrawn.
    pub withdrawn: &'s BTreeMap<String, f64>,
    /// When each round began.
    pub rounds: &'s [f64],
    /// The pods that were deleted alone, and when.
    pub alone: &'s BTreeMap<String, f64>,
    /// On new connections.
    pub new: &'s [Sample],
    /// On kept ones.
    pub kept: &'s [Sample],
    /// When the last round was over: what came later does not count.
    pub until: f64,
    /// How long a deleted pod serves on.
    pub longest: f64,
    /// From when until when all pods were terminating and serving, and E was over.
    pub last_pods: Option<(f64, f64)>,
}

impl Measured {
    /// The measures of what was seen.
    pub fn of(seen: &Seen) -> Measured {
        let begun = seen.rounds.first().copied().unwrap_or(seen.until);
        let counts = |sample: &&Sample| sample.at >= begun && sample.at <= seen.until;
        let mut answers: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for sample in seen.new.iter().filter(|sample| sample.at <= seen.until) {
            if let Some(answer) = &sample.answer {
                answers.entry(&answer.pod).or_default().push(sample.end());
            }
        }
        let lanes = lanes(seen);
        let (mut replaced, mut left_out) = (Vec::new(), 0);
        for life in seen.pods {
            let alone = seen.alone.get(&life.name).copied();
            let Some(deleted) = alone.or(life.deleted).filter(|at| *at >= begun && *at <= seen.until) else { continue };
            let answered = answers.get(life.name.as_str());
            let (false, Some(answered)) = (life.late && alone.is_none(), answered) else {
                left_out += 1;
                continue;
            };
            let last = answered.iter().copied().fold(deleted, f64::max);
            let round = seen.rounds.iter().filter(|from| **from <= deleted).count().saturating_sub(1);
            let endpoint = seen.withdrawn.get(&life.name).map(|at| (at - deleted).max(0.0));
            let kept = lanes.iter().filter_map(|lane| stay(lane, life, deleted, seen));
            replaced.push(Replaced {
                pod: life.name.clone(),
                round,
                alone: alone.is_some(),
                deleted: deleted - seen.rounds.get(round).copied().unwrap_or(begun),
                new: last - deleted,
                endpoint,
                kept: kept.collect(),
            });
        }
        replaced.sort_by(|a, b| a.round.cmp(&b.round).then(a.deleted.total_cmp(&b.deleted)));
        let last_pods = seen
            .last_pods
            .map(|(from, to)| Requests::of(seen.new.iter().filter(|sample| sample.at >= from && sample.end() <= to)));
        Measured {
            replaced,
            left_out,
            new: Requests::of(seen.new.iter().filter(counts)),
            kept: Requests::of(seen.kept.iter().filter(counts)),
            last_pods,
            resolution: resolution(&answers),
        }
    }

    /// The E of each sample, in order of size; `alone`: of the single deletions, or of the rollouts.
    pub fn propagation(&self, alone: bool) -> Vec<f64> {
        sorted(self.replaced.iter().filter(|one| one.alone == alone).map(|one| one.new))
    }

    /// How long the EndpointSlices took.
    pub fn endpoint(&self) -> Vec<f64> {
        sorted(self.replaced.iter().filter_map(|one| one.endpoint))
    }

    /// How long kept connections stayed that did not stay for ever.
    pub fn stays(&self) -> Vec<f64> {
        let all = self.replaced.iter().flat_map(|one| &one.kept);
        sorted(all.filter(|kept| kept.end != End::Stayed).map(|kept| kept.last))
    }

    /// How many kept connections ended in each way.
    pub fn ends(&self) -> BTreeMap<End, usize> {
        let mut ends = BTreeMap::new();
        for kept in self.replaced.iter().flat_map(|one| &one.kept) {
            *ends.entry(kept.end).or_default() += 1;
        }
        ends
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The pause between two answers of one pod that nine of ten pauses do not exceed.
fn resolution(answers: &BTreeMap<&str, Vec<f64>>) -> f64 {
    let mut pauses = Vec::new();
    for ends in answers.values() {
        let ends = sorted(ends.iter().copied());
        pauses.extend(ends.windows(2).filter_map(|pair| Some(pair.get(1)? - pair.first()?)));
    }
    pauses.sort_by(f64::total_cmp);
    quantile(&pauses, 0.9).unwrap_or(0.0)
}

/// The requests of each kept connection, in order.
fn lanes<'s>(seen: &Seen<'s>) -> Vec<Vec<&'s Sample>> {
    let mut lanes: BTreeMap<usize, Vec<&Sample>> = BTreeMap::new();
    for sample in seen.kept.iter().filter(|sample| sample.at <= seen.until) {
        lanes.entry(sample.lane.unwrap_or(0)).or_default().push(sample);
    }
    let mut lanes: Vec<_> = lanes.into_values().collect();
    lanes.iter_mut().for_each(|lane| lane.sort_by(|a, b| a.at.total_cmp(&b.at)));
    lanes
}

/// How long a connection stayed with a pod after its deletion. Nothing where it was with another one then.
fn stay(lane: &[&Sample], life: &PodLife, deleted: f64, seen: &Seen) -> Option<Kept> {
    let of_pod = |sample: &Sample| sample.answer.as_ref().is_some_and(|answer| answer.pod == life.name);
    let last = lane.iter().rposition(|sample| of_pod(sample))?;
    let sample = lane.get(last)?;
    // It was with the pod when that was deleted: none before that was answered by another one meanwhile.
    let before = lane.iter().rposition(|one| one.end() <= deleted);
    let was_there = sample.end() > deleted || before == Some(last);
    let answer = sample.answer.as_ref().filter(|_| was_there)?;
    let next = lane.get(last + 1);
    let stopped =
        life.gone.is_some_and(|gone| sample.end() > gone - 2.0) || sample.end() > deleted + seen.longest - 2.0;
    let end = match next {
        None => End::Stayed,
        Some(_) if stopped => End::Stayed,
        Some(next) if next.error.is_some() => End::Broken,
        Some(_) if answer.closes => End::Said,
        Some(next) if next.answer.as_ref().is_some_and(|other| other.connection == answer.connection) => End::Moved,
        Some(_) => End::Closed,
    };
    Some(Kept { last: (sample.end() - deleted).max(0.0), end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::recording::Answer;

    fn answered(at: f64, pod: &str) -> Sample {
        let answer = Answer { pod: pod.to_owned(), connection: 1, ..Answer::default() };
        Sample { at, answer: Some(answer), ..Sample::default() }
    }

    fn on(lane: usize, at: f64, pod: &str, connection: u16) -> Sample {
        let answer = Answer { pod: pod.to_owned(), connection, ..Answer::default() };
        Sample { at, lane: Some(lane), answer: Some(answer), ..Sample::default() }
    }

    fn life(name: &str, deleted: f64) -> PodLife {
        PodLife { name: name.to_owned(), deleted: Some(deleted), ..PodLife::default() }
    }

    fn measured(pods: &[PodLife], new: &[Sample], kept: &[Sample]) -> Measured {
        let withdrawn = BTreeMap::from([("a".to_owned(), 10.25)]);
        let alone = BTreeMap::from([("single".to_owned(), 40.0)]);
        Measured::of(&Seen {
            pods,
            withdrawn: &withdrawn,
            rounds: &[9.0, 30.0],
            alone: &alone,
            new,
            kept,
            until: 60.0,
            longest: 100.0,
            last_pods: Some((70.0, 80.0)),
        })
    }

    #[test]
    fn a_sample_is_the_last_new_connection_that_a_deleted_pod_answered() {
        let mut late = life("late", 12.0);
        late.late = true;
        let pods = [
            life("a", 10.0),
            life("b", 31.0),
            late,
            life("never", 12.0),
            life("early", 5.0),
            life("last", 65.0),
            life("single", 40.5),
        ];
        let new = [
            answered(5.0, "a"),
            answered(10.5, "a"),
            answered(13.5, "a"),
            answered(20.0, "b"),
            answered(12.5, "late"),
            answered(35.0, "a"),
            answered(62.0, "b"),
            answered(5.0, "early"),
            answered(66.0, "last"),
            answered(41.0, "single"),
            Sample { at: 15.0, error: Some("reset".to_owned()), ..Sample::default() },
            Sample { at: 75.0, error: Some("status 503".to_owned()), ..Sample::default() },
            answered(76.0, "last"),
        ];
        let all = measured(&pods, &new, &[]);
        let short: Vec<_> =
            all.replaced.iter().map(|one| (one.pod.as_str(), one.round, one.deleted, one.new, one.endpoint)).collect();
        // What comes in a later round counts; after the end nothing does.
        assert_eq!(short, [("a", 0, 1.0, 25.0, Some(0.25)), ("b", 1, 1.0, 0.0, None), ("single", 1, 10.0, 1.0, None)]);
        assert_eq!((all.left_out, all.new.sent, all.new.failures()), (2, 7, 1));
        assert_eq!((all.propagation(false), all.propagation(true)), (vec![0.0, 25.0], vec![1.0]));
        let last = all.last_pods.unwrap();
        assert_eq!((last.sent, last.failed), (2, BTreeMap::from([("status 503".to_owned(), 1)])));
    }

    #[test]
    fn a_kept_connection_says_who_ended_it() {
        let broken = Sample { at: 11.5, lane: Some(2), error: Some("eof".to_owned()), ..Sample::default() };
        let mut said = on(4, 11.0, "a", 40);
        said.answer.as_mut().unwrap().closes = true;
        let kept = [
            on(0, 9.0, "a", 1),
            on(0, 11.0, "a", 1),
            on(0, 12.0, "b", 1),
            on(1, 9.5, "a", 2),
            on(1, 10.5, "b", 3),
            on(2, 11.0, "a", 4),
            broken,
            on(2, 12.0, "b", 5),
            on(3, 11.0, "a", 6),
            on(3, 59.0, "a", 6),
            said,
            on(4, 12.0, "b", 41),
            on(5, 8.0, "a", 7),
            on(5, 9.0, "b", 7),
            on(5, 11.0, "b", 7),
        ];
        let all = measured(&[life("a", 10.0)], &[answered(9.0, "a")], &kept);
        let ends: Vec<_> = all.replaced[0].kept.iter().map(|kept| (kept.last, kept.end)).collect();
        let expected =
            [(1.0, End::Moved), (0.0, End::Closed), (1.0, End::Broken), (49.0, End::Stayed), (1.0, End::Said)];
        assert_eq!(ends, expected);
        assert_eq!(all.stays(), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!((all.ends()[&End::Stayed], all.kept.failures()), (1, 1));
    }
}
