//! What is said about a pod: stable codes, severities, and the finding itself.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A finding's stable code. The order here is the order in which findings are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// G is less than what the pod's stop needs.
    GraceBudget,
    /// A helper's hook ends before the apps are done.
    EarlyHelper,
    /// A label, annotation or policy that cannot be read.
    InvalidSetting,
    /// An app's hook ends before the hold does.
    ShortHold,
    /// A hook whose length cannot be known.
    UndeclaredHook,
    /// An exec sleep where the native one would do.
    ShellHook,
    /// A value weaker than a locked one.
    LockedSetting,
    /// The nodes grant less than hold and request take.
    NodeLimit,
    /// A long injected hook delays restarts by a probe.
    SlowRestart,
    /// A pod behind a Service without a readiness probe.
    NoReadiness,
    /// A readiness probe slower than the endpoint propagation.
    SlowReadiness,
    /// Somebody undid the plan.
    ChangedAfter,
    /// A helper that would be better as a native sidecar.
    PlainHelper,
    /// A probe's own grace that cuts the drain.
    ProbeGrace,
    /// A rollout that may go below its replicas.
    CapacityDip,
}

impl Code {
    /// Every code, in order.
    pub const ALL: [Code; 15] = [
        Code::GraceBudget,
        Code::EarlyHelper,
        Code::InvalidSetting,
        Code::ShortHold,
        Code::UndeclaredHook,
        Code::ShellHook,
        Code::LockedSetting,
        Code::NodeLimit,
        Code::SlowRestart,
        Code::NoReadiness,
        Code::SlowReadiness,
        Code::ChangedAfter,
        Code::PlainHelper,
        Code::ProbeGrace,
        Code::CapacityDip,
    ];

    /// The code as users see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::GraceBudget => "grace-budget",
            Code::EarlyHelper => "early-helper",
            Code::InvalidSetting => "invalid-setting",
            Code::ShortHold => "short-hold",
            Code::UndeclaredHook => "undeclared-hook",
            Code::ShellHook => "shell-hook",
            Code::LockedSetting => "locked-setting",
            Code::NodeLimit => "node-limit",
            Code::SlowRestart => "slow-restart",
            Code::NoReadiness => "no-readiness",
            Code::SlowReadiness => "slow-readiness",
            Code::ChangedAfter => "changed-after",
            Code::PlainHelper => "plain-helper",
            Code::ProbeGrace => "probe-grace",
            Code::CapacityDip => "capacity-dip",
        }
    }

    /// The severity where no policy says otherwise.
    pub fn default_severity(self) -> Severity {
        match self {
            Code::GraceBudget | Code::EarlyHelper | Code::InvalidSetting => Severity::Error,
            Code::PlainHelper | Code::ProbeGrace | Code::CapacityDip => Severity::Off,
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a finding weighs. In YAML 1.1 a bare `Off` is a boolean: write `"Off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Severity {
    /// Not reported.
    Off,
    /// Told, never in the way.
    Warning,
    /// Rejects the pod in `enforce`.
    Error,
}

impl Severity {
    /// As machines read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Off => "off",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing to say about a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its stable code.
    pub code: Code,
    /// Never [`Severity::Off`].
    pub severity: Severity,
    /// The container concerned, by name.
    pub container: Option<String>,
    /// JSON pointer into the object as given; empty for the object as a whole.
    pub pointer: String,
    /// One line, with the numbers.
    pub message: String,
    /// Further lines, such as the arithmetic.
    pub detail: Vec<String>,
    /// What to do; the first is the best, each can be pasted.
    pub fixes: Vec<String>,
    /// The first fix as a change of the object as given, where it is one.
    pub edit: Option<Edit>,
}

/// A value to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// JSON pointer into the object as given.
    pub pointer: String,
    /// What to set there.
    pub value: Value,
}
