//! Every finding has its page, and every page is true: its example is judged, what it quotes is what the core says,
//! and its fix helps.
//!
//! `INSTA_UPDATE=always` writes the quoted text and the tables anew from the core; read what it changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use draingate::cli::ListFormat;
use draingate::{codes, helpers, hooks};
use draingate_core::finding::{Code, Finding, Severity};
use draingate_core::judge::{View, judge};
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;
use draingate_core::{manifest, nodes, objects};
use draingate_testing::written;
use serde_json::Value;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// The page as it is on disk: the binary's may be older while pages are being written.
fn page(code: Code) -> String {
    let path = docs().join(format!("codes/{code}.md"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The one fence of `language` in a section.
fn fence<'p>(code: Code, section: &'p str, language: &str) -> &'p str {
    let opening = format!("```{language}\n");
    let mut fences = section.split(opening.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap());
    let first = fences.next().unwrap_or_else(|| panic!("{code}: no {language} fence in\n{section}"));
    assert_eq!(fences.next(), None, "{code}: a second {language} fence in one section");
    first
}

/// The text under a heading, up to the next one.
fn section<'p>(code: Code, page: &'p str, heading: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("{code}: no {heading:?}"));
    rest.split("\n## ").next().unwrap()
}

/// Which pod a page's manifests are. Only a cluster can bring `changed-after` about: a pod as the validating call
/// sees it is judged there, as after all mutation.
fn view(code: Code) -> View {
    match code {
        Code::ChangedAfter => View::Final,
        _ => View::AsAdmitted,
    }
}

/// Judges the one subject of a manifest in the world that its other documents make, and adds those to the world.
fn findings(code: Code, yaml: &str, world: &mut World) -> Vec<Finding> {
    let mut subjects = Vec::new();
    for document in manifest::documents(yaml) {
        let object: Value = manifest::parse(&document).unwrap_or_else(|problem| panic!("{code}: {problem}\n{yaml}"));
        let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        match Kind::of_value(&object) {
            Some(kind) => subjects.push((kind, object)),
            None => assert_eq!(objects::add(world, &object, None), Ok(true), "{code}: {}", text("kind")),
        }
    }
    let [(kind, object)] = <[_; 1]>::try_from(subjects).unwrap_or_else(|s| panic!("{code}: {} subjects", s.len()));
    let json = object.to_string();
    let subject = Subject::parse(kind, &json).unwrap_or_else(|problem| panic!("{code}: {problem}"));
    let namespace = subject.namespace.as_deref().unwrap_or("default").to_owned();
    let judgement = judge(&subject, &world.context(&namespace), view(code));
    assert_eq!(judgement.skipped, None, "{code}: is not judged");
    judgement.findings
}

/// A finding as a denial words it.
fn words(finding: &Finding) -> String {
    let mut text = format!("{} [{}]\n", finding.message, finding.code);
    for detail in &finding.detail {
        text += &format!("  {detail}\n");
    }
    for (index, fix) in finding.fixes.iter().enumerate() {
        text += if index == 0 { "  fix: " } else { "       " };
        text += &format!("{fix}\n");
    }
    text
}

#[test]
fn the_example_triggers_its_code_in_the_quoted_words() {
    for code in Code::ALL {
        let page = page(code);
        let section = section(code, &page, "Example");
        let told = findings(code, fence(code, section, "yaml"), &mut World::default());
        let (own, others): (Vec<_>, Vec<_>) = told.iter().partition(|finding| finding.code == code);
        assert!(!own.is_empty(), "{code}: its example triggers {told:?}");
        // An undone plan leaves a pod that lacks something, which is reported for what it is.
        assert!(others.is_empty() || code == Code::ChangedAfter, "{code}: its example triggers others too: {others:?}");
        if code.default_severity() != Severity::Off {
            assert!(own.iter().all(|f| f.severity == code.default_severity()), "{code}: not its default severity");
        }
        let actual: String = own.into_iter().map(words).collect();
        let quoted = fence(code, section, "text");
        let right = page.replacen(&format!("```text\n{quoted}```"), &format!("```text\n{actual}```"), 1);
        written::same(&docs().join(format!("codes/{code}.md")), &right);
    }
}

#[test]
fn the_fix_leaves_nothing_to_say() {
    for code in Code::ALL {
        let page = page(code);
        // The example's policies and Services still stand.
        let mut world = World::default();
        findings(code, fence(code, section(code, &page, "Example"), "yaml"), &mut world);
        let left = findings(code, fence(code, section(code, &page, "Fix"), "yaml"), &mut world);
        assert!(left.is_empty(), "{code}: its fix still triggers {left:?}");
    }
}

#[test]
fn a_page_has_its_parts() {
    for code in Code::ALL {
        let page = page(code);
        let lines: Vec<_> = page.lines().collect();
        let severity = format!("Default severity: {:?}.", code.default_severity());
        assert_eq!((lines[0], lines[1], lines[3], lines[4]), (&*format!("# {code}"), "", "", &*severity), "{code}");
        assert!(lines[2].ends_with('.') && lines[2].len() <= 74, "{code}: its summary is one sentence: {}", lines[2]);
        assert!((25..=75).contains(&lines.len()), "{code}: {} lines", lines.len());
        let why = section(code, &page, "Why it matters").replace('\n', " ");
        let source = [".go", "pkg/", "Kubernetes page", "Kubernetes has no rule"];
        assert!(source.iter().any(|source| why.contains(source)), "{code}: no source in Kubernetes");
        let rule = format!("rules: {{{code}: ");
        assert!(section(code, &page, "Severity").contains(&rule), "{code}: does not say {rule:?}");
        // The quoted words are as long as they are.
        let prose = page.split("```").step_by(2).flat_map(str::lines);
        let long: Vec<_> = prose.filter(|line| line.chars().count() > 120).collect();
        assert!(long.is_empty(), "{code}: long lines {long:?}");
    }
}

