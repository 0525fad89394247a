//! See `bowline_fuzz::yaml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bowline_fuzz::yaml(input));
