//! A token of any content, received and used at any time. The first 8 bytes of the input are two times
//! in seconds since the epoch. Then comes the token; if it contains no dot, it is the payload of a JWT.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use velt_auth::core::Token;
use velt_auth::core::token::{LIFETIME, Requirement};

fuzz_target!(|input: &[u8]| {
    let Some((times, text)) = input.split_first_chunk::<8>() else {
        return;
    };
    let [received, now] = [&times[..4], &times[4..]].map(|bytes| {
        let seconds = u32::from_be_bytes(bytes.try_into().unwrap());
        UNIX_EPOCH + Duration::from_secs(seconds.into())
    });
    let text = if text.contains(&b'.') {
        String::from_utf8_lossy(text).into_owned()
    } else {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(text))
    };
    let token = Token::new(text, received);
    assert!(token.expires_at() <= received + LIFETIME);
    assert!(token.lifetime() <= LIFETIME);
    for minimum in [0, 1, 3600, u64::MAX / 2] {
        let requirement = Requirement::min_validity(Duration::from_secs(minimum));
        if requirement.is_met_by(&token, now) {
            assert!(token.is_valid(now) && now < token.expires_at());
        }
    }
    assert!(!Requirement::newer_than(&token).is_met_by(&token, now));
});
