//! The findings: a file for each rule, with its code, its default severity, its words, its page and its check.
//!
//! Whoever asks what a code is called, weighs or means asks the table below. It is written nowhere else, so a rule is
//! added, read and dropped in one place.

use std::fmt;

use json_patch::Patch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::finding::{Finding, Severity};
use super::keys;
use super::mend::Mend;
use super::plan::Plan;
use super::pod::{Container, Pod};
use super::settings::{SettingProblem, Settings};
use super::subject::{Probe, Subject};
use super::world::SleepSupport;

// Outside the macro, where rustfmt and cargo-mutants see them.
mod app_timeout;
mod capacity_dip;
mod changed_after;
mod cut_at_sigterm;
mod early_helper;
mod failing_hook;
mod grace_budget;
mod invalid_setting;
mod locked_setting;
mod misplaced_grace;
mod never_withdrawn;
mod no_readiness;
mod node_limit;
mod plain_helper;
mod probe_grace;
mod shell_hook;
mod short_hold;
mod shorter_shutdown;
mod slow_readiness;
mod slow_restart;
mod undeclared_hook;

/// A line for each rule, in the order of reporting; makes [`Code`], its look-up, and the round through the checks.
macro_rules! table {
    ($($code:ident => $file:ident,)*) => {
        /// A finding's stable code. The order here is the order in which findings are reported.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $(#[doc = concat!("Its rule is in `rules/", stringify!($file), ".rs`.")] $code,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: [Code; [$(Code::$code),*].len()] = [$(Code::$code),*];

            /// Its rule.
            pub fn rule(self) -> &'static Rule {
                match self {
                    $(Code::$code => &$file::RULE,)*
                }
            }
        }

        // Plain calls, so that the checks are inlined.
        fn check_all(facts: &Facts, findings: &mut Vec<Finding>) {
            $($file::check(&mut Report { facts, code: Code::$code, findings });)*
        }
    };
}

table! {
    GraceBudget => grace_budget,
    EarlyHelper => early_helper,
    InvalidSetting => invalid_setting,
    ShortHold => short_hold,
    CutAtSigterm => cut_at_sigterm,
    NeverWithdrawn => never_withdrawn,
    FailingHook => failing_hook,
    UndeclaredHook => undeclared_hook,
    ShorterShutdown => shorter_shutdown,
    AppTimeout => app_timeout,
    MisplacedGrace => misplaced_grace,
    ShellHook => shell_hook,
    LockedSetting => locked_setting,
    NodeLimit => node_limit,
    SlowRestart => slow_restart,
    NoReadiness => no_readiness,
    SlowReadiness => slow_readiness,
    ChangedAfter => changed_after,
    PlainHelper => plain_helper,
    ProbeGrace => probe_grace,
    CapacityDip => capacity_dip,
}

impl Code {
    /// The code as users see it.
    pub fn as_str(self) -> &'static str {
        self.rule().code
    }

    /// The severity where no policy says otherwise.
    pub fn default_severity(self) -> Severity {
        self.rule().default_severity
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a code.
pub struct Rule {
    /// The code as users see it.
    pub code: &'static str,
    /// The severity where no policy says otherwise.
    pub default_severity: Severity,
    /// What it finds, in one line.
    pub short_description: &'static str,
    /// Why it matters.
    pub full_description: &'static str,
    /// What to do.
    pub help: &'static str,
    /// Its page, in Markdown: what it means, an example, the fix, how to change its severity.
    pub page: &'static str,
}

/// What the rules look at.
pub struct Facts<'j, 'a> {
    /// The object.
    pub subject: &'a Subject<'a>,
    /// What the layers decided.
    pub settings: &'j Settings<'a>,
    /// The pod that is judged: after the plan, or as it stands.
    pub pod: &'j Pod<'a>,
    /// Its budget.
    pub budget: &'j Budget,
    /// The smallest grace that is asked for: of a refused plan, that of the pod with its hooks.
    pub required: Option<u64>,
    /// It is judged as it stands in a cluster that may have no Draingate.
    pub as_written: bool,
    /// It is what a person edits; else a fix is words only.
    pub is_edited: bool,
    /// The plan, where one was made for this pod.
    pub plan: Option<&'j Plan>,
    /// What is wrong with settings.
    pub problems: &'j [SettingProblem<'a>],
    /// How waits can be written here.
    pub sleep: &'j SleepSupport,
    /// What the plan would still change in a pod that is past mutation.
    pub undone: Option<Undone>,
}

