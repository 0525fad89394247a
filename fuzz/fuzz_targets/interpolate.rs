//! See `bowline_fuzz::interpolate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bowline_fuzz::interpolate(input));
