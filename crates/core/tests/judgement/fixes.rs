//! A fix holds. Applied, its finding is gone and no new error came; the pod loses no more than it did, and no app has less time
//! after SIGTERM; and in the text of a manifest nothing else has changed.

use draingate_core::finding::{Code, Finding, Severity};
use draingate_core::judge::{View, judge};
use draingate_core::manifest::{self, Document, documents};
use draingate_core::subject::Kind;
use draingate_core::world::World;
use draingate_testing::case;
use draingate_testing::kubelet::{self, Who};
use draingate_testing::random_pod::{RandomPod, random_pod};
use json_patch::{Patch, PatchOperation};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::properties::{carried, fixed, with_judgement};

/// A finding and what its fix makes of the object.
struct Fix {
    finding: Finding,
    before: Vec<Finding>,
    object: Value,
    after: Vec<Finding>,
}

fn findings(world: &World, kind: Kind, json: &Value, view: View) -> Vec<Finding> {
    with_judgement(world, kind, json, view, |judgement| judgement.findings.clone())
}

/// Every fix of an object, each applied on its own.
fn fixes(world: &World, kind: Kind, json: &Value, view: View, spoil: &dyn Fn(&mut Patch)) -> Vec<Fix> {
    let before = findings(world, kind, json, view);
    let fix = |finding: &Finding| {
        let mut finding = finding.clone();
        spoil(&mut finding.edits);
        let mut object = json.clone();
        json_patch::patch(&mut object, &finding.edits).unwrap();
        let after = findings(world, kind, &object, view);
        Fix { finding, before: before.clone(), object, after }
    };
    before.iter().filter(|finding| !finding.edits.is_empty()).map(fix).collect()
}

fn key(finding: &Finding) -> (Code, Option<&str>, &str) {
    (finding.code, finding.container.as_deref(), &finding.pointer)
}

/// What is wrong with the object as it stands after a fix.
fn left(fix: &Fix) -> Option<String> {
    let gone = !fix.after.iter().any(|finding| key(finding) == key(&fix.finding));
    let errors = |findings: &[Finding]| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| (finding.code, finding.container.clone())).collect::<Vec<_>>()
    };
    let before = errors(&fix.before);
    let new: Vec<_> = errors(&fix.after).into_iter().filter(|error| !before.contains(error)).collect();
    let told = || format!("{:?}\n{:#}\n{:#?}", fix.finding, fix.object, fix.after);
    match (gone, new.is_empty()) {
        (true, true) => None,
        (false, _) => Some(format!("it is still there: {}", told())),
        (true, false) => Some(format!("new errors {new:?}: {}", told())),
    }
}

/// What is wrong with how the pod stops after a fix.
fn lost(pod: &RandomPod, fix: &Fix) -> Option<String> {
    let (before, after) = (pod.seen(true), pod.seen(true).fixed(&fix.object));
    let (Some(was), Some(is)) = (before.as_written(), after.as_written()) else { return None };
    let (old, new) = (kubelet::stop(&was), kubelet::stop(&is));
    // Who was ended at once did not live to see more.
    let ended = |app: &usize| old.cut.contains(&Who::App(*app)) || old.lost_in_flight.contains(app);
    let losses = |end: &kubelet::Outcome, app: usize| {
        let kinds = [&end.refused, &end.lost_late, &end.lost_in_flight, &end.timed_out, &end.orphaned];
        kinds.into_iter().filter(|apps| apps.contains(&app)).count()
    };
    let more = (0..old.apps.len()).any(|app| losses(&new, app) > losses(&old, app) && !ended(&app));
    let worse = more || new.cut.iter().any(|who| !old.cut.contains(who));
    // What an app has from when it is told to stop, up to what the ceiling leaves it.
    let windows = |pod: &kubelet::Pod, end: &kubelet::Outcome| -> Vec<u64> {
        end.apps.iter().map(|app| app.told_at.map_or(0, |told| pod.grace.saturating_sub(told))).collect()
    };
    let capped = is.grace >= pod.ceiling();
    let shorter = windows(&was, &old).iter().zip(&windows(&is, &new)).any(|(was, is)| is < was);
    let told = || format!("{:?}\n{:#}\n{was:?}\n{old:?}\n{is:?}\n{new:?}", fix.finding, fix.object);
    match (worse, shorter && !capped) {
        (false, false) => None,
        (true, _) => Some(format!("it loses more: {}", told())),
        (false, true) => Some(format!("it has less time: {}", told())),
    }
}

