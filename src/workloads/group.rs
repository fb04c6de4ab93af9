//! Pods by the workload that owns them, the worst first.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::owner::workload;
use crate::judged::{ObjectResult, Origin};
use crate::walk::candidate::Candidate;
use draingate_core::finding::Severity;
use draingate_core::judge::{self, Judgement, Verdict, View};
use draingate_core::mode::Mode;
use draingate_core::subject::{Kind, Subject};
use draingate_core::unreadable::Unreadable;
use draingate_core::world::World;

/// A workload's pods.
#[derive(Debug)]
pub struct Group {
    /// Of the worst of its pods, under the workload's kind and name.
    pub result: ObjectResult,
    /// All of them.
    pub pods: usize,
    /// Those with an error, or that would be turned away.
    pub bad: usize,
    /// What the next of its pods would be given that one of these lacks, where their namespace's mode injects.
    pub next: Option<String>,
    /// The lowest of theirs.
    pub priority: i64,
}

/// A namespace's count of workloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that are judged.
    pub workloads: usize,
    /// Those of which `enforce` would turn a pod away.
    pub rejected: usize,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Groups {
    /// By namespace, kind and name.
    workloads: BTreeMap<(String, String, String), (Group, bool)>,
    /// Pods seen.
    pub pods: usize,
    /// Those that were judged.
    pub judged: usize,
}

/// How bad a result is: errors before warnings.
fn weight(result: &ObjectResult) -> (usize, usize) {
    (result.count(Severity::Error), result.count(Severity::Warning))
}

impl Groups {
    /// Judges a running pod and puts it to its workload. `for_mode`: as admission would in that mode, instead of as
    /// the pod stands.
    ///
    /// # Errors
    /// Why the pod cannot be read.
    pub fn add(&mut self, json: &str, world: &World, for_mode: Option<Mode>) -> Result<(), Unreadable> {
        let subject = Subject::parse(Kind::Pod, json)?;
        let candidate = Candidate::new(&subject, world, "default");
        let admitted = candidate.judge(View::AsAdmitted);
        let rejected = judge::rejects(Mode::Enforce, &subject, &admitted);
        let standing;
        let shown = match for_mode {
            Some(mode) if mode.injects() => &admitted,
            _ => {
                standing = candidate.judge(View::AsWritten);
                &standing
            }
        };
        self.pods += 1;
        self.judged += usize::from(shown.skipped.is_none());
        let (kind, name) = workload(&subject);
        let bad = if for_mode == Some(Mode::Enforce) { rejected } else { shown.errors().next().is_some() };
        let injects = candidate.mode().injects();
        let next = injects.then(|| judge::difference(&admitted.standing, &admitted.pod)).flatten();
        let result = result(&candidate, shown, &kind, &name);
        let key = (result.namespace.clone(), kind, name);
        let priority = priority(json);
        match self.workloads.get_mut(&key) {
            Some((group, any_rejected)) => {
                group.pods += 1;
                group.bad += usize::from(bad);
                *any_rejected |= rejected;
                group.next = group.next.take().or(next);
                group.priority = group.priority.min(priority);
                if weight(&result) > weight(&group.result) {
                    group.result = result;
                }
            }
            None => {
                let group = Group { result, pods: 1, bad: usize::from(bad), next, priority };
                self.workloads.insert(key, (group, rejected));
            }
        }
        Ok(())
    }

    /// Of each namespace with workloads that are judged.
    pub fn namespaces(&self) -> BTreeMap<String, Tally> {
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for ((namespace, ..), (group, rejected)) in &self.workloads {
            if group.result.verdict != Verdict::Skipped {
                let tally = tallies.entry(namespace.clone()).or_default();
                tally.workloads += 1;
                tally.rejected += usize::from(*rejected);
            }
        }
        tallies
    }

    /// The workloads, the worst first: by errors, by warnings, by how many pods; then by name.
    pub fn worst_first(self) -> Vec<Group> {
        let counted = |(mut group, _): (Group, bool)| {
            group.result.origin = Origin::Cluster { pods: Some(group.pods) };
            group
        };
        let mut groups: Vec<Group> = self.workloads.into_values().map(counted).collect();
        groups.sort_by_cached_key(|group| {
            let (errors, warnings) = weight(&group.result);
            std::cmp::Reverse((group.bad > 0, errors.min(1), group.bad, errors, warnings, group.pods))
        });
        groups
    }
}

/// The priority that the API server gave a pod by its class.
fn priority(json: &str) -> i64 {
    #[derive(Deserialize)]
    struct Pod {
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Spec {
        #[serde(default)]
        priority: Option<i64>,
    }
    serde_json::from_str::<Pod>(json).ok().and_then(|pod| pod.spec.priority).unwrap_or(0)
}

fn result(candidate: &Candidate, judgement: &Judgement, kind: &str, name: &str) -> ObjectResult {
    let result = candidate.result(Origin::Cluster { pods: Some(1) }, judgement, |_| None);
    ObjectResult { kind: kind.to_owned().into(), name: name.to_owned(), ..result }
}

#[cfg(test)]
mod tests {
    use draingate_core::judge::judge;
    use draingate_testing::case;

    use super::*;

    /// What `scan` says of a case's pod: the codes with their severities and words, and what is required.
    fn scanned(case: &case::Case, for_mode: Option<Mode>) -> (Verdict, Option<u64>, Vec<(String, Severity, String)>) {
        let mut groups = Groups::default();
        groups.add(&case.json(), &case.world, for_mode).unwrap();
        let result = groups.worst_first().remove(0).result;
        let findings =
            result.findings.into_iter().map(|f| (f.finding.code.to_string(), f.finding.severity, f.finding.message));
        (result.verdict, result.required_grace, findings.collect())
    }

    #[test]
    fn a_pod_is_judged_as_it_stands_and_in_a_mode_that_injects_as_it_would_be_admitted() {
        let pods: Vec<_> = case::all().into_iter().filter(|case| case.kind == Kind::Pod).collect();
        assert!(pods.len() > 40);
        for case in pods {
            let json = case.json();
            let subject = Subject::parse(Kind::Pod, &json).unwrap();
            for (for_mode, view) in [
                (None, View::AsWritten),
                (Some(Mode::Warn), View::AsWritten),
                (Some(Mode::Inject), View::AsAdmitted),
                (Some(Mode::Enforce), View::AsAdmitted),
            ] {
                let judgement = judge(&subject, &case.world.context(&case.namespace), view);
                let told = judgement.findings.iter().map(|f| (f.code.to_string(), f.severity, f.message.clone()));
                let expected = (judgement.verdict(), judgement.required, told.collect::<Vec<_>>());
                assert_eq!(scanned(&case, for_mode), expected, "{} {for_mode:?}", case.name);
            }
        }
    }
}
