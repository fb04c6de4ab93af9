//! The core alone: review bytes to response bytes, on the captured reviews. `make bench`.
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use draingate_core::admit::{self, Webhook};
use draingate_core::mode::Mode;
use draingate_core::review::Review;
use draingate_core::world::World;

/// What the webhook does between a body and an answer.
fn answer(webhook: Webhook, body: &[u8], world: &World) -> Vec<u8> {
    let review = Review::decode(body).unwrap();
    let kind = admit::concerns(webhook, &review).unwrap();
    let outcome = admit::admit(webhook, kind, &review, &world.context(&review.namespace)).unwrap();
    outcome.answer.encode(&review.uid)
}

fn reviews(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("review");
    for (name, body) in draingate_benches::reviews() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        let world = draingate_benches::world(Mode::Inject, 1, 1);
        let enforcing = draingate_benches::refusing(1);
        let id = |what: &str| BenchmarkId::new(name, what);
        // The floor: the same bytes, read by the same parser into a tree.
        group.bench_function(id("serde_json::Value"), |b| {
            b.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)).unwrap());
        });
        if name != "deployment" {
            group.bench_function(id("patched"), |b| b.iter(|| answer(Webhook::Mutate, black_box(&body), &world)));
        }
        group.bench_function(id("allowed"), |b| b.iter(|| answer(Webhook::Validate, black_box(&body), &world)));
        group.bench_function(id("denied"), |b| b.iter(|| answer(Webhook::Validate, black_box(&body), &enforcing)));
    }
    group.finish();
}

fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth");
    let reviews = draingate_benches::reviews();
    let typical = &reviews.iter().find(|(name, _)| *name == "typical").unwrap().1;
    for place in draingate_benches::PLACES {
        for policies in [1, 10, 100, 1000] {
            let world = draingate_benches::crowded(place, policies);
            group.bench_function(BenchmarkId::new(format!("policies, {place}"), policies), |b| {
                b.iter(|| answer(Webhook::Mutate, black_box(typical), &world));
            });
        }
    }
    for containers in [1, 3, 10, 30] {
        let body = draingate_benches::review_of(containers);
        let world = draingate_benches::world(Mode::Inject, 1, 1);
        group.bench_function(BenchmarkId::new("containers", containers), |b| {
            b.iter(|| answer(Webhook::Mutate, black_box(&body), &world));
        });
    }
    group.finish();
}

criterion_group!(benches, reviews, growth);
criterion_main!(benches);
