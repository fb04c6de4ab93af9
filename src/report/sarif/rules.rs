//! What SARIF's readers show about each code, besides a result's own message.

use super::model::{Configuration, Rule, Text};
use draingate_core::finding::{Code, Severity};

/// Where the project is.
pub(super) const HOME: &str = env!("CARGO_PKG_HOMEPAGE");
/// The pages of this version.
const PAGES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/docs/codes");

/// A code as a rule.
pub(super) fn rule(code: Code) -> Rule {
    let known = code.rule();
    let text = |text: &str| Text { text: text.to_owned() };
    let (enabled, level) = match known.default_severity {
        Severity::Off => (false, Severity::Warning),
        severity => (true, severity),
    };
    let help_uri = format!("{PAGES}/{code}.md");
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
