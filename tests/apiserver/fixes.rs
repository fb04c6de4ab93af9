//! Every fix of every case, made: the real API server takes the object as it then stands.

use draingate_core::finding::Finding;
use draingate_core::judge::{View, judge};
use draingate_core::subject::Kind;
use draingate_testing::case::{self, Case};
use draingate_testing::lab::Lab;
use serde_json::Value;

fn findings(case: &Case, object: &Value, view: View) -> Vec<Finding> {
    let json = object.to_string();
    let subject = case.read(&json, object);
    let mut told = judge(&subject, &case.world.context(&case.namespace), view).findings;
    told.retain(|finding| !finding.edits.is_empty());
    told
}

fn fixed(object: &Value, finding: &Finding) -> Value {
    let mut object = object.clone();
    json_patch::patch(&mut object, &finding.edits).unwrap();
    object
}

/// All of them, one after the other.
fn with_all_fixes(case: &Case, view: View) -> Value {
    let mut object = case.subject.clone();
    while let Some(finding) = findings(case, &object, view).first() {
        object = fixed(&object, finding);
    }
    object
}

#[test]
fn every_fix_of_every_case_is_accepted() {
    let space = Lab::shared().namespace("off");
    let refusal = |object: &Value| {
        let answer = space.try_out(&space.put(object.clone()));
        (!answer.is_accepted()).then(|| answer.message().to_owned())
    };
    let (mut problems, mut made) = (Vec::new(), 0);
    // A custom resource's kind is not there.
    for case in case::all().iter().filter(|case| !matches!(case.kind, Kind::Custom(_))) {
        let views = [View::AsWritten, View::AsAdmitted];
        let each = views.into_iter().flat_map(|view| findings(case, &case.subject, view));
        let mut objects: Vec<_> = each.map(|finding| fixed(&case.subject, &finding)).collect();
        objects.dedup();
        if objects.is_empty() {
            continue;
        }
        // What another finding is about is refused as before.
        let before = refusal(&case.subject);
        made += objects.len();
        let own = objects.iter().filter_map(&refusal).filter(|refusal| Some(refusal) != before.as_ref());
        let all = views.into_iter().filter_map(|view| refusal(&with_all_fixes(case, view)));
        problems.extend(own.chain(all).map(|refusal| format!("{}: {refusal}", case.name)));
    }
    assert!(problems.is_empty(), "{} of {made} fixes are refused:\n{}", problems.len(), problems.join("\n"));
    assert!(made > 100, "only {made} fixes");
}
