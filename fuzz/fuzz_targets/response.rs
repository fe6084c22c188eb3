//! A response of any server: its status, its `Retry-After` and its body. The input has the status on its
//! first line, `Retry-After` on the second line, and then the body.

#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use velt_auth::core::velt::api::{Context, response as read};
use velt_auth::core::velt::transport::Response;
use velt_auth::core::{Code, Error};

const API_KEY: &str = "k1";
const AUTH_TOKEN: &str = "s2";

static SECRETS: LazyLock<[SecretString; 2]> = LazyLock::new(|| [API_KEY.into(), AUTH_TOKEN.into()]);

fn check(error: &Error) {
    assert_ne!(error.code, Code::Config);
    assert!(
        error
            .retry_after
            .is_none_or(|wait| wait.as_secs() <= 24 * 60 * 60)
    );
    if let Some(cause) = &error.cause {
        assert!(!cause.contains(API_KEY) && !cause.contains(AUTH_TOKEN));
        assert!(!cause.contains(char::is_control) && cause.chars().count() < 220);
    }
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |&byte| byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let status = std::str::from_utf8(line())
        .ok()
        .and_then(|text| text.parse().ok());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(line()) {
        headers.insert("retry-after", value);
    }
    let response = Response {
        status: status.unwrap_or(200),
        headers,
        body: line().to_vec(),
    };
    let context = Context {
        now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        api_key: &SECRETS[0],
        auth_token: &SECRETS[1],
    };
    match read::token(&response, context) {
        Ok(token) => {
            assert!((200..300).contains(&response.status));
            assert!(!token.expose().trim().is_empty());
        }
        Err(error) => check(&error),
    }
    match read::permissions_change(&response, context) {
        Ok(()) => assert!((200..300).contains(&response.status)),
        Err(error) => check(&error),
    }
    match read::permissions(&response, context) {
        Ok(permissions) => assert!(permissions.values().all(|value| value.is_object())),
        Err(error) => check(&error),
    }
});
