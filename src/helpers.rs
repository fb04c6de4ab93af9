//! `draingate helpers`: the built-in table of helpers and auxiliaries, as `docs/helpers.md` prints it.
//!
//! A container that is treated as a helper because of its name or image surprises whoever did not know the table: it is
//! printed with the origin of each row, so that a wrong one can be argued about.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::helpers::{KNOWN, KnownHelper};
use draingate_core::policy::HelperRole;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    names: &'static [&'static str],
    images: &'static [&'static str],
    role: HelperRole,
    stop_seconds: u64,
    what: &'static str,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct List {
    version: u32,
    helpers: Vec<Entry>,
}

/// The table.
///
/// # Errors
/// Where JSON cannot be written.
pub fn list(format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text => text(),
        ListFormat::Markdown => markdown(),
        ListFormat::Json => {
            let entry = |known: &KnownHelper| {
                let KnownHelper { names, images, role, stop_seconds, what, source } = *known;
                Entry { names, images, role, stop_seconds, what, source }
            };
            serde_json::to_string_pretty(&List { version: 1, helpers: KNOWN.iter().map(entry).collect() })? + "\n"
        }
    })
}

fn role(known: &KnownHelper) -> &'static str {
    match known.role {
        HelperRole::Helper => "helper",
        HelperRole::Auxiliary => "auxiliary",
        HelperRole::App => "app",
    }
}

fn text() -> String {
    let mut table = String::from("ROLE       STOP  WHAT                          NAMES, IMAGES, SOURCE\n");
    for known in &KNOWN {
        let KnownHelper { names, images, stop_seconds, what, source, .. } = known;
        let _ = writeln!(table, "{:<9} {stop_seconds:>3} s  {what:<29} {}", role(known), names.join(" "));
        if !images.is_empty() {
            let _ = writeln!(table, "{:46}images: {}", "", images.join(" "));
        }
        let _ = writeln!(table, "{:46}{source}", "");
    }
    table
}

fn markdown() -> String {
    let quoted = |list: &[&str]| list.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" ");
    let mut table = String::from(
        "| container names | images | role | stop | what | source |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for known in &KNOWN {
        let KnownHelper { names, images, stop_seconds, what, source, .. } = known;
        let role = role(known);
        let _ = writeln!(
            table,
            "| {} | {} | {role} | {stop_seconds} s | {what} | {source} |",
            quoted(names),
            quoted(images)
        );
    }
    table
}
