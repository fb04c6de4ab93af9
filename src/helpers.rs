//! `draingate helpers`: the built-in table of helpers and auxiliaries, and that of the injectors whose containers a pod's
//! annotations speak of, as `docs/helpers.md` prints them.
//!
//! A container that is treated as a helper because of its name or image surprises whoever did not know the table: it is
//! printed with the origin of each row, so that a wrong one can be argued about.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use crate::cli::ListFormat;
use draingate_core::helpers::{KNOWN, KnownHelper};
use draingate_core::injectors::{INJECTORS, Injector, Native, Setting};
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
#[serde(rename_all = "camelCase")]
struct Writes {
    injector: &'static str,
    containers: &'static [&'static str],
    pods: String,
    times: Vec<String>,
    native: String,
    sources: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct List {
    version: u32,
    helpers: Vec<Entry>,
    injectors: Vec<Writes>,
}

/// The tables.
///
/// # Errors
/// Where JSON cannot be written.
pub fn list(format: ListFormat) -> Result<String> {
    Ok(match format {
        ListFormat::Text => [text(), injectors_text()].join("\n"),
        ListFormat::Markdown => [markdown(), injectors_markdown()].join("\n"),
        ListFormat::Json => {
            let entry = |known: &KnownHelper| {
                let KnownHelper { names, images, role, stop_seconds, what, source } = *known;
                Entry { names, images, role, stop_seconds, what, source }
            };
            let (helpers, injectors) = (KNOWN.iter().map(entry).collect(), writes().collect());
            serde_json::to_string_pretty(&List { version: 1, helpers, injectors })? + "\n"
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

/// Every injector, in words in which a backtick stands around what is written in manifests.
fn writes() -> impl Iterator<Item = Writes> {
    INJECTORS.iter().map(|injector| {
        let Injector { name, containers, native, sources, .. } = *injector;
        let native = match native {
            Native::Never => "no".to_owned(),
            Native::Always => "where the cluster can".to_owned(),
            Native::Annotations(keys) => format!("by its settings, or {}", quoted(keys)),
        };
        Writes { injector: name, containers, pods: pods(injector), times: times(injector), native, sources }
    })
}

/// Which pods it writes its container into.
fn pods(injector: &Injector) -> String {
    let injects = &injector.injects;
    let says = |what: &str, key: Option<&'static str>| {
        key.map(|key| format!("{what} `{key}: {}`", injects.yes.first().unwrap_or(&"")))
    };
    let label = |(key, value): &(&str, &str)| match *value {
        "" => format!("label `{key}`"),
        value => format!("label `{key}: {value}`"),
    };
    let by_pod = [says("label", injects.label), says("annotation", injects.annotation)].into_iter().flatten();
    let mut ways: Vec<_> = by_pod.chain(injects.labels.iter().map(label)).collect();
    ways.dedup();
    if !injects.on_request && injects.labels.is_empty() {
        ways.push("its settings".to_owned());
    }
    ways.join(", ")
}

/// What the pod can tell it.
fn times(injector: &Injector) -> Vec<String> {
    let time = |symbol: &str, setting: &Setting| {
        let default = setting.default.map(|seconds| format!(", else {seconds} s")).unwrap_or_default();
        match setting.field {
            None => format!("{symbol}: `{}`{default}", setting.annotation),
            Some(field) => format!("{symbol}: `{field}` in `{}`{default}", setting.annotation),
        }
    };
    let Injector { hook, accepts, stop, until_idle, hook_for_all, .. } = injector;
    let told = [("h", hook), ("A", accepts), ("S", stop)].into_iter();
    let told = told.filter_map(|(symbol, setting)| setting.as_ref().map(|setting| time(symbol, setting)));
    let idle = until_idle.as_ref().map(|idle| {
        format!("A: `{}` in its `proxyMetadata`: until nobody is connected, at least `{}`", idle.switch, idle.least)
    });
    let for_all = hook_for_all.map(|setting| format!("h, for all pods: {setting}"));
    told.chain(idle).chain(for_all).collect()
}

fn injectors_text() -> String {
    let mut table = String::from("INJECTOR   CONTAINER              WHICH PODS, TIMES, NATIVE SIDECAR, SOURCES\n");
    for Writes { injector, containers, pods, times, native, sources } in writes() {
        let plain = |text: &str| text.replace('`', "");
        let container = containers.first().copied().unwrap_or_default();
        let _ = writeln!(table, "{injector:<10} {container:<22} {}", plain(&pods));
        let native = format!("native sidecar: {native}");
        for line in times.iter().chain([&native]).map(String::as_str).chain(sources.iter().copied()) {
            let _ = writeln!(table, "{:34}{}", "", plain(line));
        }
    }
    table
}

fn injectors_markdown() -> String {
    let mut table = String::from(
        "| injector | container | which pods get it | times | native sidecar | sources |\n\
        | --- | --- | --- | --- | --- | --- |\n",
    );
    for Writes { injector, containers, pods, times, native, sources } in writes() {
        let (containers, times, sources) = (quoted(containers), times.join("; "), sources.join("; "));
        let _ = writeln!(table, "| {injector} | {containers} | {pods} | {times} | {native} | {sources} |");
    }
    table
}

fn quoted(list: &[&str]) -> String {
    list.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" ")
}
