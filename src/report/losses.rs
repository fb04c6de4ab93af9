//! What a reader wants first: how many workloads lose work at a rollout, and how.

use crate::judged::{ObjectResult, Summary};
use crate::terminal::{BOLD, GREEN, PLAIN};
use draingate_core::finding::{Code, Severity};
use draingate_core::judge::View;

/// The codes of what was found, and the summary's first lines.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    lose: Vec<Code>,
    cut: Vec<Code>,
    /// Some of it is told as a warning.
    pub(crate) warned: bool,
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
        let mut warnings = result.findings_of(Severity::Warning).map(|found| found.finding.code);
        self.warned |= warnings.any(|code| result.loses().chain(result.is_cut()).any(|hurting| hurting == code));
    }

    /// How many lose work, and how, in lines; none where nothing was judged.
    pub(crate) fn lines(&self, summary: &Summary, view: View) -> Vec<String> {
        let Some(headline) = headline(summary, view) else { return Vec::new() };
        let colour = if summary.hurt == 0 { GREEN } else { BOLD };
        let verb = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let ways = [
            (verb(summary.lose, "stops while work still comes", "stop while work still comes"), &self.lose),
            (verb(summary.cut, "is cut before its work is done", "are cut before their work is done"), &self.cut),
        ];
        let way = |(way, codes): (String, &Vec<Code>)| {
            let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
            (!codes.is_empty()).then(|| format!("  {way} ({})", codes.join(", ")))
        };
        std::iter::once(format!("{colour}{headline}{PLAIN}")).chain(ways.into_iter().filter_map(way)).collect()
    }
}

/// `2 of 9 workloads lose work at a rollout`; nothing where none was judged.
pub(crate) fn headline(summary: &Summary, view: View) -> Option<String> {
    let Summary { judged, hurt, .. } = *summary;
    let headline = match (judged, hurt) {
        (0, _) => return None,
        (1, 0) => "1 workload, and it loses no work at a rollout".to_owned(),
        (1, _) => "1 workload, and it loses work at a rollout".to_owned(),
        (_, 0) => format!("none of {judged} workloads loses work at a rollout"),
        (_, 1) => format!("1 of {judged} workloads loses work at a rollout"),
        _ => format!("{hurt} of {judged} workloads lose work at a rollout"),
    };
    let admitted = if view == View::AsWritten { "" } else { "as admitted in enforce mode, " };
    Some(format!("{admitted}{headline}"))
}
