//! Decodes arbitrary bytes as the body of a 200 response.

#![no_main]

#[allow(dead_code)] // Each target uses only one of its functions.
#[path = "../../tests/conformance/reading.rs"]
mod reading;

libfuzzer_sys::fuzz_target!(|body: &[u8]| reading::response(body));
