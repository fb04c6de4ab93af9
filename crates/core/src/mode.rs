//! The ladder of modes, one namespace label: `off`, `audit`, `warn`, `inject`, `enforce`.

use std::fmt;

use crate::selector::LabelSelector;

/// What Draingate may do in a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Nothing: the namespace has not opted in.
    #[default]
    Off,
    /// Records what would happen.
    Audit,
    /// Records it and tells the client.
    Warn,
    /// Injects; what is left is told.
    Inject,
    /// Injects, and rejects what cannot work.
    Enforce,
}

impl Mode {
    /// Every mode, in the order of the ladder.
    pub const ALL: [Mode; 5] = [Mode::Off, Mode::Audit, Mode::Warn, Mode::Inject, Mode::Enforce];

    /// What a namespace without the label may be in: a default never changes a pod.
    pub const DEFAULTS: [Mode; 3] = [Mode::Off, Mode::Audit, Mode::Warn];

    /// What a minimum mode may be: all but `off`, which is none.
    pub const MINIMUMS: [Mode; 4] = [Mode::Audit, Mode::Warn, Mode::Inject, Mode::Enforce];

    /// The mode that a label's value names; `default` where it is absent.
    ///
    /// # Errors
    /// An unknown value, which counts as [`Mode::Warn`].
    pub fn from_label(value: Option<&str>, default: Mode) -> Result<Mode, &str> {
        let Some(value) = value else { return Ok(default) };
        Mode::ALL.into_iter().find(|mode| mode.as_str() == value).ok_or(value)
    }

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Off => "off",
            Mode::Audit => "audit",
            Mode::Warn => "warn",
            Mode::Inject => "inject",
            Mode::Enforce => "enforce",
        }
    }

    /// Whether `/mutate` patches in this mode.
    pub fn injects(self) -> bool {
        self >= Mode::Inject
    }
}

/// A mode below which no label takes the namespaces that are selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimumMode {
    /// At least this one.
    pub mode: Mode,
    /// Where; an empty selector is everywhere.
    pub namespaces: LabelSelector,
}

/// A namespace's mode, and what decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeOf<'a> {
    /// What holds there.
    pub mode: Mode,
    /// The label's value where it names no mode, and so counts as `warn`.
    pub unknown: Option<&'a str>,
    /// Whether it is the minimum mode: no label takes it lower.
    pub is_minimum: bool,
}

impl ModeOf<'_> {
    /// Where nothing is known.
    pub const OFF: ModeOf<'static> = ModeOf { mode: Mode::Off, unknown: None, is_minimum: false };
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