/// A value in block style, each of its lines with a comment of its own.
fn in_lines(value: &Value) -> String {
    fn write(lines: &mut Vec<String>, value: &Value, pad: &str, first: &str) {
        let inner = format!("{pad}  ");
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    let head = format!("{}{}:", if index == 0 { first } else { pad }, Value::from(key.as_str()));
                    match value {
                        Value::Object(entries) if !entries.is_empty() => {
                            lines.push(head);
                            write(lines, value, &inner, &inner);
                        }
                        Value::Array(items) if !items.is_empty() => {
                            lines.push(head);
                            items.iter().for_each(|item| write(lines, item, &inner, &format!("{pad}- ")));
                        }
                        value => lines.push(format!("{head} {value}")),
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let nested = format!("{pad}  ");
                for (index, item) in items.iter().enumerate() {
                    write(lines, item, &nested, &format!("{}- ", if index == 0 { first } else { pad }));
                }
            }
            value => lines.push(format!("{first}{value}")),
        }
    }
    let mut lines = Vec::new();
    write(&mut lines, value, "", "");
    lines.iter().enumerate().map(|(number, line)| format!("{line} #{number}\n")).collect()
}

/// How many lines of a text the fix may change or take out.
fn touched(json: &Value, edits: &Patch) -> usize {
    let lines = |path: &str| match json.pointer(path) {
        Some(value @ (Value::Object(_) | Value::Array(_))) => in_lines(value).lines().count() + 1,
        _ => 1,
    };
    let of = |edit: &PatchOperation| match edit {
        // Into the place of a null, or into `{}`.
        PatchOperation::Add(edit) => {
            let (parent, _) = edit.path.as_str().rsplit_once('/').unwrap();
            let is_empty = json.pointer(parent).and_then(Value::as_object).is_some_and(|parent| parent.is_empty());
            usize::from(is_empty || json.pointer(edit.path.as_str()).is_some())
        }
        edit => lines(edit.path().as_str()),
    };
    edits.iter().map(of).sum()
}

/// What is wrong with the text of a manifest after a fix.
fn written(json: &Value, fix: &Fix) -> Option<String> {
    written_by(&manifest::edited, json, fix)
}

fn written_by(editor: &dyn Fn(&Document, &Patch) -> Option<String>, json: &Value, fix: &Fix) -> Option<String> {
    let text = in_lines(json);
    let documents = documents(&text);
    let document = documents.first()?;
    if manifest::parse(document).ok()? != *json {
        return Some(format!("it is not read as it was written: {text}"));
    }
    let told = || format!("{:?}\n{text}", fix.finding.edits);
    let Some(changed) = editor(document, &fix.finding.edits) else {
        return Some(format!("it cannot be written: {}", told()));
    };
    let kept = text.lines().filter(|line| changed.lines().any(|now| now == *line)).count();
    let lost = text.lines().count() - kept;
    let in_order = {
        let mut now = changed.lines();
        text.lines().filter(|line| changed.lines().any(|now| now == *line)).all(|line| now.any(|now| now == line))
    };
    let is_small = lost <= touched(json, &fix.finding.edits) && in_order;
    (!is_small).then(|| format!("{lost} lines of it are gone: {}\n{changed}", told()))
}

/// Of a random pod, and of a template of it.
type Property = fn(&RandomPod, &dyn Fn(&mut Patch)) -> Option<String>;

fn each_is_gone(pod: &RandomPod, spoil: &dyn Fn(&mut Patch)) -> Option<String> {
    let (world, json) = (pod.world(), pod.json());
    [Kind::Pod, Kind::Deployment, Kind::StatefulSet].into_iter().find_map(|kind| {
        [View::AsWritten, View::AsAdmitted]
            .into_iter()
            .find_map(|view| fixes(&world, kind, &carried(kind, &json), view, spoil).iter().find_map(left))
    })
}

fn each_loses_no_more(pod: &RandomPod, spoil: &dyn Fn(&mut Patch)) -> Option<String> {
    let fixes = fixes(&pod.world(), Kind::Pod, &pod.json(), View::AsWritten, spoil);
    fixes.iter().find_map(|fix| lost(pod, fix))
}

fn each_leaves_the_rest(pod: &RandomPod, spoil: &dyn Fn(&mut Patch)) -> Option<String> {
    let json = pod.json();
    let fixes = fixes(&pod.world(), Kind::Pod, &json, View::AsWritten, spoil);
    fixes.iter().find_map(|fix| written(&json, fix))
}