/// A plan that a pod past mutation does not show.
pub struct Undone {
    /// What it would change, in words.
    pub what: String,
    /// Why it could not be carried out here; `None` where somebody undid it or the mutating call is missing.
    pub because: Option<String>,
}

/// Everything to say about a pod.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_all(facts, &mut findings);
    findings
}

/// What one rule's check reads, and where it says what it found.
struct Report<'f, 'j, 'a> {
    facts: &'f Facts<'j, 'a>,
    code: Code,
    findings: &'f mut Vec<Finding>,
}

impl<'f, 'j, 'a> Report<'f, 'j, 'a> {
    /// Adds a finding with the severity that the layers give it, unless that is Off.
    fn say(
        &mut self,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        self.say_at_most(Severity::Error, container, field, message, fixes)
    }

    /// The same where what was found is weighed otherwise than its code, unless a layer says how.
    fn say_by_default(
        &mut self,
        default: Severity,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        let severity = self.facts.settings.severity(self.code, default);
        self.push(severity, container, field, message, fixes)
    }

    /// The same, no heavier than this.
    fn say_at_most(
        &mut self,
        most: Severity,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        let severity = self.facts.settings.severity(self.code, self.code.default_severity());
        self.push(severity.min(most), container, field, message, fixes)
    }

    /// Adds what was remarked under this code when the settings were read.
    fn say_remarks(&mut self) {
        let code = self.code;
        for problem in self.facts.problems.iter().filter(|problem| problem.code == code) {
            let severity = self.facts.settings.severity(code, problem.default).min(problem.at_most);
            let field = problem.annotation.map(|key| format!("/metadata/annotations/{}", keys::escape(key)));
            let fixes = problem.fix.iter().cloned().collect();
            let finding =
                self.push(severity, None, field.as_deref().unwrap_or_default(), problem.message.clone(), fixes);
            if let Some(finding) = finding {
                finding.container = problem.container.map(str::to_owned);
            }
        }
    }

    fn push(
        &mut self,
        severity: Severity,
        container: Option<&Container>,
        field: &str,
        message: String,
        fixes: Vec<String>,
    ) -> Option<&mut Finding> {
        if severity == Severity::Off {
            return None;
        }
        let prefix = self.facts.subject.kind.pod_pointer();
        let within = container.map(Container::pointer).unwrap_or_default();
        // Of a container that is still to come, only what the pod says of it has a place.
        let of_injector = container.filter(|c| c.is_absent()).and_then(|c| c.written_by.as_ref()?.annotation());
        let of_injector = of_injector.map(|key| format!("/metadata/annotations/{}", keys::escape(key)));
        let field = of_injector.as_deref().unwrap_or(field);
        self.findings.push(Finding {
            code: self.code,
            severity,
            container: container.filter(|c| !c.is_absent()).map(|c| c.name().to_owned()),
            pointer: [prefix, &within, field].concat(),
            message,
            detail: Vec::new(),
            fixes,
            edits: Patch::default(),
        });
        self.findings.last_mut()
    }

    /// The pod's grace as a field of it: `/spec/terminationGracePeriodSeconds`.
    fn grace_field(&self) -> String {
        format!("/spec/{}", self.facts.subject.kind.grace_field())
    }

    /// A field of the pod, as a person finds it in the manifest they own.
    fn in_owner(&self, field: &str) -> String {
        self.facts.in_owner(field)
    }

    /// Adds a finding with the fix of it that is best, and others.
    fn say_with(
        &mut self,
        container: Option<&Container>,
        field: &str,
        message: String,
        mend: Mend,
        others: impl IntoIterator<Item = String>,
    ) -> Option<&mut Finding> {
        let fixes = std::iter::once(mend.words).chain(others).collect();
        let finding = self.say(container, field, message, fixes)?;
        finding.edits = mend.edits;
        Some(finding)
    }

    fn pod(&self) -> &'j Pod<'a> {
        self.facts.pod
    }
}

/// The probes that restart a container, with their fields.
fn restarting_probes<'a>(container: &Container<'a>) -> impl Iterator<Item = (&'static str, &'a Probe<'a>)> + use<'a> {
    let raw = container.raw;
    [("livenessProbe", raw.liveness_probe.as_ref()), ("startupProbe", raw.startup_probe.as_ref())]
        .into_iter()
        .filter_map(|(name, probe)| Some((name, probe?)))
}

fn probe_grace_seconds(probe: &Probe) -> Option<u64> {
    probe.termination_grace_period_seconds.map(|seconds| u64::try_from(seconds).unwrap_or(1))
}
