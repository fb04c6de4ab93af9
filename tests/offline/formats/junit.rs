//! `junit` read back by an XML parser.

use draingate::judged::Summary;
use draingate::report::Format;
use draingate::report::github::Github;
use draingate::report::junit::Junit;
use draingate_core::judge::View;
use draingate_core::world::World;
use roxmltree::{Document, Node};

use super::support::{BROKEN, IGNORED, cases, written};

fn elements<'a>(document: &'a Document, name: &'a str) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.has_tag_name(name)).collect()
}

#[test]
fn every_case_is_one_case_of_its_suite() {
    for (case, path, text) in cases() {
        let out = written(&mut Junit::default(), &case.world, View::AsAdmitted, &[(&path, &text)]);
        let document = Document::parse(&out).unwrap_or_else(|error| panic!("{path}: {error}\n{out}"));
        let [suite] = elements(&document, "testsuite")[..] else { panic!("{out}") };
        assert_eq!(suite.attribute("name"), Some(path.as_str()));
        // A policy that cannot be read is a case of its own, before the object.
        let cases = elements(&document, "testcase");
        let (one, unreadable) = cases.split_last().unwrap();
        assert_eq!(unreadable.len(), elements(&document, "error").len(), "{out}");
        let failures = elements(&document, "failure");
        assert_eq!(failures.len(), usize::from(case.expected.verdict == "fail"), "{out}");
        assert_eq!(elements(&document, "skipped").len(), usize::from(case.expected.verdict == "skipped"), "{out}");
        let said = |node: Option<Node>| node.and_then(|node| node.text().map(str::to_owned)).unwrap_or_default();
        let failed = said(failures.first().copied());
        let warned = said(one.children().find(|child| child.has_tag_name("system-out")));
        for finding in &case.expected.findings {
            let place = if finding.severity == "error" { &failed } else { &warned };
            assert!(place.contains(&format!("[{}]", finding.code)), "{}: {out}", finding.code);
        }
    }
}

#[test]
fn a_broken_document_is_an_error_and_a_file_without_pods_says_nothing() {
    let files = [("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"), ("broken.yaml", BROKEN)];
    let out = written(&mut Junit::default(), &World::default(), View::AsAdmitted, &files);
    let document = Document::parse(&out).unwrap();
    assert_eq!(elements(&document, "testsuite").len(), 1, "{out}");
    let [error] = elements(&document, "error")[..] else { panic!("{out}") };
    assert!(error.text().unwrap().starts_with("broken.yaml:"), "{out}");
    assert_eq!(document.root_element().attribute("errors"), Some("1"));
    let none = written(&mut Junit::default(), &World::default(), View::AsAdmitted, &[]);
    assert_eq!(Document::parse(&none).unwrap().root_element().attribute("tests"), Some("0"));
}

#[test]
fn an_input_that_cannot_be_read_at_all_is_an_error_too() {
    let mut junit = Junit::default();
    let out = junit.head() + &junit.tail(&Summary::default(), 1);
    assert_eq!(Document::parse(&out).unwrap().root_element().attribute("errors"), Some("1"), "{out}");
    let mut github = Github::new(View::AsWritten);
    let out = github.head() + &github.tail(&Summary::default(), 1);
    assert!(out.starts_with("::error title="), "{out}");
}

#[test]
fn what_is_ignored_is_told_and_annotates_nothing() {
    let files = [("ignored.yaml", IGNORED)];
    let out = written(&mut Junit::default(), &World::default(), View::AsWritten, &files);
    let document = Document::parse(&out).unwrap();
    assert!(elements(&document, "failure").is_empty(), "{out}");
    let told = elements(&document, "system-out")[0].text().unwrap();
    assert!(told.contains("[short-hold], ignored: its clients <try> again & again"), "{told}");
    let out = written(&mut Github::new(View::AsWritten), &World::default(), View::AsWritten, &files);
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.contains(", 1 ignored, "), "{out}");
}
