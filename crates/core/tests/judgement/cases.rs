//! Every case of `tests/cases` through the core: what was computed by hand is what comes out.

use std::fmt::{Debug, Write as _};

use draingate_core::finding::{Code, Finding};
use draingate_core::judge::{Judgement, View, difference, judge, patch_for};
use draingate_core::keys;
use draingate_core::subject::Subject;
use draingate_testing::case::{self, Case, Told};
use json_patch::PatchOperation;
use serde_json::Value;

/// What is wrong with one case, line by line.
struct Report(Vec<String>);

impl Report {
    fn compare<T: Debug + PartialEq>(&mut self, what: &str, expected: &T, actual: &T) {
        if expected != actual {
            self.0.push(format!("  {what}\n    expected {expected:?}\n    actual   {actual:?}"));
        }
    }

    /// One line for each entry, so that two lists can be read side by side.
    fn compare_lists(&mut self, what: &str, expected: &[String], actual: &[String]) {
        if expected != actual {
            let lines = |list: &[String]| match list {
                [] => "      (none)".to_owned(),
                list => list.iter().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n"),
            };
            self.0.push(format!("  {what}\n    expected\n{}\n    actual\n{}", lines(expected), lines(actual)));
        }
    }
}

fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| line(f.code.as_str(), f.severity.as_str(), f.container.as_deref())).collect()
}

fn expected(findings: &[Told]) -> Vec<String> {
    findings.iter().map(|f| line(&f.code, &f.severity, f.container.as_deref())).collect()
}

fn line(code: &str, severity: &str, container: Option<&str>) -> String {
    format!("{severity} {code}{}", container.map(|name| format!(" of {name:?}")).unwrap_or_default())
}

/// Operations as text, with the record parsed, so that its order and blanks do not matter.
fn operations(patch: &[Value]) -> Vec<String> {
    patch.iter().map(|operation| with_records_parsed(operation).to_string()).collect()
}

fn with_records_parsed(operation: &Value) -> Value {
    let mut operation = operation.clone();
    let own = operation["path"].as_str().is_some_and(|path| path.ends_with(&keys::escape(keys::INJECTED)));
    if own && let Some(value) = operation.get_mut("value") {
        parse_record(value);
    }
    for path in ["/value", "/value/annotations"] {
        if let Some(record) = operation.pointer_mut(path).and_then(|map| map.get_mut(keys::INJECTED)) {
            parse_record(record);
        }
    }
    operation
}

fn parse_record(record: &mut Value) {
    let parsed = record.as_str().and_then(|text| serde_json::from_str(text).ok());
    *record = parsed.unwrap_or_else(|| record.take());
}

fn patch_of(judgement: &Judgement) -> Vec<Value> {
    judgement.patch.operations().iter().map(|operation| serde_json::to_value(operation).unwrap()).collect()
}

/// Everything that one case says, against what the core says.
fn check(case: &Case) -> Vec<String> {
    let mut report = Report(Vec::new());
    let json = case.json();
    let plain = Subject::parse(case.kind, &json).unwrap();
    let parsed = Subject::of_value(case.kind, &case.subject).unwrap();
    report.compare("the subject, as it was parsed", &format!("{plain:?}"), &format!("{parsed:?}"));
    let subject = case.read(&json, &case.subject);
    let context = case.world.context(&case.namespace);
    let wanted = &case.expected;

    let judgement = judge(&subject, &context, View::AsAdmitted);
    report.compare("verdict", &wanted.verdict.as_str(), &judgement.verdict().as_str());
    if let Some(required) = wanted.required_grace_period_seconds {
        report.compare("requiredGracePeriodSeconds", &required, &judgement.required);
    }
    report.compare("admittedGracePeriodSeconds", &wanted.admitted_grace_period_seconds, &judgement.pod.grace);
    report.compare_lists("findings", &expected(&wanted.findings), &told(&judgement.findings));
    report.compare_lists("patch", &operations(&wanted.patch), &operations(&patch_of(&judgement)));
    report.compare(
        "the mutating webhook's patch",
        &judgement.patch.operations(),
        &patch_for(&subject, &context).operations(),
    );

    if let Some(standing) = &wanted.as_written {
        let judgement = judge(&subject, &context, View::AsWritten);
        report.compare("asWritten: verdict", &standing.verdict.as_str(), &judgement.verdict().as_str());
        if let Some(required) = standing.required_grace_period_seconds {
            report.compare("asWritten: requiredGracePeriodSeconds", &required, &judgement.required);
        }
        report.compare_lists("asWritten: findings", &expected(&standing.findings), &told(&judgement.findings));
        report.compare_lists("asWritten: patch", &[], &operations(&patch_of(&judgement)));
    }
    if let Some(last) = &wanted.last {
        let judgement = judge(&subject, &context, View::Final);
        if let Some(required) = last.required_grace_period_seconds {
            report.compare("final: requiredGracePeriodSeconds", &required, &judgement.required);
        }
        report.compare_lists("final: findings", &expected(&last.findings), &told(&judgement.findings));
    }
    again(case, &judgement, &mut report);
    report.0
}

