//! `draingate servers`: the built-in table of servers, as `docs/servers.md` prints it.
//!
//! What a server is believed to do at its end changes what is asked of its pod: it is printed with the setting that
//! says so and where that stands, so that a wrong row can be argued about.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::servers::{Bare, Config, Format, Limit, Mark, Place, Server, Sigterm, Stop, TABLES, Work};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    kind: &'static str,
    server: &'static str,
    seen_by: Vec<String>,
    accepts_on: Option<Time>,
    finish_limit: Option<Time>,
    work: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Part>>,
    sigterm: String,
    source: &'static str,
    assumed: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Time {
    settings: Vec<String>,
    bare_number: &'static str,
    default_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Part {
    target: &'static str,
    work: &'static str,
}

#[derive(Debug, Serialize)]
struct List {
    version: u32,
    servers: Vec<Entry>,
}

/// The table.
///
/// # Errors
/// Where JSON cannot be written.
pub fn list(format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text => text(),
        ListFormat::Markdown => TABLES.iter().map(table).chain([files(), targets()]).collect::<Vec<_>>().join("\n"),
        ListFormat::Json => {
            let of = |(kind, rows): &(&'static str, &'static [Server])| {
                let kind = *kind;
                rows.iter().map(move |row| entry(kind, row))
            };
            let servers = TABLES.iter().flat_map(of).collect();
            serde_json::to_string_pretty(&List { version: 1, servers })? + "\n"
        }
    })
}

fn entry(kind: &'static str, row: &Server) -> Entry {
    let time = |limit: Limit| Time {
        settings: limit.places.iter().map(|place| setting(place, "")).collect(),
        bare_number: match limit.bare {
            Bare::Seconds => "s",
            Bare::Millis => "ms",
            Bare::Refused => "refused",
        },
        default_seconds: limit.default,
    };
    let part = |(target, work): &(&'static str, Work)| Part { target, work: how(*work) };
    Entry {
        kind,
        server: row.name,
        seen_by: row.marks.iter().map(|mark| mark_in_words(mark, "")).collect(),
        accepts_on: row.accept.map(time),
        finish_limit: row.finish.map(time),
        work: how(row.work),
        targets: row.targets.map(|targets| targets.parts.iter().map(part).collect()),
        sigterm: sigterm(row, ""),
        source: row.source,
        assumed: row.assumed,
    }
}

fn how(work: Work) -> &'static str {
    match work {
        Work::Sent => "sent",
        Work::Fetched => "fetched",
        Work::Peer => "peer",
        Work::OneWriter => "one writer",
    }
}

fn does(sigterm: Sigterm) -> &'static str {
    match sigterm {
        Sigterm::Drains => "drains",
        Sigterm::Cuts => "cuts",
    }
}

/// What SIGTERM does, the names of settings between two `quote`.
fn sigterm(row: &Server, quote: &str) -> String {
    match row.stop {
        Stop::Drains => does(Sigterm::Drains).to_owned(),
        Stop::Cuts => does(Sigterm::Cuts).to_owned(),
        Stop::DrainsIfSet => "cuts, drains by its limit".to_owned(),
        Stop::By(switch) => {
            let places: Vec<_> = switch.places.iter().map(|place| setting(place, quote)).collect();
            let by = match (switch.unset, switch.cuts.first()) {
                (Sigterm::Drains, Some(value)) => format!("drains, cuts by {quote}{value}{quote} of "),
                (Sigterm::Drains, None) => "drains, cuts by ".to_owned(),
                (Sigterm::Cuts, _) => "cuts, drains by ".to_owned(),
            };
            by + &places.join(" or ")
        }
    }
}

/// What a setting is called, its name between two `quote`.
fn setting(place: &Place, quote: &str) -> String {
    match place {
        Place::FlagIn(variable, flag) => format!("{quote}{flag}{quote} in {quote}{variable}{quote}"),
        Place::Property(name) => format!("{quote}-D{name}{quote}"),
        Place::EntryPoint(_, name) => {
            format!("{quote}--entryPoints.NAME.transport.lifeCycle.{name}{quote}, also in its file")
        }
        Place::Key(_, name) => format!("{quote}{name}{quote} in its file"),
        Place::MapKey(flag, name) => format!("{quote}{name}{quote} of {quote}{flag}{quote}"),
        Place::Flag(name) | Place::GoFlag(name) | Place::Variable(name) | Place::Assignment(name) => {
            format!("{quote}{name}{quote}")
        }
    }
}

/// What shows a server; names stand between two `quote`.
fn mark_in_words(mark: &Mark, quote: &str) -> String {
    match mark {
        Mark::Image(name) => format!("image {quote}{name}{quote}"),
        Mark::ImageWord(name, word) => format!("image {quote}{name}{quote} with {quote}{word}{quote}"),
        Mark::Program(name) => format!("program {quote}{name}{quote}"),
        Mark::ProgramWord(name, word) => format!("program {quote}{name} {word}{quote}"),
        Mark::Variable(name) => format!("variable {quote}{name}{quote}"),
        Mark::Property(name) => format!("property {quote}-D{name}{quote}"),
        Mark::Key(_, name) => format!("key {quote}{name}{quote} in its file"),
    }
}

