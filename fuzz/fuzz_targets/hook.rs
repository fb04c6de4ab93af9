#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| draingate_testing::fuzz::hook(bytes));
