//! `draingate hooks`: which forms of preStop hooks are read and what is read of each, and which commands stop a container,
//! as `docs/hooks.md` prints them.
//!
//! What is read of an example is read when it is printed, so no table can say more than the reader does.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::MAX_SECONDS;
use draingate_core::hooks::{
    COMMANDS, FORMS, Form, KNOWN, KnownHook, REQUESTS, Reading, StopCommand, Variable, read_command,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    what: &'static str,
    command: &'static [&'static str],
    reading: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stop {
    command: String,
    wait_flag: Option<&'static str>,
    limit_flag: Option<&'static str>,
    server: &'static str,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct Known {
    hook: String,
    seconds: String,
    effect: &'static str,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct List {
    version: u32,
    forms: Vec<Entry>,
    stops: Vec<Stop>,
    known: Vec<Known>,
}

/// The tables.
///
/// # Errors
/// Where JSON cannot be written.
pub fn list(format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text => text(),
        ListFormat::Markdown => [forms_markdown(), stops_markdown(), known_markdown()].join("\n"),
        ListFormat::Json => {
            let entry =
                |form: &Form| Entry { what: form.what, command: form.command, reading: said(&read(form.command)) };
            let forms = FORMS.iter().map(entry).collect();
            serde_json::to_string_pretty(&List { version: 1, forms, stops: stops(), known: known_hooks() })? + "\n"
        }
    })
}

fn read(command: &[&str]) -> Reading {
    read_command(command, &|name| if name == "DELAY" { Variable::Literal("40") } else { Variable::Unset })
}

/// A reading in a few words.
fn said(reading: &Reading) -> String {
    if let Some(why) = reading.fails {
        return format!("fails: {why}");
    }
    match (&reading.stop, reading.may_be) {
        (Some(stop), _) => {
            let sure = if stop.certain { "" } else { " perhaps" };
            let finish = reading.finish.map(|seconds| format!(", {seconds} s to finish")).unwrap_or_default();
            let length = if stop.certain { String::new() } else { format!(", else {}", reading.length) };
            format!("stops it{sure} at {}{finish}{length}", stop.after)
        }
        (None, Some(seconds)) => format!("{}, may be {seconds} s", reading.length),
        (None, None) => reading.length.to_string(),
    }
}

fn stops() -> Vec<Stop> {
    let command = |row: &StopCommand| Stop {
        command: std::iter::once(&row.program).chain(row.words).copied().collect::<Vec<_>>().join(" "),
        wait_flag: row.wait,
        limit_flag: row.limit,
        server: row.server,
        source: row.source,
    };
    let requests = REQUESTS.iter().map(|request| Stop {
        command: format!("a request to ..{}", request.path),
        wait_flag: None,
        limit_flag: None,
        server: request.server,
        source: request.source,
    });
    COMMANDS.iter().map(command).chain(requests).collect()
}

fn known_hooks() -> Vec<Known> {
    let known = |row: &KnownHook| Known {
        hook: match row.program {
            "" => format!("httpGet {}", row.words.concat()),
            program => std::iter::once(&program).chain(row.words).copied().collect::<Vec<_>>().join(" "),
        },
        seconds: match row.seconds {
            (least, most) if least == most => format!("{least} s"),
            (0, most) if most >= MAX_SECONDS => "as long as it takes".to_owned(),
            (least, most) => format!("{least} to {most} s"),
        },
        effect: row.effect,
        source: row.source,
    };
    KNOWN.iter().map(known).collect()
}

fn known_markdown() -> String {
    let mut table = String::from("| hook | length | what it does | source |\n| --- | --- | --- | --- |\n");
    for Known { hook, seconds, effect, source } in known_hooks() {
        let _ = writeln!(table, "| `{hook}` | {seconds} | {effect} | {source} |");
    }
    table
}

fn spelled(command: &[&str]) -> String {
    serde_json::to_string(command).unwrap_or_default().replace("\",\"", "\", \"")
}

fn text() -> String {
    let mut table = String::from("READS                                  COMMAND\n");
    for form in FORMS {
        let _ = writeln!(table, "{:<38} {}", said(&read(form.command)), spelled(form.command));
    }
    table.push_str("\nSTOPS A CONTAINER                      SERVER, SOURCE\n");
    for stop in stops() {
        let _ = writeln!(table, "{:<38} {}; {}", stop.command, stop.server, stop.source);
    }
    table.push_str("\nKNOWN HOOKS                            LENGTH, EFFECT\n");
    for known in known_hooks() {
        let _ = writeln!(table, "{:<38} {}; {}", known.hook, known.seconds, known.effect);
    }
    table
}

fn forms_markdown() -> String {
    let mut table = String::from("| form | for example | what is read |\n| --- | --- | --- |\n");
    for form in FORMS {
        let command = spelled(form.command).replace('|', "\\|");
        let what = form.what.replace('|', "\\|");
        let _ = writeln!(table, "| {what} | `{command}` | {} |", said(&read(form.command)));
    }
    table
}

fn stops_markdown() -> String {
    let mut table =
        String::from("| command | waits before | limit | server | source |\n| --- | --- | --- | --- | --- |\n");
    for Stop { command, wait_flag, limit_flag, server, source } in stops() {
        let flag = |flag: Option<&str>| flag.map(|flag| format!("`{flag}`")).unwrap_or_default();
        let _ = writeln!(table, "| `{command}` | {} | {} | {server} | {source} |", flag(wait_flag), flag(limit_flag));
    }
    table
}