/// One after the other they come to an end.
fn all_come_to_an_end(pod: &RandomPod, spoil: &dyn Fn(&mut Patch)) -> Option<String> {
    let (world, mut json) = (pod.world(), pod.json());
    for _ in 0..30 {
        match fixes(&world, Kind::Pod, &json, View::AsWritten, spoil).into_iter().next() {
            Some(fix) => json = fix.object,
            None => return None,
        }
    }
    Some(format!("there is always another: {json:#}"))
}

const PROPERTIES: [(&str, Property); 4] = [
    ("gone", each_is_gone),
    ("end", all_come_to_an_end),
    ("loses", each_loses_no_more),
    ("rest", each_leaves_the_rest),
];

proptest! {
    #![proptest_config(fixed(600))]

    #[test]
    fn a_fix_holds(pod in random_pod()) {
        for (name, holds) in PROPERTIES {
            let problem = holds(&pod, &|_| {});
            prop_assert!(problem.is_none(), "{}: {}", name, problem.unwrap_or_default());
        }
    }
}

/// A fix without its grace, or with a wait that is too short, does not hold.
#[test]
fn each_property_finds_a_fix_that_does_not_hold() {
    let mut runner = TestRunner::new(fixed(0));
    let without_grace = |edits: &mut Patch| {
        edits.0.retain(|edit| !edit.path().as_str().ends_with("/terminationGracePeriodSeconds"));
    };
    let too_short = |edits: &mut Patch| {
        for edit in &mut edits.0 {
            if let PatchOperation::Replace(edit) = edit
                && edit.path.as_str().ends_with("/seconds")
            {
                edit.value = 1.into();
            }
        }
    };
    let spoiled: [&dyn Fn(&mut Patch); 2] = [&without_grace, &too_short];
    let mut open: Vec<_> = PROPERTIES[..3].iter().flat_map(|p| [0, 1].map(|spoil| (p.0, p.1, spoil))).collect();
    for _ in 0..3_000 {
        if open.is_empty() {
            break;
        }
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        open.retain(|(_, holds, spoil)| holds(&pod, spoiled[*spoil]).is_none());
    }
    let open: Vec<_> = open.into_iter().map(|(name, _, spoil)| (name, spoil)).collect();
    assert!(open.is_empty(), "no pod is wrong about {open:?}");
}

/// A manifest that is written anew is not the old one with a change.
#[test]
fn a_text_that_is_written_anew_is_noticed() {
    let mut runner = TestRunner::new(fixed(0));
    let mut found = false;
    for _ in 0..200 {
        let pod = random_pod().new_tree(&mut runner).unwrap().current();
        let json = pod.json();
        for fix in fixes(&pod.world(), Kind::Pod, &json, View::AsWritten, &|_| {}) {
            let anew = |_: &Document, _: &Patch| Some(in_lines(&fix.object));
            found |= written_by(&anew, &json, &fix).is_some();
        }
    }
    assert!(found);
}

#[test]
fn a_fix_of_a_case_holds() {
    let mut problems = Vec::new();
    let mut seen = std::collections::BTreeMap::<Code, usize>::new();
    for case in case::all() {
        let context = case.world.context(&case.namespace);
        for view in [View::AsWritten, View::AsAdmitted] {
            let look = |object: &Value| {
                let json = object.to_string();
                judge(&case.read(&json, object), &context, view).findings
            };
            let before = look(&case.subject);
            for finding in before.iter().filter(|finding| !finding.edits.is_empty()) {
                *seen.entry(finding.code).or_default() += 1;
                let mut object = case.subject.clone();
                json_patch::patch(&mut object, &finding.edits).unwrap();
                let after = look(&object);
                let fix = Fix { finding: finding.clone(), before: before.clone(), object, after };
                problems.extend(left(&fix).map(|problem| format!("{} {view:?}: {problem}", case.name)));
                problems.extend(written(&case.subject, &fix).map(|problem| format!("{}: {problem}", case.name)));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    for code in [
        Code::GraceBudget,
        Code::EarlyHelper,
        Code::ShortHold,
        Code::CutAtSigterm,
        Code::FailingHook,
        Code::UndeclaredHook,
        Code::MisplacedGrace,
        Code::ShellHook,
        Code::SlowRestart,
    ] {
        assert!(seen.contains_key(&code), "no case has a fix of {code}: {seen:?}");
    }
}
