//! A value in Redis that the client did not write, and one that it wrote and that contains any bytes.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use velt_auth::core::cache::shared::seal::Seal;
use velt_auth::core::token::LIFETIME;

static SEAL: LazyLock<Seal> = LazyLock::new(|| Seal::new("auth", "key", "endpoint"));

fuzz_target!(|input: &[u8]| {
    assert!(SEAL.open(input, "place").is_none());
    assert!(SEAL.open_token(input, "place").is_none());

    let sealed = SEAL.seal(input, "place");
    assert_eq!(SEAL.open(&sealed, "place").as_deref(), Some(input));
    assert!(SEAL.open(&sealed, "other place").is_none());
    if let Some(token) = SEAL.open_token(&sealed, "place") {
        assert!(token.expires_at() <= token.received_at() + LIFETIME);
        assert!(token.lifetime() <= LIFETIME);
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        assert!(!token.is_valid(now) || now < token.expires_at());
    }
});
