//! What is wrong with a setting, before it is known how much that weighs.

use std::fmt;

use super::Source;
use crate::finding::{Code, Severity};
use crate::text::{name, quote};

/// A setting that was not taken, or taken with a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem<'a> {
    /// [`Code::InvalidSetting`] or [`Code::LockedSetting`].
    pub code: Code,
    /// The most that this problem may weigh; a bad label or policy never rejects a pod.
    pub at_most: Severity,
    /// What it weighs where no policy says otherwise.
    pub default: Severity,
    /// The annotation's key; `None` for a label or a policy.
    pub annotation: Option<&'a str>,
    /// The container that the annotation names.
    pub container: Option<&'a str>,
    /// One line.
    pub message: String,
    /// What to do.
    pub fix: Option<String>,
}

impl<'a> SettingProblem<'a> {
    /// An annotation that cannot be read.
    pub fn bad_annotation(key: &'a str, value: &str, expected: &str) -> SettingProblem<'a> {
        SettingProblem {
            code: Code::InvalidSetting,
            at_most: Severity::Error,
            default: Severity::Error,
            annotation: Some(key),
            container: None,
            message: format!("annotation {}: {} is not {expected}; it counts as absent", name(key), quote(value)),
            fix: None,
        }
    }

    /// The same, as a warning: readable, but without effect here.
    pub fn idle_annotation(key: &'a str, container: Option<&'a str>, why: &str) -> SettingProblem<'a> {
        SettingProblem {
            code: Code::InvalidSetting,
            at_most: Severity::Error,
            default: Severity::Warning,
            annotation: Some(key),
            container,
            message: format!("annotation {}: {why}", name(key)),
            fix: None,
        }
    }

    /// The same, of a container.
    pub fn of(self, container: &'a str) -> SettingProblem<'a> {
        SettingProblem { container: Some(container), ..self }
    }

    /// A length that the hook itself contradicts.
    pub fn bad_declaration(key: &'a str, container: &'a str, why: &str) -> SettingProblem<'a> {
        SettingProblem {
            container: Some(container),
            message: format!("annotation {}: {why}", name(key)),
            ..SettingProblem::bad_annotation(key, "", "")
        }
    }

    /// A pod with more in it than is judged. Nothing is injected into it.
    pub fn excess(what: &str) -> SettingProblem<'a> {
        SettingProblem {
            code: Code::InvalidSetting,
            at_most: Severity::Error,
            default: Severity::Error,
            annotation: None,
            container: None,
            message: format!("the pod has more than {what}: what is beyond is not judged, and nothing is injected"),
            fix: None,
        }
    }

    pub(super) fn bad_elsewhere(message: String, fix: Option<String>) -> SettingProblem<'a> {
        SettingProblem {
            code: Code::InvalidSetting,
            at_most: Severity::Warning,
            default: Severity::Warning,
            annotation: None,
            container: None,
            message,
            fix,
        }
    }

    pub(super) fn locked(
        setting: impl fmt::Display,
        weaker: impl fmt::Display,
        source: Source<'a>,
        kept: impl fmt::Display,
        by: &str,
    ) -> SettingProblem<'a> {
        let by_author = matches!(source, Source::Annotation(_));
        SettingProblem {
            code: Code::LockedSetting,
            at_most: if by_author { Severity::Error } else { Severity::Warning },
            default: Severity::Warning,
            annotation: if let Source::Annotation(key) = source { Some(key) } else { None },
            container: None,
            message: format!("{setting} {weaker} ({source}) is ignored: {by} keeps it at {kept}"),
            fix: None,
        }
    }
}
