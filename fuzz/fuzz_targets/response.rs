//! Any bytes as the body of a 200.

#![no_main]

#[allow(dead_code)] // Each target uses one half of it.
#[path = "../../tests/conformance/reading.rs"]
mod reading;

libfuzzer_sys::fuzz_target!(|body: &[u8]| reading::response(body));
