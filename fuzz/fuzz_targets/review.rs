//! Any bytes as a review: an answer for exactly this request, and never a patch that the API server would refuse.
#![no_main]

use draingate_fuzz::{admit_both, world};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    thread_local!(static WORLD: draingate::core::world::World = world());
    WORLD.with(|world| admit_both(bytes, world));
});
