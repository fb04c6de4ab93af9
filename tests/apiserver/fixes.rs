//! Every fix of every case, made: the real API server takes the object as it then stands.

use draingate_core::finding::Finding;
use draingate_core::judge::{View, judge};
use draingate_core::subject::Kind;
use draingate_testing::case::{self, Case};
use draingate_testing::lab::Lab;
use serde_json::Value;

fn findings(case: &Case, view: View) -> Vec<Finding> {
    let json = case.json();
    let subject = case.read(&json, &case.subject);
    judge(&subject, &case.world.context(&case.namespace), view).findings
}

#[test]
fn every_fix_of_every_case_is_accepted() {
    let space = Lab::shared().namespace("off");
    let (mut problems, mut made) = (Vec::new(), 0);
    // A custom resource's kind is not there.
    for case in case::all().iter().filter(|case| !matches!(case.kind, Kind::Custom(_))) {
        let mut seen = Vec::<Value>::new();
        let told: Vec<_> =
            [View::AsWritten, View::AsAdmitted].into_iter().flat_map(|view| findings(case, view)).collect();
        for finding in told.iter().filter(|finding| !finding.edits.is_empty()) {
            let mut object = case.subject.clone();
            json_patch::patch(&mut object, &finding.edits).unwrap();
            if seen.contains(&object) {
                continue;
            }
            let answer = space.try_out(&space.put(object.clone()));
            made += 1;
            if !answer.is_accepted() {
                problems.push(format!("{}: {:?}\n  {}", case.name, finding.fixes, answer.message()));
            }
            seen.push(object);
        }
    }
    assert!(problems.is_empty(), "{} of {made} fixes are refused:\n{}", problems.len(), problems.join("\n"));
    assert!(made > 100, "only {made} fixes");
}
