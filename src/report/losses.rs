//! What a reader wants first: how many workloads lose work at a rollout, and how.

use draingate_core::finding::{Code, Severity};

use crate::judged::{ObjectResult, Summary};
use crate::terminal::count;

/// What is known of all objects besides their numbers.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    lose: Vec<Code>,
    cut: Vec<Code>,
    /// Some lose work, and none of what says so is an error.
    warned: bool,
}

impl Losses {
    /// Takes note of a result.
    pub(crate) fn add(&mut self, result: &ObjectResult) {
        self.lose.extend(result.loses());
        self.cut.extend(result.is_cut());
        for codes in [&mut self.lose, &mut self.cut] {
            codes.sort_unstable_by_key(|code| Code::ALL.iter().position(|known| known == code));
            codes.dedup();
        }
        let is_error = |code: Code| result.findings_of(Severity::Error).any(|found| found.finding.code == code);
        self.warned |= result.is_hurt() && !result.loses().chain(result.is_cut()).any(is_error);
    }

    /// Whether some lose work, and none of what says so is an error.
    pub(crate) fn are_warnings(&self) -> bool {
        self.warned
    }

    /// How they lose it, in lines: none where none does.
    pub(crate) fn ways(&self, summary: &Summary) -> Vec<String> {
        let verb = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let ways = [
            (verb(summary.lose, "stops while work still comes", "stop while work still comes"), &self.lose),
            (verb(summary.cut, "is cut before its work is done", "are cut before their work is done"), &self.cut),
        ];
        ways.into_iter().filter(|(_, codes)| !codes.is_empty()).map(|(way, codes)| {
            let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
            format!("{way} ({})", codes.join(", "))
        }).collect()
    }
}

/// `2 of 9 workloads lose work at a rollout`; nothing where none was judged.
pub(crate) fn headline(summary: &Summary) -> Option<String> {
    let Summary { judged, hurt, .. } = *summary;
    let workloads = count(judged, "workload", "workloads");
    match (judged, hurt) {
        (0, _) => None,
        (1, 0) => Some("1 workload, and it loses no work at a rollout".to_owned()),
        (1, _) => Some("1 workload, and it loses work at a rollout".to_owned()),
        (_, 0) => Some(format!("none of {workloads} loses work at a rollout")),
        (_, 1) => Some(format!("1 of {workloads} loses work at a rollout")),
        _ => Some(format!("{hurt} of {workloads} lose work at a rollout")),
    }
}
