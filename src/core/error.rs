//! The one error type. An error is classified where its cause is known, and reaches the caller
//! unchanged.

use std::time::Duration;

/// The longest time for which a `Retry-After` is obeyed. A longer one may come from a wrong response or
/// a wrong clock.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The kind of a failure. JavaScript sees it as `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An option of the client is missing or wrong.
    Config,
    /// The user is invalid: Velt could not make a token for it.
    InvalidUser,
    /// Velt rejected the API key or the auth token.
    Unauthorized,
    /// Velt rejected the request for another reason.
    Rejected,
    /// Velt's rate limit was reached.
    RateLimited,
    /// Velt, or a proxy before it, failed: 408, 5xx except 501, and errors that Velt calls transient.
    Unavailable,
    /// No complete response arrived: DNS, connect, TLS, reset.
    Network,
    /// No complete response arrived in time.
    Timeout,
    /// A response arrived that has neither a result nor an error.
    BadResponse,
    /// The client was closed.
    Closed,
}

impl Code {
    /// Every code, in declaration order, so that `ALL[code as usize] == code`.
    pub const ALL: [Self; 10] = [
        Self::Config,
        Self::InvalidUser,
        Self::Unauthorized,
        Self::Rejected,
        Self::RateLimited,
        Self::Unavailable,
        Self::Network,
        Self::Timeout,
        Self::BadResponse,
        Self::Closed,
    ];
}

/// Why a call failed, and what to do about it.
///
/// No field holds a credential, a user's token, or the body of a response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind of the failure.
    pub code: Code,
    /// One sentence for the developer who reads the log.
    pub message: String,
    /// Whether the same call can succeed later without any change by the developer.
    pub retryable: bool,
    /// Requests sent for this call. It is 0 when the call failed before a request was sent, and when the
    /// deadline or the closing of the client ended the call while a request was in flight.
    pub attempts: u32,
    /// The HTTP status of the last response, if there was one.
    pub http_status: Option<u16>,
    /// Velt's own status, a `google.rpc.Code` name such as `INVALID_ARGUMENT`.
    pub status: Option<String>,
    /// The time that Velt's `Retry-After` asks to wait.
    pub retry_after: Option<Duration>,
    /// The technical detail: the chain of underlying errors, or Velt's message.
    pub cause: Option<String>,
}

impl Error {
    /// A permanent failure: a retry cannot succeed.
    pub fn permanent(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retryable: false,
            attempts: 0,
            http_status: None,
            status: None,
            retry_after: None,
            cause: None,
        }
    }

    /// A transient failure: a retry may succeed.
    pub fn transient(code: Code, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(code, message)
        }
    }

    /// An invalid option. `message` names the option and says what to write instead.
    pub fn config(message: impl Into<String>) -> Self {
        Self::permanent(Code::Config, message)
    }

    /// An invalid user. `message` names the field and says what to write instead.
    pub fn invalid_user(message: impl Into<String>) -> Self {
        Self::permanent(Code::InvalidUser, message)
    }

    /// The error of every call on a closed client.
    #[must_use]
    pub fn closed() -> Self {
        Self::permanent(
            Code::Closed,
            "This client was closed; create a new VeltAuthClient to ask for tokens again.",
        )
    }

    /// The error of followers whose leader ended in a panic.
    #[must_use]
    pub fn leader_panicked() -> Self {
        Self::transient(
            Code::Network,
            "The request ended inside velt-auth. Either the system has no \
             thread left, or this is a bug of velt-auth; please report it.",
        )
    }

    /// Whether no valid response came from Velt. Then Velt's earlier responses are still valid, and a
    /// cached token may be served. After any other error, a cached token may not be served. If a provider may
    /// have another auth token soon, a rejection of the auth token is an outage too.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        let is_rotating = self.code == Code::Unauthorized && self.retryable;
        is_rotating
            || matches!(
                self.code,
                Code::RateLimited
                    | Code::Unavailable
                    | Code::Network
                    | Code::Timeout
                    | Code::BadResponse
            )
    }

    /// The same error, with a technical detail as its cause.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_at_its_own_index() {
        for (index, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, index);
        }
    }
}
