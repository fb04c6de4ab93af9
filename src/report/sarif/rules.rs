//! What SARIF's readers show about each code, besides a result's own message.

use super::model::{Configuration, Rule, Text};
use draingate_core::finding::{Code, Severity};

/// The project's pages.
pub(super) const HOME: &str = "https://draingate.dev";

/// A code as a rule.
pub(super) fn rule(code: Code) -> Rule {
    let known = code.rule();
    let text = |text: &str| Text { text: text.to_owned() };
    let (enabled, level) = match known.default_severity {
        Severity::Off => (false, Severity::Warning),
        severity => (true, severity),
    };
    let help_uri = format!("{HOME}/codes/{code}");
    Rule {
        id: known.code,
        name: name(code),
        short_description: text(known.short_description),
        full_description: text(known.full_description),
        help: Text { text: format!("{} More: {help_uri}", known.help) },
        help_uri,
        default_configuration: Configuration { enabled, level: level.as_str() },
    }
}

/// `grace-budget` as `GraceBudget`: the standard wants names in this form.
fn name(code: Code) -> String {
    format!("{code:?}")
}
