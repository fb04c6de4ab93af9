//! `github` read back as the runner reads it.

use std::collections::BTreeMap;

use draingate::report::github::Github;
use draingate_core::judge::View;
use draingate_core::world::World;

use super::support::{BROKEN, cases, written};

/// One workflow command.
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) message: String,
}

/// The commands of an output, split and unescaped in the runner's order; the last line is for people.
pub(crate) fn commands(out: &str) -> Vec<Command> {
    // Where the runner ends a line.
    let lines: Vec<&str> = out.split_terminator(['\n', '\r']).collect();
    let (last, lines) = lines.split_last().unwrap();
    assert!(last.starts_with("draingate: "), "{last:?}");
    lines.iter().map(|line| command(line)).collect()
}

fn command(line: &str) -> Command {
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("{line:?} is no command"));
    let (head, message) = rest.split_once("::").unwrap();
    let (name, properties) = head.split_once(' ').unwrap();
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or_else(|| panic!("{line:?}: {text:?}"));
        (key.to_owned(), plain(&value.replace("%3A", ":").replace("%2C", ",")))
    };
    Command { name: name.to_owned(), properties: properties.split(',').map(pair).collect(), message: plain(message) }
}

fn plain(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

#[test]
fn every_case_is_annotated_at_its_lines_errors_first() {
    for (case, path, text) in cases() {
        let out = written(&mut Github::new(View::AsAdmitted), &case.world, View::AsAdmitted, &[(&path, &text)]);
        let mut commands = commands(&out);
        commands.retain(|command| command.properties["title"] != "cannot be read");
        let names: Vec<_> = commands.iter().map(|command| command.name.as_str()).collect();
        let mut wanted: Vec<_> = case.expected.findings.iter().map(|finding| finding.severity.as_str()).collect();
        wanted.sort();
        assert_eq!(names, wanted, "{path}");
        for command in commands {
            assert_eq!(command.properties["file"], path);
            let line: usize = command.properties["line"].parse().unwrap();
            assert!((1..=text.lines().count()).contains(&line));
            assert!(command.properties["endLine"].parse::<usize>().unwrap() >= line);
        }
    }
}

#[test]
fn a_broken_document_is_an_error_and_standard_input_has_no_file() {
    let out = written(
        &mut Github::new(View::AsAdmitted),
        &World::default(),
        View::AsAdmitted,
        &[("./a,b:c%.yaml", BROKEN), ("-", BROKEN)],
    );
    let [file, stdin] = &commands(&out)[..] else { panic!("{out}") };
    assert!(out.starts_with("::error file=a%2Cb%3Ac%25.yaml,line="), "{out}");
    assert_eq!(file.properties["file"], "a,b:c%.yaml");
    assert!(!stdin.properties.contains_key("file") && stdin.name == "error");
}
