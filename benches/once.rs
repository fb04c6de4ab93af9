//! One review, answered N times, for a tool that counts instructions: `core-once REVIEW patched|allowed|denied N`,
//! `core-once REVIEW elsewhere|own|cluster N POLICIES`: patched, with as many policies in that place, and
//! `core-once REVIEW passed|read N`: only passed over to its end, only read.
use std::hint::black_box;

use draingate_core::admit::{self, Webhook};
use draingate_core::json;
use draingate_core::mode::Mode;
use draingate_core::review::Review;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, what, times, policies) = match arguments.as_slice() {
        [name, what, times] => (name, what, times, 1),
        [name, what, times, policies] => (name, what, times, policies.parse().unwrap()),
        _ => panic!("REVIEW patched|allowed|denied|passed|read|elsewhere|own|cluster N [POLICIES]"),
    };
    let times: usize = times.parse().unwrap();
    let body = draingate_benches::reviews().into_iter().find(|(known, _)| known == name).unwrap().1;
    let text = std::str::from_utf8(&body).unwrap();
    let (webhook, world) = match what.as_str() {
        "passed" => return (0..times).for_each(|_| assert!(json::read::<&str>(black_box(text)).is_some())),
        "read" => return (0..times).for_each(|_| assert!(Review::decode(black_box(&body)).is_ok())),
        "patched" => (Webhook::Mutate, draingate_benches::world(Mode::Inject, 1, 1)),
        "allowed" => (Webhook::Validate, draingate_benches::world(Mode::Inject, 1, 1)),
        "denied" => (Webhook::Validate, draingate_benches::refusing(1)),
        place if draingate_benches::PLACES.contains(&place) => {
            (Webhook::Mutate, draingate_benches::crowded(place, policies))
        }
        other => panic!("{other} is none of them"),
    };
    let mut bytes = 0;
    for _ in 0..times {
        let review = Review::decode(&body).unwrap();
        let kind = admit::concerns(webhook, &review).unwrap();
        bytes += admit::admit(webhook, kind, &review, &world.context(&review.namespace))
            .unwrap()
            .answer
            .encode(&review.uid)
            .len();
    }
    assert!(bytes > 0 || times == 0);
}
