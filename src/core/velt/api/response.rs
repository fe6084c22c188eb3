//! A response: its result, or an error.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::core::error::{Code, Error};
use crate::core::permissions::Permissions;
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
struct Success<R> {
    result: R,
}

#[derive(Deserialize)]
struct TokenResult {
    data: TokenData,
}

#[derive(Deserialize)]
struct TokenData {
    token: String,
}

#[derive(Deserialize)]
struct ChangeResult {
    status: String,
}

#[derive(Deserialize)]
struct PermissionsResult {
    data: Permissions,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

/// Each field can have any type: a `message` that is no string must not hide the `status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct FailureBody {
    message: Value,
    status: Value,
    details: Value,
}

impl FailureBody {
    fn message(&self) -> &str {
        self.message.as_str().unwrap_or_default()
    }

    /// A known code: no other text gets into logs.
    fn status(&self) -> Option<&str> {
        self.status.as_str().filter(|status| is_rpc_code(status))
    }
}

/// What is needed to read a response: `now` is when it arrived.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// See above.
    pub now: SystemTime,
    /// No error contains this secret.
    pub api_key: &'a SecretString,
    /// No error contains this secret.
    pub auth_token: &'a SecretString,
}

/// Reads the response to a request for a token.
///
/// # Errors
/// The [`Code`] for Velt's `error.status`, else for the HTTP status; [`Code::BadResponse`] for a success
/// without a token.
pub fn token(response: &Response, context: Context<'_>) -> Result<Token, Error> {
    match success::<TokenResult>(response) {
        Some(TokenResult { data }) if !data.token.trim().is_empty() => {
            Ok(Token::new(data.token, context.now))
        }
        _ => Err(failure(response, &failure_body(response), context)),
    }
}

/// Reads the response to a change of permissions.
///
/// # Errors
/// As [`token`].
pub fn permissions_change(response: &Response, context: Context<'_>) -> Result<(), Error> {
    match success::<ChangeResult>(response) {
        Some(ChangeResult { status }) if status == "success" => Ok(()),
        _ => Err(failure(response, &failure_body(response), context)),
    }
}

/// Reads the response to a question for permissions. If a folder or document does not exist, Velt sends
/// the permissions as the details of an error: each of them says whether its resource exists.
///
/// # Errors
/// As [`token`].
pub fn permissions(response: &Response, context: Context<'_>) -> Result<Permissions, Error> {
    let are_valid = |permissions: &Permissions| permissions.values().all(Value::is_object);
    if let Some(PermissionsResult { data }) = success(response)
        && are_valid(&data)
    {
        return Ok(data);
    }
    let body = failure_body(response);
    let is_missing = body.status() == Some("NOT_FOUND");
    match &body.details {
        Value::Object(data) if is_missing && !data.is_empty() && are_valid(data) => {
            Ok(data.clone())
        }
        _ => Err(failure(response, &body, context)),
    }
}

fn success<R: DeserializeOwned>(response: &Response) -> Option<R> {
    let is_success = (200..300).contains(&response.status);
    let body = is_success.then_some(&response.body)?;
    let Success { result } = serde_json::from_slice(body).ok()?;
    Some(result)
}

fn failure_body(response: &Response) -> FailureBody {
    serde_json::from_slice::<Failure>(&response.body)
        .map(|failure| failure.error)
        .unwrap_or_default()
}

fn failure(response: &Response, body: &FailureBody, context: Context<'_>) -> Error {
    let wait = response
        .headers
        .get("retry-after")
        .and_then(|value| retry_after(value, context.now));
    let error = classify(response.status, body.status(), body.message());
    Error {
        http_status: Some(response.status),
        status: body.status().map(Into::into),
        retry_after: wait,
        cause: velts_message(body.message(), context),
        ..error
    }
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
            "The response contains neither a result nor an error of Velt. If this persists, check baseUrl and \
             proxy.",
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
        "Velt's rate limit was reached. Wait for `retryAfter`, and send fewer requests.",
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

fn is_rpc_code(status: &str) -> bool {
    TRANSIENT.contains(&status) || REJECTIONS.contains(&status) || OTHERS.contains(&status)
}

/// Velt's message for the developer's log: short, on one line, and left out if it contains one of our
/// credentials.
fn velts_message(message: &str, context: Context<'_>) -> Option<String> {
    let mut line = message.replace(char::is_control, "");
    let contains_a_secret = [context.api_key, context.auth_token]
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
