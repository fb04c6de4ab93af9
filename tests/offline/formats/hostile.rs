//! Whatever an author writes, every format stays what it is.

use draingate::judged::{Cause, Judged, JudgedFile, Origin, Suppression};
use draingate::report::Format;
use draingate::report::github::Github;
use draingate::report::json::Json;
use draingate::report::junit::Junit;
use draingate::report::sarif::Sarif;
use draingate::walk::Walk;
use draingate_core::judge::View;
use draingate_core::world::World;
use draingate_testing::Validator;
use draingate_testing::schema::{self, against};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::support::{BROKEN, parsed};

/// Pieces that end strings, lines, elements, commands or fences somewhere.
const SHARP: [&str; 25] = [
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10ffff}",
    "😀",
    "\"",
    "'",
    "\\",
    "<",
    "]]>",
    "&amp;",
    "%0A",
    "::error::",
    ",line=1",
    "```",
    "[a](http://b)",
    "{{",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(&SHARP[..]).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "[a-z]{1,8}",
    ];
    let pieces = prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop_oneof![12 => pieces, 1 => ".{1,4}".prop_map(|text| text.repeat(5_000))]
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 64;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(4);
    }
    config
}

/// An error and warnings, with words of somebody's in every place that takes any.
fn manifest(name: &str, note: &str) -> String {
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "90"]}}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": name, "annotations": {"draingate.dev/hook": note, "draingate.dev/helpers": note}},
        "spec": {"containers": [{"name": name, "ports": [{"containerPort": 1}], "lifecycle": hook}]},
    })
    .to_string()
}

/// The same text at every place of a result that is text, as if a finding had repeated it as it is.
fn overwrite(file: &mut JudgedFile, text: &str) {
    for object in &mut file.objects {
        if let Origin::File(source) = &mut object.origin {
            source.file = text.into();
        }
        object.name = text.to_owned();
        object.namespace = text.to_owned();
        for result in &mut object.findings {
            result.finding.message = text.to_owned();
            result.finding.container = Some(text.to_owned());
            result.finding.detail = vec![text.to_owned()];
            result.finding.fixes = vec![text.to_owned(), text.to_owned()];
        }
        if let Some(last) = object.findings.last_mut() {
            last.suppressed = Some(Suppression::Ignored { reason: text.to_owned() });
        }
    }
    for problem in &mut file.problems {
        problem.cause = Cause::Document(text.to_owned());
    }
}

fn written(mut format: impl Format, file: &JudgedFile) -> String {
    let mut out = format.head();
    let text = format.text(Judged::File(file));
    out.push_str(&format.add(Judged::File(file), text));
    out.push_str(&format.tail(&file.summary, file.problems.len()));
    out
}

struct Schemas {
    json: Validator,
    sarif: Validator,
}

fn hold(schemas: &Schemas, file: &JudgedFile, verbatim: Option<&str>) -> Result<(), TestCaseError> {
    let json = written(Json::new(View::AsWritten), file);
    prop_assert_eq!(json.lines().filter(|line| line.starts_with("{\"source\"")).count(), file.objects.len());
    let json: Value = parsed(&json);
    prop_assert_eq!(against(&schemas.json, &json), Vec::<String>::new());
    let sarif = parsed(&written(Sarif::new(View::AsWritten), file));
    prop_assert_eq!(against(&schemas.sarif, &sarif), Vec::<String>::new());
    let junit = written(Junit::default(), file);
    let xml = roxmltree::Document::parse(&junit).map_err(|e| TestCaseError::fail(format!("{e}: {junit:?}")))?;
    let cases = xml.descendants().filter(|node| node.has_tag_name("testcase")).count();
    prop_assert_eq!(cases, file.objects.len() + file.problems.len());
    let github = super::github::commands(&written(Github::new(View::AsWritten), file));
    let findings: usize = file.objects.iter().map(|object| object.counted().count()).sum();
    prop_assert_eq!(github.len(), findings + file.problems.len());
    for command in &github {
        prop_assert!(
            command
                .properties
                .keys()
                .all(|key| ["file", "line", "endLine", "col", "endColumn", "title"].contains(&key.as_str()))
        );
        prop_assert!(command.properties["title"].chars().count() <= 255);
    }
    let Some(text) = verbatim else { return Ok(()) };
    for finding in json["results"][0]["findings"].as_array().into_iter().flatten() {
        prop_assert_eq!(&finding["message"], text);
    }
    let shown: String =
        text.chars().map(|c| if c.is_control() && !"\r\n\t".contains(c) { '\u{fffd}' } else { c }).collect();
    prop_assert!(github.iter().all(|command| command.message.starts_with(&shown)), "{:?}", text);
    Ok(())
}

#[test]
fn every_format_stays_valid_whatever_is_written() {
    let schemas = Schemas {
        json: schema::ours(&parsed(include_str!("../../../docs/check.schema.json"))),
        sarif: super::sarif::validator(),
    };
    let world = World::default();
    let plain = format!("{}\n---\n{BROKEN}", manifest("a", "x"));
    let walk = Walk { world: &world, namespace: "default" };
    proptest!(config(), |(name in text(), note in text(), path in text())| {
        let manifest = format!("{}\n---\n{BROKEN}", manifest(&name, &note));
        hold(&schemas, &walk.file(&path, &manifest, View::AsWritten), None)?;
        // And where the reader would have kept it out.
        let mut file = walk.file(&path, &plain, View::AsWritten);
        prop_assert!(file.summary.errors > 0 && file.summary.warnings > 0 && !file.problems.is_empty());
        overwrite(&mut file, &note);
        hold(&schemas, &file, Some(&note))?;
    });
}
