//! An answer: a token, or the reason why there is none.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::core::config::Config;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::transport::Answer;

/// The statuses of a server in trouble.
const TRANSIENT: [&str; 6] = [
    "UNAVAILABLE",
    "INTERNAL",
    "UNKNOWN",
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
];
/// The statuses of a request that no repetition makes acceptable.
const REFUSALS: [&str; 7] = [
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "UNIMPLEMENTED",
    "DATA_LOSS",
];
/// No sane server asks for more; it also keeps sums of times from overflowing.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of Velt's own sentence is worth keeping.
const MAX_CAUSE_CHARS: usize = 200;

#[derive(Deserialize)]
struct Success {
    result: SuccessResult,
}

#[derive(Deserialize)]
struct SuccessResult {
    data: SuccessData,
}

#[derive(Deserialize)]
struct SuccessData {
    token: String,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Default, Deserialize)]
struct FailureBody {
    #[serde(default)]
    message: String,
    status: Option<String>,
}

/// Reads an answer: a token, or the reason why there is none.
///
/// # Errors
/// The [`Code`] that Velt's `error.status` means, else the one that the HTTP status means;
/// [`Code::BadResponse`] for a success without a token.
pub fn read(answer: &Answer, now: SystemTime, config: &Config) -> Result<Token, Error> {
    if (200..300).contains(&answer.status)
        && let Ok(Success { result }) = serde_json::from_slice(&answer.body)
        && !result.data.token.trim().is_empty()
    {
        return Ok(Token::new(result.data.token, now));
    }
    let failure = serde_json::from_slice::<Failure>(&answer.body)
        .map(|failure| failure.error)
        .unwrap_or_default();
    let status = failure
        .status
        .as_deref()
        .filter(|status| is_rpc_code(status));
    let wait = answer
        .headers
        .get("retry-after")
        .and_then(|value| retry_after(value, now));
    Err(Error {
        http_status: Some(answer.status),
        status: status.map(ToOwned::to_owned),
        retry_after: wait,
        cause: velts_sentence(&failure.message, config),
        ..classify(answer.status, status, &failure.message)
    })
}

/// `status` first, the HTTP code second: a proxy in between can change only the latter.
fn classify(http_status: u16, status: Option<&str>, message: &str) -> Error {
    match (status, http_status) {
        (Some("UNAUTHENTICATED" | "PERMISSION_DENIED"), _) => unauthorized(),
        (Some("INVALID_ARGUMENT"), _) if blames_credentials(message) => unauthorized(),
        (Some("RESOURCE_EXHAUSTED"), _) => rate_limited(),
        (Some(status), _) if TRANSIENT.contains(&status) => unavailable(),
        (Some(status), _) if REFUSALS.contains(&status) => rejected(),
        // Not for good: such an answer comes from something in between that failed.
        (_, 200..=299) => Error::transient(
            Code::BadResponse,
            "Velt's answer holds no token; if this persists, check what baseUrl and proxy point at.",
        ),
        (_, 300..=399) => Error::permanent(
            Code::BadResponse,
            "Velt's address answered with a redirect, which is not followed since it would carry \
             the auth token elsewhere; check baseUrl.",
        ),
        (_, 401 | 403) => unauthorized(),
        (_, 429) => rate_limited(),
        (_, 408) => unavailable(),
        (_, 400..=499 | 501) => rejected(),
        _ => unavailable(),
    }
}

fn unauthorized() -> Error {
    Error::permanent(
        Code::Unauthorized,
        "Velt refused the credentials; check apiKey and authToken against console.velt.dev.",
    )
}

fn rejected() -> Error {
    Error::permanent(
        Code::Rejected,
        "Velt refused the request; `status` and `cause` say why, and repeating it will not help.",
    )
}

fn rate_limited() -> Error {
    Error::transient(
        Code::RateLimited,
        "Velt's rate limit was reached; wait for `retryAfter` and ask for fewer tokens.",
    )
}

fn unavailable() -> Error {
    Error::transient(
        Code::Unavailable,
        "Velt's API is failing at the moment; try again later.",
    )
}

/// Velt answers wrong credentials with `INVALID_ARGUMENT` and "Auth token not found." (its guide),
/// so that one status needs a look at the words.
fn blames_credentials(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["auth token", "authtoken", "api key", "apikey"]
        .iter()
        .any(|name| message.contains(name))
}

/// Keeps the status from carrying anything but a code name into logs.
fn is_rpc_code(status: &str) -> bool {
    status.len() <= 32
        && status
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Velt's sentence for the developer's log: short, on one line, and without our credentials,
/// should it quote them.
fn velts_sentence(message: &str, config: &Config) -> Option<String> {
    let line: String = message
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_CAUSE_CHARS)
        .collect();
    let quotes_a_secret = [&config.api_key, &config.auth_token]
        .into_iter()
        .any(|secret| message.contains(secret.expose_secret()));
    (!line.is_empty() && !quotes_a_secret).then(|| format!("Velt answered: {line}"))
}

/// `Retry-After` in both its forms (RFC 9110, 10.2.3).
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
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
        let answer = Answer {
            status: http_status,
            headers: HeaderMap::new(),
            body: body.into(),
        };
        read(&answer, NOW, &config()).unwrap_err()
    }

    #[test]
    fn every_status_has_its_code_whatever_the_http_code_says() {
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
                assert_eq!(error.cause.as_deref(), Some("Velt answered: No."));
            }
        }
    }

    #[test]
    fn without_a_status_the_http_code_decides() {
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
    fn wrong_credentials_are_told_from_other_wrong_arguments() {
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
        let answer = |token: &str| Answer {
            status: 200,
            headers: HeaderMap::new(),
            body: format!(r#"{{"result":{{"status":"success","data":{{"token":{token}}}}}}}"#)
                .into(),
        };
        assert_eq!(
            read(&answer(r#""tok""#), NOW, &config()).unwrap().expose(),
            "tok"
        );
        for token in [r#""""#, r#"" ""#, "null", "7", "{}", r#"["tok"]"#] {
            let error = read(&answer(token), NOW, &config()).unwrap_err();
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
        assert_eq!(read("18446744073709551615"), Some(MAX_RETRY_AFTER));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(MAX_RETRY_AFTER));
        for text in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
        let past = NOW + Duration::from_secs(60);
        let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:09 GMT");
        assert_eq!(retry_after(&date, past), Some(Duration::ZERO));
    }

    #[test]
    fn velts_sentence_is_short_and_quotes_no_secret() {
        let say = |message: &str| velts_sentence(message, &config());
        assert_eq!(say("Auth token auth-token-1 not found."), None);
        assert_eq!(say("Key api-key-1 is unknown."), None);
        assert_eq!(say("a\n\u{1b}[31mb").unwrap(), "Velt answered: a[31mb");
        assert_eq!(
            say(&"x".repeat(5000)).unwrap().len(),
            "Velt answered: ".len() + 200
        );
    }

    #[test]
    fn a_status_that_is_no_code_name_is_dropped() {
        let error = refusal(400, r#"{"error":{"message":"","status":"Your key: abc"}}"#);
        assert_eq!((error.code, error.status), (Code::Rejected, None));
    }
}
