//! The fuzz targets without a fuzzer: on their seeds, and on seeds that were damaged at random, always in the same way.
//! `make fuzz` steers them by coverage, for as long as one likes.

use std::path::Path;

use draingate_testing::fuzz as targets;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};

/// The files of these folders.
fn seeds(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One thing done to the bytes of a seed.
#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Cut(Index, Index),
    Twice(Index, Index),
    Word(Index, &'static str),
}

const WORDS: [&str; 20] = [
    "draingate.dev/",
    "null",
    "-1",
    "18446744073709551616",
    "\"",
    "\\u0000",
    "{",
    "]",
    "\n---\n",
    "&a",
    "*a",
    "Always",
    "; done",
    "$(",
    "do ",
    "&& ",
    "sleep 5",
    "'",
    "kill 1",
    "fi",
];

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        let range = |from: &Index, to: &Index, bytes: &[u8]| {
            let (from, to) = (place(from, bytes), place(to, bytes));
            from.min(to)..from.max(to).min(from.min(to) + 400)
        };
        match self {
            Damage::Byte(index, value) => {
                let place = place(index, bytes);
                bytes.get_mut(place).into_iter().for_each(|byte| *byte = *value);
            }
            Damage::Cut(from, to) => drop(bytes.drain(range(from, to, bytes))),
            Damage::Twice(from, to) => {
                let range = range(from, to, bytes);
                let (at, copy) = (range.end, bytes[range].to_vec());
                bytes.splice(at..at, copy);
            }
            Damage::Word(index, word) => {
                let place = place(index, bytes);
                bytes.splice(place..place, word.bytes());
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let one = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(place, value)| Damage::Byte(place, value)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Cut(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Twice(from, to)),
        (any::<Index>(), prop::sample::select(&WORDS[..])).prop_map(|(place, word)| Damage::Word(place, word)),
    ];
    prop::collection::vec(one, 1..4)
}

/// The target on its seeds, and on `cases` damaged ones.
fn play(target: fn(&[u8]), folders: &[&str], cases: u32) {
    let seeds = seeds(folders);
    assert!(!seeds.is_empty(), "no seeds in {folders:?}");
    seeds.iter().for_each(|seed| target(seed));
    let rng_seed = RngSeed::Fixed(7);
    let config = ProptestConfig { cases, failure_persistence: None, rng_seed, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&(any::<Index>(), damage()), |(which, damage)| {
        let mut bytes = which.get(&seeds).clone();
        damage.iter().for_each(|one| one.apply(&mut bytes));
        target(&bytes);
        Ok(())
    });
    run.unwrap_or_else(|problem| panic!("{problem}"));
}

#[test]
fn reviews() {
    play(targets::review, &["fuzz/seeds/review", "benches/reviews"], 400);
}

#[test]
fn pods() {
    play(targets::pod, &["fuzz/seeds/pod"], 1_000);
}

#[test]
fn settings() {
    play(targets::settings, &["fuzz/seeds/settings"], 2_000);
}

/// `FUZZ_INPUTS` sets another number.
#[test]
fn hooks() {
    let inputs = std::env::var("FUZZ_INPUTS").ok().map(|inputs| inputs.parse().unwrap());
    play(targets::hook, &["fuzz/seeds/hook"], inputs.unwrap_or(10_000));
}

#[test]
fn policies() {
    play(targets::policy, &["tests/cases", "examples"], 1_000);
}

#[test]
fn manifests() {
    play(targets::manifest, &["tests/cases", "examples"], 300);
}

#[test]
fn shutdowns() {
    targets::shutdown(b"");
    (0..300_u64).for_each(|n| targets::shutdown(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()));
}

#[test]
fn certificates() {
    let made = rcgen::generate_simple_self_signed(["seed".to_owned()]).unwrap();
    let pair = [made.cert.pem().as_bytes(), targets::BETWEEN, made.signing_key.serialize_pem().as_bytes()].concat();
    targets::certificate(&pair);
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&damage(), |damage| {
        let mut bytes = pair.clone();
        damage.iter().for_each(|one| one.apply(&mut bytes));
        targets::certificate(&bytes);
        Ok(())
    });
    run.unwrap();
}
