//! An answer: a token, or the reason why there is none.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::core::config::Config;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::velt::transport::Answer;

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
/// The rest of `google.rpc.Code`'s failures, each with a meaning of its own.
const OTHERS: [&str; 3] = ["UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"];
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
    TRANSIENT.contains(&status) || REFUSALS.contains(&status) || OTHERS.contains(&status)
}

/// Velt's sentence for the developer's log: short, on one line, and without our credentials,
/// should it quote them.
fn velts_sentence(message: &str, config: &Config) -> Option<String> {
    let mut line = message.replace(char::is_control, "");
    let quotes_a_secret = [&config.api_key, &config.auth_token]
        .into_iter()
        .any(|secret| line.contains(secret.expose_secret()));
    if let Some((end, _)) = line.char_indices().nth(MAX_CAUSE_CHARS) {
        line.truncate(end);
    }
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
mod tests;
