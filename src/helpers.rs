//! `draingate helpers`: the built-in table of helpers, as `docs/helpers.md` prints it.
//!
//! A container that is treated as a helper because of its name surprises whoever did not know the table: it
//! is printed with the origin of each stop time, so that a wrong one can be argued about.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::helpers::{KNOWN, KnownHelper};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: &'static str,
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
                let KnownHelper { name, stop_seconds, what, source } = *known;
                Entry { name, stop_seconds, what, source }
            };
            serde_json::to_string_pretty(&List { version: 1, helpers: KNOWN.iter().map(entry).collect() })? + "\n"
        }
    })
}

fn text() -> String {
    let mut table = String::from("NAME                STOP  WHAT                 SOURCE\n");
    for known in KNOWN {
        let stop = format!("{} s", known.stop_seconds);
        let _ = writeln!(table, "{:<19} {stop:>4}  {:<20} {}", known.name, known.what, known.source);
    }
    table
}

fn markdown() -> String {
    let mut table = String::from("| container name | stop | what | source |\n| --- | --- | --- | --- |\n");
    for known in KNOWN {
        let _ = writeln!(table, "| `{}` | {} s | {} | {} |", known.name, known.stop_seconds, known.what, known.source);
    }
    table
}
