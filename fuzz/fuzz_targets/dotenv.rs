//! See `bowline_fuzz::dotenv`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bowline_fuzz::dotenv(input));
