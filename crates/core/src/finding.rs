//! What is said about a pod: stable codes, out of the table of the rules, severities, and the finding itself.

use json_patch::Patch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::rules::Code;

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
    /// The first fix as changes of the object as given, which are made together; empty where it is none.
    pub edits: Patch,
}