/// The names in a folder of the repository, but for one file that is about all of them.
fn names(folder: &str, but: &str) -> BTreeSet<String> {
    fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != but)
        .collect()
}

#[test]
fn there_is_no_page_and_no_rule_without_a_code() {
    let pages: BTreeSet<_> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(names("docs/codes", "README.md"), pages);
    let rules: BTreeSet<_> = Code::ALL.iter().map(|code| format!("{}.rs", code.as_str().replace('-', "_"))).collect();
    assert_eq!(names("crates/core/src/rules", "mod.rs"), rules);
}

/// A row leads to its own rule: the rule spells the code as policies do.
#[test]
fn a_row_is_of_its_own_rule() {
    for code in Code::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str(), "{code:?}");
        assert_eq!(serde_json::from_value::<Code>(code.as_str().into()).unwrap(), code);
    }
}

/// A page holds exactly what a command prints: each table where its heading stands.
fn holds(page: &str, tables: &str) {
    let path = docs().join(page);
    let mut text = fs::read_to_string(&path).unwrap();
    for table in tables.split("\n\n") {
        let table = format!("{}\n", table.trim_end());
        let heading = table.split_inclusive('\n').next().unwrap();
        let start = text.find(heading).unwrap_or_else(|| panic!("docs/{page} has no table {heading}"));
        let rows = text[start..].split_inclusive('\n').take_while(|line| line.starts_with('|'));
        let end = start + rows.map(str::len).sum::<usize>();
        text.replace_range(start..end, &table);
    }
    written::same(&path, &text);
}

#[test]
fn the_index_has_a_row_for_every_code() {
    let table = codes::list(ListFormat::Markdown).unwrap();
    for code in Code::ALL {
        assert!(table.contains(&format!("| [{code}]({code}.md) | {:?} | ", code.default_severity())), "{code}");
    }
    holds("codes/README.md", &table);
}

#[test]
fn the_page_of_node_limits_has_the_table_and_its_sources() {
    let row = |nodes: &nodes::TakenAway| {
        let nodes::TakenAway { name, label, value, seconds, .. } = nodes;
        format!("| {name} | `{label}: {value}` | {seconds} s |\n")
    };
    let rows: String = nodes::KNOWN.iter().map(row).collect();
    holds("codes/node-limit.md", &format!("| nodes | label | at most |\n| --- | --- | --- |\n{rows}"));
    let page = page(Code::NodeLimit);
    for nodes in &nodes::KNOWN {
        assert!(page.contains(&format!("<{}>", nodes.source)), "{}", nodes.name);
    }
}

#[test]
fn the_page_of_helpers_is_the_table() {
    holds("helpers.md", &helpers::list(ListFormat::Markdown).unwrap());
}

#[test]
fn the_page_of_hooks_is_its_tables() {
    holds("hooks.md", &hooks::list(ListFormat::Markdown).unwrap());
}

fn draingate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_draingate")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = draingate(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_list_is_a_table_and_json() {
    let table = stdout(&["codes"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), Code::ALL.len() + 1, "{table}");
    let column = lines[0].find("WHAT").unwrap();
    for (line, code) in lines[1..].iter().zip(Code::ALL) {
        let mut words = line.split_whitespace();
        assert_eq!((words.next(), words.next()), (Some(code.as_str()), Some(code.default_severity().as_str())));
        assert_eq!(&line[column..], codes::summary(code));
        assert!(line.chars().count() <= 100, "{line}");
    }
    let json: Value = serde_json::from_str(&stdout(&["codes", "--format", "json"])).unwrap();
    assert_eq!(json["version"], 1);
    let listed: Vec<_> =
        json["codes"].as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert_eq!(listed, Code::ALL.map(Code::as_str));
    let helpers: Value = serde_json::from_str(&stdout(&["helpers", "--format", "json"])).unwrap();
    assert!(helpers["helpers"].as_array().unwrap().iter().any(|helper| helper["name"] == "pgbouncer"));
    assert_eq!(stdout(&["helpers", "--format", "markdown"]), helpers::list(ListFormat::Markdown).unwrap());
}

#[test]
fn a_code_prints_its_page() {
    for code in Code::ALL {
        assert_eq!(stdout(&["codes", code.as_str()]), page(code), "{code}");
        let json: Value = serde_json::from_str(&stdout(&["codes", code.as_str(), "--format", "json"])).unwrap();
        assert_eq!((json["code"].as_str(), json["page"].as_str()), (Some(code.as_str()), Some(&*page(code))));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(json["docs"].as_str().unwrap());
        assert!(file.is_file(), "{}", file.display());
    }
}

#[test]
fn an_unknown_code_gets_the_nearest_or_all() {
    for (wrong, right) in
        [("grace-bugdet", "grace-budget"), ("shorthold", "short-hold"), ("slow-restarts", "slow-restart")]
    {
        let output = draingate(&["codes", wrong]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        let tip = error.lines().find(|line| line.contains("similar")).unwrap_or_else(|| panic!("no tip: {error}"));
        assert!(tip.contains(wrong) || tip.contains(right), "{error}");
        assert!(tip.contains(&format!("'{right}'")), "{error}");
    }
    let output = draingate(&["codes", "nonsense"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(Code::ALL.iter().all(|code| error.contains(code.as_str())), "{error}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_list_ends_quietly_where_nobody_reads_on() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_draingate"))
        .args(["codes", "grace-budget"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
