//! `draingate codes`: every finding, and the page about it.
//!
//! Somebody who was just denied has a code and no browser at hand: the pages of `docs/codes` are part of the
//! binary, so that the explanation is of the very version that denied.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::finding::{Code, Severity};

/// What is said about a code in a list.
#[derive(Debug, Serialize)]
struct Entry {
    code: &'static str,
    #[serde(rename = "defaultSeverity")]
    default_severity: &'static str,
    summary: &'static str,
    docs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct List {
    version: u32,
    codes: Vec<Entry>,
}

/// A code's page: what it means, an example, the fix, how to change its severity. In Markdown.
pub fn page(code: Code) -> &'static str {
    code.rule().page
}

/// A code in one line: the first one under its page's title.
pub fn summary(code: Code) -> &'static str {
    page(code).lines().nth(2).unwrap_or_default()
}

/// Where a code's page is, from the top of the repository.
pub fn path(code: Code) -> String {
    format!("docs/codes/{code}.md")
}

/// Every code with its default severity and its summary.
///
/// # Errors
/// Where JSON cannot be written.
pub fn list(format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text => text(),
        ListFormat::Markdown => markdown(),
        ListFormat::Json => {
            let codes = Code::ALL.into_iter().map(|code| entry(code, None)).collect();
            serde_json::to_string_pretty(&List { version: 1, codes })? + "\n"
        }
    })
}

/// The page of one code.
///
/// # Errors
/// Where JSON cannot be written.
pub fn one(code: Code, format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text | ListFormat::Markdown => page(code).to_owned(),
        ListFormat::Json => serde_json::to_string_pretty(&entry(code, Some(page(code))))? + "\n",
    })
}

fn entry(code: Code, page: Option<&'static str>) -> Entry {
    let default_severity = code.default_severity().as_str();
    Entry { code: code.as_str(), default_severity, summary: summary(code), docs: path(code), page }
}

fn text() -> String {
    let mut table = format!("{:<16}  {:<7}  {}\n", "CODE", "DEFAULT", "WHAT");
    for code in Code::ALL {
        let severity = code.default_severity().as_str();
        let _ = writeln!(table, "{:<16}  {severity:<7}  {}", code.as_str(), summary(code));
    }
    table
}

fn markdown() -> String {
    let mut table = String::from("| code | default | what |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        let _ = writeln!(table, "| [{code}]({code}.md) | {} | {} |", in_policy(code.default_severity()), summary(code));
    }
    table
}

/// As a policy's `rules` spell it.
fn in_policy(severity: Severity) -> &'static str {
    match severity {
        Severity::Off => "Off",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
    }
}
