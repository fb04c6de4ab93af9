//! Any text as a manifest: two readers agree, and a fix leaves a text that reads as before but for what it mended.
#![no_main]

use draingate::check::file::Judge;
use draingate::check::fix::fix;
use draingate::core::judge::View;
use draingate::manifest;
use draingate_fuzz::world;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    thread_local!(static WORLD: draingate::core::world::World = world());
    if text.len() > 50_000 {
        return;
    }
    let documents = manifest::documents(text);
    for document in &documents {
        let plain = manifest::parse(document);
        let placed = manifest::parse_with_places(document);
        assert_eq!(plain.is_ok(), placed.is_ok(), "{:?} {:?}", plain.err(), placed.err());
    }
    WORLD.with(|world| {
        let judge = Judge { world, namespace: "shop", view: View::AsAdmitted };
        let fixed = fix(&judge, "fuzz.yaml", text);
        assert_eq!(manifest::documents(&fixed.text).len(), documents.len());
        let again = fix(&judge, "fuzz.yaml", &fixed.text);
        assert_eq!((again.edits, &again.text), (0, &fixed.text));
    });
});
