//! What came of all objects, in numbers.

use super::result::ObjectResult;
use draingate_core::finding::Severity;
use draingate_core::judge::Verdict;

/// How many objects came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects of any kind.
    pub objects: usize,
    /// Those that carry a pod and were not skipped.
    pub judged: usize,
    /// Those of unknown kinds that seem to hold pods elsewhere.
    pub unjudged: usize,
    /// Workloads that lose work at a rollout.
    pub lose: usize,
    /// Workloads that are cut.
    pub cut: usize,
    /// Workloads that lose work, are cut, or both.
    pub hurt: usize,
    /// Those of them that are neither once they are admitted in `enforce`; only where pods are judged as written.
    pub mended: usize,
    /// Findings of severity error.
    pub errors: usize,
    /// Findings of severity warning.
    pub warnings: usize,
    /// Findings that a comment ignores.
    pub ignored: usize,
    /// Findings that the baseline has.
    pub baselined: usize,
}

impl Summary {
    /// Adds another's counts.
    pub fn add(&mut self, other: Summary) {
        self.objects += other.objects;
        self.judged += other.judged;
        self.unjudged += other.unjudged;
        self.lose += other.lose;
        self.cut += other.cut;
        self.hurt += other.hurt;
        self.mended += other.mended;
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.ignored += other.ignored;
        self.baselined += other.baselined;
    }

    /// Counts one result.
    pub fn count(&mut self, result: &ObjectResult) {
        self.judged += usize::from(result.verdict != Verdict::Skipped);
        self.lose += usize::from(result.loses().next().is_some());
        self.cut += usize::from(result.is_cut().next().is_some());
        self.hurt += usize::from(result.is_hurt());
        self.errors += result.count(Severity::Error);
        self.warnings += result.count(Severity::Warning);
        self.ignored += result.findings.iter().filter(|finding| finding.is_ignored()).count();
        self.baselined += result.findings.iter().filter(|finding| finding.is_baselined()).count();
    }
}
