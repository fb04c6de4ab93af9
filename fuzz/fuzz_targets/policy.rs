//! Any text as policies: read or refused, and a pod is judged under them all the same.
#![no_main]

use draingate::core::judge::{View, judge};
use draingate::core::subject::{Kind, Subject};
use draingate::core::world::World;
use draingate::{manifest, offline};
use libfuzzer_sys::fuzz_target;

const POD: &str = r#"{"metadata":{"name":"web","labels":{"app":"web"}},"spec":{"containers":[{"name":"app","ports":[{"containerPort":80}]},{"name":"pgbouncer"}]}}"#;

fuzz_target!(|text: &str| {
    if text.len() > 50_000 {
        return;
    }
    let mut world = World::default();
    for document in manifest::documents(text) {
        if let Ok(value) = manifest::parse(&document) {
            for object in manifest::objects(&value) {
                let _ = offline::add(&mut world, object, None);
            }
        }
    }
    let subject = Subject::parse(Kind::Pod, POD).unwrap();
    for namespace in ["default", "shop"] {
        let judgement = judge(&subject, &world.context(namespace), View::AsAdmitted);
        // A policy cannot make a plan that a later look would not stand by.
        let again = judge(&subject, &world.context(namespace), View::AsAdmitted);
        assert_eq!(judgement.required, again.required);
    }
});
