//! Every response that Velt documents, and responses of proxies.

use reqwest::header::HeaderMap;

use super::*;
use crate::core::config::Options;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn config() -> Config {
    Config::new(Options {
        api_key: "api-key-1".into(),
        auth_token: "auth-token-1".into(),
        ..Options::default()
    })
    .unwrap()
}

fn refusal(http_status: u16, body: &str) -> Error {
    let response = Response {
        status: http_status,
        headers: HeaderMap::new(),
        body: body.into(),
    };
    read(&response, NOW, &config()).unwrap_err()
}

#[test]
fn the_status_decides_whatever_the_http_status_is() {
    let table = [
        ("UNAUTHENTICATED", Code::Unauthorized, false),
        ("PERMISSION_DENIED", Code::Unauthorized, false),
        ("RESOURCE_EXHAUSTED", Code::RateLimited, true),
        ("UNAVAILABLE", Code::Unavailable, true),
        ("INTERNAL", Code::Unavailable, true),
        ("UNKNOWN", Code::Unavailable, true),
        ("ABORTED", Code::Unavailable, true),
        ("CANCELLED", Code::Unavailable, true),
        ("DEADLINE_EXCEEDED", Code::Unavailable, true),
        ("INVALID_ARGUMENT", Code::Rejected, false),
        ("FAILED_PRECONDITION", Code::Rejected, false),
        ("OUT_OF_RANGE", Code::Rejected, false),
        ("NOT_FOUND", Code::Rejected, false),
        ("ALREADY_EXISTS", Code::Rejected, false),
        ("UNIMPLEMENTED", Code::Rejected, false),
        ("DATA_LOSS", Code::Rejected, false),
    ];
    for http_status in [200, 400, 401, 429, 503] {
        for (status, code, retryable) in table {
            let body = format!(r#"{{"error":{{"message":"No.","status":"{status}"}}}}"#);
            let error = refusal(http_status, &body);
            assert_eq!((error.code, error.retryable), (code, retryable), "{status}");
            assert_eq!(error.status.as_deref(), Some(status));
            assert_eq!(error.http_status, Some(http_status));
            assert_eq!(error.cause.as_deref(), Some("Velt responded: No."));
        }
    }
}

#[test]
fn without_a_status_the_http_status_decides() {
    let table = [
        (200, Code::BadResponse, true),
        (204, Code::BadResponse, true),
        (302, Code::BadResponse, false),
        (400, Code::Rejected, false),
        (401, Code::Unauthorized, false),
        (403, Code::Unauthorized, false),
        (404, Code::Rejected, false),
        (408, Code::Unavailable, true),
        (429, Code::RateLimited, true),
        (500, Code::Unavailable, true),
        (501, Code::Rejected, false),
        (502, Code::Unavailable, true),
        (503, Code::Unavailable, true),
        (504, Code::Unavailable, true),
    ];
    let bodies = [
        "",
        "<html>",
        "{}",
        r#"{"error":"no"}"#,
        r#"{"error":{"status":7}}"#,
    ];
    for (http_status, code, retryable) in table {
        for body in bodies {
            let error = refusal(http_status, body);
            assert_eq!(
                (error.code, error.retryable),
                (code, retryable),
                "{http_status}"
            );
            assert_eq!((error.status, error.cause), (None, None));
        }
    }
}

#[test]
fn wrong_credentials_are_distinguished_from_other_invalid_arguments() {
    let body = |message: &str| {
        format!(r#"{{"error":{{"message":"{message}","status":"INVALID_ARGUMENT"}}}}"#)
    };
    for message in [
        "Auth token not found.",
        "Invalid API key",
        "apiKey is required",
    ] {
        assert_eq!(
            refusal(400, &body(message)).code,
            Code::Unauthorized,
            "{message}"
        );
    }
    assert_eq!(
        refusal(400, &body("userId is required")).code,
        Code::Rejected
    );
}

#[test]
fn only_a_non_empty_string_is_a_token() {
    let response = |token: &str| Response {
        status: 200,
        headers: HeaderMap::new(),
        body: format!(r#"{{"result":{{"status":"success","data":{{"token":{token}}}}}}}"#).into(),
    };
    assert_eq!(
        read(&response(r#""tok""#), NOW, &config())
            .unwrap()
            .expose(),
        "tok"
    );
    for token in [r#""""#, r#"" ""#, "null", "7", "{}", r#"["tok"]"#] {
        let error = read(&response(token), NOW, &config()).unwrap_err();
        assert_eq!(error.code, Code::BadResponse, "{token}");
    }
}

#[test]
fn retry_after_is_read_in_both_its_forms() {
    let read = |text| retry_after(&HeaderValue::from_static(text), NOW);
    assert_eq!(read("7"), Some(Duration::from_secs(7)));
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(
        read("Thu, 01 Jan 1970 00:00:09 GMT"),
        Some(Duration::from_secs(9))
    );
    assert_eq!(read("18446744073709551615"), Some(MAX_RETRY_AFTER_HEADER));
    assert_eq!(
        read("Fri, 31 Dec 9999 23:59:59 GMT"),
        Some(MAX_RETRY_AFTER_HEADER)
    );
    for text in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
        assert_eq!(read(text), None, "{text}");
    }
    let past = NOW + Duration::from_secs(60);
    let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:09 GMT");
    assert_eq!(retry_after(&date, past), Some(Duration::ZERO));
}

#[test]
fn velts_message_is_short_and_contains_no_secret() {
    let say = |message: &str| velts_message(message, &config());
    assert_eq!(say("Auth token auth-token-1 not found."), None);
    assert_eq!(say("Key api-key-1 is unknown."), None);
    assert_eq!(say("a\n\u{1b}[31mb").unwrap(), "Velt responded: a[31mb");
    assert_eq!(
        say(&"x".repeat(5000)).unwrap().len(),
        "Velt responded: ".len() + 200
    );
}

#[test]
fn a_status_that_is_no_known_code_is_dropped() {
    let error = refusal(400, r#"{"error":{"message":"","status":"Your key: abc"}}"#);
    assert_eq!((error.code, error.status), (Code::Rejected, None));
}