/// The patched object goes through once more: nothing is left to do, and nobody undid anything.
fn again(case: &Case, judgement: &Judgement, report: &mut Report) {
    let mut patched = case.subject.clone();
    if let Err(error) = json_patch::patch(&mut patched, &judgement.patch.operations()) {
        report.0.push(format!("  the patch does not apply: {error}"));
        return;
    }
    let json = patched.to_string();
    let subject = case.read(&json, &patched);
    let context = case.world.context(&case.namespace);
    let second = judge(&subject, &context, View::AsAdmitted);
    report.compare_lists("patch of the patched object", &[], &operations(&patch_of(&second)));
    report.compare("required of the patched object", &judgement.required, &second.required);
    report.compare("grace of the patched object", &judgement.pod.grace, &second.pod.grace);
    let last = judge(&subject, &context, View::Final);
    let undone = last.findings.iter().any(|finding| finding.code == Code::ChangedAfter);
    report.compare("changed-after on the patched object", &false, &undone);
}

#[test]
fn every_case_comes_out_as_computed_by_hand() {
    let cases = case::all();
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let problems = check(case);
            (!problems.is_empty()).then(|| format!("{}\n{}", case.name, problems.join("\n")))
        })
        .collect();
    let (bad, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{bad} of {all} cases are off:\n\n{}\n", failures.join("\n\n"));
}

#[test]
fn every_code_is_in_some_case() {
    let cases = case::all();
    for code in Code::ALL {
        let told = |told: &[Told]| told.iter().any(|finding| finding.code == code.as_str());
        let seen = cases.iter().any(|case| {
            let last = case.expected.last.as_ref().is_some_and(|last| told(&last.findings));
            told(&case.expected.findings) || last
        });
        assert!(seen, "no case has {code}");
    }
}

#[test]
fn every_case_tells_its_story_first() {
    for case in case::all() {
        let text = std::fs::read_to_string(&case.path).unwrap();
        let lines = text.lines().take_while(|line| line.starts_with("# ")).count();
        assert!((2..=6).contains(&lines), "{}: {lines} lines of comment at its head", case.name);
    }
}

/// A judgement: what was read, where that is asked for, and every finding with its words, its place and its edit.
fn in_words(judgement: &Judgement, what_was_read: bool) -> String {
    let mut text = String::new();
    let mut line = |indent: usize, words: String| writeln!(text, "{:1$}{words}", "", indent * 2).unwrap();
    let Judgement { pod, budget, skipped, .. } = judgement;
    if let Some(skip) = skipped {
        line(1, format!("{} ({}): {}", judgement.verdict().as_str(), skip.as_str(), skip.reason()));
        return text;
    }
    let number = |seconds: Option<u64>| seconds.map_or("endless".to_owned(), |s| s.to_string());
    line(1, format!("{}: grace {}, required {}", judgement.verdict().as_str(), pod.grace, number(judgement.required)));
    if what_was_read {
        line(2, format!("hold {} ({}, {:?}), margin {}", pod.hold, pod.hold_reason.as_str(), pod.sender, pod.margin));
    }
    let containers = pod.containers.iter().zip(&budget.done).filter(|_| what_was_read);
    for (container, done) in containers {
        let hook = format!("hook {} ({})", number(container.hook), container.hook_source.as_str());
        let times =
            format!("request {} ({}), stop {}", container.request.value, container.request.source, container.stop);
        let (role, done) = (container.role.as_str(), number(*done));
        line(2, format!("{} {}: {role}, {hook}, {times}, done {done}", container.pointer(), container.name()));
    }
    let planned = difference(&judgement.standing, pod).map(|plan| format!("plan: {plan}"));
    let injected = judgement.injected().map(|record| format!("injected in all: {record}"));
    planned.into_iter().chain(injected).for_each(|words| line(2, words));
    for finding in &judgement.findings {
        let container = finding.container.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
        line(2, format!("{} {}{container} at {}", finding.severity.as_str(), finding.code, finding.pointer));
        line(3, finding.message.clone());
        finding.detail.iter().for_each(|detail| line(3, format!("= {detail}")));
        finding.fixes.iter().for_each(|fix| line(3, format!("fix: {fix}")));
        finding.edits.iter().for_each(|edit| line(3, format!("edit: {}", edited(edit))));
    }
    text
}

/// `add /path: value`
fn edited(edit: &PatchOperation) -> String {
    match edit {
        PatchOperation::Add(edit) => format!("add {}: {}", edit.path, edit.value),
        PatchOperation::Replace(edit) => format!("replace {}: {}", edit.path, edit.value),
        PatchOperation::Remove(edit) => format!("remove {}", edit.path),
        edit => panic!("{edit:?}"),
    }
}

/// The words are not computed by hand: read what changes in their snapshot before you accept it.
#[test]
fn every_case_is_told_in_the_same_words() {
    let mut text = String::new();
    for case in case::all() {
        let json = case.json();
        let subject = case.read(&json, &case.subject);
        let context = case.world.context(&case.namespace);
        writeln!(text, "{} ({} {:?})", case.name, subject.kind_name, subject.name).unwrap();
        let mut before = String::new();
        for (view, name) in [(View::AsAdmitted, "as admitted"), (View::AsWritten, "as written"), (View::Final, "final")]
        {
            if view == View::Final {
                // No fix is made into changes there.
                let is_edit = |line: &&str| line.trim_start().starts_with("edit: ");
                before = before.split_inclusive('\n').filter(|line| !is_edit(line)).collect();
            }
            let words = in_words(&judge(&subject, &context, view), view == View::AsAdmitted);
            if words != before {
                write!(text, " {name}\n{words}").unwrap();
            }
            before = words;
        }
    }
    insta::assert_snapshot!("words", text);
}
