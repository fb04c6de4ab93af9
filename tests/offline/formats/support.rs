//! Files through a format, without the command.

use draingate::judged::{Judged, Summary};
use draingate::report::Format;
use draingate::walk::Walk;
use draingate_core::judge::View;
use draingate_core::manifest;
use draingate_core::subject::Kind;
use draingate_core::world::World;
use draingate_testing::case;
use serde_json::Value;

/// A document that is not YAML.
pub(crate) const BROKEN: &str = "a: 1\n---\nb: [1\nc: 2\n";

/// A pod with one finding, a short hold, that a comment ignores. Nobody knows a Service, its port carries work.
pub(crate) const IGNORED: &str = "\
# draingate: ignore short-hold: its clients <try> again & again
apiVersion: v1
kind: Pod
metadata: {name: ignored}
spec: {containers: [{name: app, ports: [{containerPort: 8080}]}]}
";

/// What a format writes about some files.
pub(crate) fn written(format: &mut impl Format, world: &World, view: View, files: &[(&str, &str)]) -> String {
    let walk = Walk { world, namespace: "default" };
    let mut out = format.head();
    let (mut summary, mut problems) = (Summary::default(), 0);
    for (name, text) in files {
        let file = walk.file(name, text, view);
        summary.add(file.summary);
        problems += file.problems.len();
        let text = format.text(Judged::File(&file));
        out.push_str(&format.add(Judged::File(&file), text));
    }
    out.push_str(&format.tail(&summary, problems));
    out
}

/// Every case, as the file that a person would check, but for the owner of a pod: that is in the case's world.
pub(crate) fn cases() -> Vec<(case::Case, String, String)> {
    let read = |case: case::Case| {
        let path = format!("tests/cases/{}.yaml", case.name);
        let mut text = std::fs::read_to_string(&case.path).unwrap();
        let owner = |document: &manifest::Document| {
            let object = manifest::parse(document).unwrap();
            Kind::of_value(&object).is_some_and(|kind| kind != case.kind)
        };
        let found = manifest::documents(&text).iter().find(|document| owner(document)).map(|d| d.text.to_owned());
        text = found.map(|owner| text.replace(&owner, "")).unwrap_or(text);
        (case, path, text)
    };
    case::all().into_iter().map(read).collect()
}

/// A JSON document, or the place where it is none.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
