//! See `bowline_fuzz::load`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bowline_fuzz::load(input));
