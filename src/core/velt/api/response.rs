//! A response: a token, or an error.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::core::config::Config;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::velt::transport::Response;

/// The statuses of transient failures.
const TRANSIENT: [&str; 6] = [
    "UNAVAILABLE",
    "INTERNAL",
    "UNKNOWN",
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
];
/// The statuses of permanent rejections.
const REJECTIONS: [&str; 7] = [
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "UNIMPLEMENTED",
    "DATA_LOSS",
];
/// The other failures of `google.rpc.Code`. `classify` maps them to other errors.
const OTHERS: [&str; 3] = ["UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"];
/// A longer `Retry-After` is cut to this, so that sums of times do not overflow.
const MAX_RETRY_AFTER_HEADER: Duration = Duration::from_secs(24 * 60 * 60);
/// Velt's message is cut to this length.
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

/// Reads a response.
///
/// # Errors
/// The [`Code`] for Velt's `error.status`, else for the HTTP status; [`Code::BadResponse`] for a success
/// without a token.
pub fn read(response: &Response, now: SystemTime, config: &Config) -> Result<Token, Error> {
    if (200..300).contains(&response.status)
        && let Ok(Success { result }) = serde_json::from_slice(&response.body)
        && !result.data.token.trim().is_empty()
    {
        return Ok(Token::new(result.data.token, now));
    }
    let failure = serde_json::from_slice::<Failure>(&response.body)
        .map(|failure| failure.error)
        .unwrap_or_default();
    let status = failure
        .status
        .as_deref()
        .filter(|status| is_rpc_code(status));
    let wait = response
        .headers
        .get("retry-after")
        .and_then(|value| retry_after(value, now));
    Err(Error {
        http_status: Some(response.status),
        status: status.map(ToOwned::to_owned),
        retry_after: wait,
        cause: velts_message(&failure.message, config),
        ..classify(response.status, status, &failure.message)
    })
}

/// Velt's status has priority over the HTTP status, because a proxy may have set the HTTP status.
fn classify(http_status: u16, status: Option<&str>, message: &str) -> Error {
    match (status, http_status) {
        (Some("UNAUTHENTICATED" | "PERMISSION_DENIED"), _) => unauthorized(),
        (Some("INVALID_ARGUMENT"), _) if blames_credentials(message) => unauthorized(),
        (Some("RESOURCE_EXHAUSTED"), _) => rate_limited(),
        (Some(status), _) if TRANSIENT.contains(&status) => unavailable(),
        (Some("NOT_FOUND"), _) => Error::permanent(
            Code::Rejected,
            "Velt has no endpoint at this path, or does not know what the request names. Check baseUrl: it \
             must not contain the path of the endpoint. `cause` has Velt's message.",
        ),
        (Some(status), _) if REJECTIONS.contains(&status) => rejected(),
        // Transient: such a response comes from a proxy that failed.
        (_, 200..=299) => Error::transient(
            Code::BadResponse,
            "The response contains no token. If this persists, check baseUrl and proxy.",
        ),
        (_, 300..=399) => Error::permanent(
            Code::BadResponse,
            "The server responded with a redirect. It is not followed, since the auth token would be \
             sent to another server; check baseUrl.",
        ),
        // Velt always sends a status: this comes from a proxy or a firewall.
        (None, 401 | 403) => Error::permanent(
            Code::Unauthorized,
            "A server denied the request, but not with a response of Velt's API. Check baseUrl, and \
             whether a proxy or a firewall blocks the request.",
        ),
        (_, 401 | 403) => unauthorized(),
        (_, 429) => rate_limited(),
        (None, 404) => Error::permanent(
            Code::Rejected,
            "The server has no Velt API at this path (HTTP 404); check baseUrl.",
        ),
        (None, 400) => Error::permanent(
            Code::Rejected,
            "A server rejected the request (HTTP 400), but not with a response of Velt's API. Check \
             baseUrl and proxy.",
        ),
        (_, 408) => unavailable(),
        (_, 400..=499 | 501) => rejected(),
        _ => unavailable(),
    }
}

fn unauthorized() -> Error {
    Error::permanent(
        Code::Unauthorized,
        "Velt rejected the credentials. Compare apiKey and authToken with those in the Velt console \
         (console.velt.dev).",
    )
}

fn rejected() -> Error {
    Error::permanent(
        Code::Rejected,
        "Velt rejected the request; `status` and `cause` name the reason. A retry will not help.",
    )
}

fn rate_limited() -> Error {
    Error::transient(
        Code::RateLimited,
        "Velt's rate limit was reached. Wait for `retryAfter`, and request fewer tokens.",
    )
}

fn unavailable() -> Error {
    Error::transient(
        Code::Unavailable,
        "Velt's API does not work at the moment; try again later.",
    )
}

/// For wrong credentials Velt sends `INVALID_ARGUMENT` and "Auth token not found." (according to Velt's
/// guide). Only the message identifies this case.
fn blames_credentials(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["auth token", "authtoken", "api key", "apikey"]
        .iter()
        .any(|name| message.contains(name))
}

/// Whether a status is a known code: no other text gets into logs.
fn is_rpc_code(status: &str) -> bool {
    TRANSIENT.contains(&status) || REJECTIONS.contains(&status) || OTHERS.contains(&status)
}

/// Velt's message for the developer's log: short, on one line, and left out if it contains one of our
/// credentials.
fn velts_message(message: &str, config: &Config) -> Option<String> {
    let mut line = message.replace(char::is_control, "");
    let contains_a_secret = [&config.api_key, &config.auth_token]
        .into_iter()
        .any(|secret| line.contains(secret.expose_secret()));
    if let Some((end, _)) = line.char_indices().nth(MAX_CAUSE_CHARS) {
        line.truncate(end);
    }
    (!line.is_empty() && !contains_a_secret).then(|| format!("Velt responded: {line}"))
}

/// `Retry-After` in both forms (RFC 9110, 10.2.3).
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER_HEADER))
}

#[cfg(test)]
mod tests;