/// A time in a cell: its settings, what a bare number is, its default.
fn limit(limit: Option<Limit>, none: &str) -> String {
    let Some(limit) = limit else { return String::new() };
    let settings: Vec<_> = limit.places.iter().map(|place| setting(place, "`")).collect();
    let millis = if limit.bare == Bare::Millis { ", in ms" } else { "" };
    let default = limit.default.map_or_else(|| none.to_owned(), |seconds| format!("{seconds} s"));
    match settings.is_empty() {
        true => format!("always {default}"),
        false => format!("{}{millis}; {default}", settings.join(", ")),
    }
}

/// What the finish limit of a row is where nothing is set.
fn no_limit(row: &Server) -> &'static str {
    if matches!(row.stop, Stop::DrainsIfSet) { "0 s" } else { "no limit" }
}

/// The marks of a row, those of a kind together.
fn seen_by(row: &Server) -> String {
    let mut cell = String::new();
    let mut before = "";
    for mark in row.marks {
        let words = mark_in_words(mark, "`");
        let (kind, name) = words.split_once(' ').unwrap_or_default();
        let kind =
            ["image", "program", "variable", "property", "key"].into_iter().find(|known| *known == kind).unwrap_or("");
        let _ = match (before == kind, cell.is_empty()) {
            (true, _) => write!(cell, ", {name}"),
            (false, true) => write!(cell, "{kind} {name}"),
            (false, false) => write!(cell, "; {kind} {name}"),
        };
        before = kind;
    }
    cell
}

fn table((kind, rows): &(&'static str, &'static [Server])) -> String {
    let mut table = format!(
        "| {kind} | seen by | still accepts | finishes within | work | SIGTERM | source |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for row in *rows {
        let work = match row.targets {
            Some(targets) => format!("by `{}`, else {}", targets.flag, how(row.work)),
            None => how(row.work).to_owned(),
        };
        let (accept, finish) = (limit(row.accept, "0 s"), limit(row.finish, no_limit(row)));
        let _ = writeln!(
            table,
            "| {} | {} | {accept} | {finish} | {work} | {} | {} |",
            row.name,
            seen_by(row),
            sigterm(row, "`"),
            row.source
        );
    }
    table
}

/// The files that are read where a ConfigMap has them, and what is read there.
fn files() -> String {
    let mut table = String::from("| file of | called | what is read there |\n| --- | --- | --- |\n");
    for row in TABLES.iter().flat_map(|(_, rows)| rows.iter()) {
        let switch = match row.stop {
            Stop::By(switch) => switch.places,
            Stop::Drains | Stop::Cuts | Stop::DrainsIfSet => &[],
        };
        let places = [row.accept, row.finish].into_iter().flatten().flat_map(|limit| limit.places).chain(switch);
        let (mut called, mut keys) = (String::new(), Vec::new());
        for place in places {
            match place {
                Place::Key(config, key) => {
                    called = names(config);
                    keys.push(format!("`{key}`"));
                }
                Place::EntryPoint(config, key) => {
                    called = names(config);
                    keys.push(format!("`entryPoints.NAME.transport.lifeCycle.{key}`"));
                }
                Place::MapKey(flag, key) => {
                    called = format!("the ConfigMap that `{flag}` names");
                    keys.push(format!("`{key}`"));
                }
                _ => {}
            }
        }
        if !keys.is_empty() {
            let _ = writeln!(table, "| {} | {called} | {} |", row.name, keys.join(", "));
        }
    }
    table
}

fn names(config: &Config) -> String {
    let profile =
        (config.format == Format::Spring).then_some("`application-PROFILE.*` of an active profile".to_owned());
    config.names.iter().map(|name| format!("`{name}`")).chain(profile).collect::<Vec<_>>().join(", ")
}

/// The parts of the programs that a flag chooses.
fn targets() -> String {
    let mut table = String::from("| target of | sent | fetched | peer |\n| --- | --- | --- | --- |\n");
    for row in TABLES.iter().flat_map(|(_, rows)| rows.iter()) {
        let Some(targets) = row.targets else { continue };
        let of = |work: Work| {
            let parts = targets.parts.iter().filter(|(_, of)| *of == work);
            parts.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(table, "| {} | {} | {} | {} |", row.name, of(Work::Sent), of(Work::Fetched), of(Work::Peer));
    }
    table
}

fn text() -> String {
    let mut text = String::new();
    for (kind, rows) in TABLES {
        let start = if text.is_empty() { "" } else { "\n" };
        let kind = kind.to_uppercase();
        let _ = writeln!(text, "{start}{kind:<46} ACCEPTS  FINISHES  WORK        SIGTERM");
        for row in rows {
            let seconds = |limit: Option<Limit>, none: &str| match limit.map(|limit| limit.default) {
                None => "-".to_owned(),
                Some(None) => none.to_owned(),
                Some(Some(seconds)) => format!("{seconds} s"),
            };
            let (accept, finish) = (seconds(row.accept, "0 s"), seconds(row.finish, no_limit(row)));
            let (name, work) = (row.name, how(row.work));
            let _ = writeln!(text, "{name:<46} {accept:<7}  {finish:<8}  {work:<10}  {}", sigterm(row, ""));
        }
    }
    text
}
