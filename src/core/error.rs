//! The one error type, classified where the knowledge is and carried unchanged to the caller.

use std::time::Duration;

/// However long a `Retry-After` asks for, somebody looks again after so long: the answer may be
/// wrong, and so may be a clock.
pub const MAX_TOLD: Duration = Duration::from_secs(60);

/// What went wrong, as one of a closed list. The names are what JavaScript sees as `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An option of the client is missing or wrong.
    Config,
    /// The user to make a token for is not one that Velt can take.
    InvalidUser,
    /// Velt refused the API key or the auth token.
    Unauthorized,
    /// Velt refused the request for any other reason.
    Rejected,
    /// Velt asks for fewer requests.
    RateLimited,
    /// Velt, or a proxy before it, failed: 408, 5xx but 501, and what Velt calls transient.
    Unavailable,
    /// No complete answer arrived: DNS, connect, TLS, reset.
    Network,
    /// No complete answer arrived in time.
    Timeout,
    /// An answer arrived that holds no token and no reason.
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

/// A failed call: what failed and what to do about it.
///
/// No field ever holds a credential, a user's token, or a body that Velt sent.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// One sentence for the developer who reads the log.
    pub message: String,
    /// Whether the same call can succeed later without anybody changing anything.
    pub retryable: bool,
    /// Requests sent for this call; 0 when it was refused before anything was sent, or given up (the
    /// client closed, a shared answer late) while one was on its way.
    pub attempts: u32,
    /// The HTTP status of the last answer, if there was one.
    pub http_status: Option<u16>,
    /// Velt's own status, a `google.rpc.Code` name such as `INVALID_ARGUMENT`.
    pub status: Option<String>,
    /// How long Velt asked us to wait.
    pub retry_after: Option<Duration>,
    /// The technical detail: the chain of causes below us, or Velt's sentence.
    pub cause: Option<String>,
}

impl Error {
    /// An error that no retry mends.
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

    /// An error that may be gone on the next try.
    pub fn transient(code: Code, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(code, message)
        }
    }

    /// A wrong option: `message` names it and says what to write instead.
    pub fn config(message: impl Into<String>) -> Self {
        Self::permanent(Code::Config, message)
    }

    /// A wrong user: `message` names the field and says what to write instead.
    pub fn invalid_user(message: impl Into<String>) -> Self {
        Self::permanent(Code::InvalidUser, message)
    }

    /// The answer to every call on a closed client.
    #[must_use]
    pub fn closed() -> Self {
        Self::permanent(
            Code::Closed,
            "This client was closed; create a new VeltAuthClient to ask for tokens again.",
        )
    }

    /// The answer to those who waited for a question that ended in a panic.
    #[must_use]
    pub fn broken_off() -> Self {
        Self::transient(
            Code::Network,
            "The question broke off inside velt-auth: either the system has no thread left, or this \
             is a bug to report.",
        )
    }

    /// Whether Velt could not be asked, or gave no answer worth the name. What it said before then
    /// still holds; after any other error it does not.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self.code,
            Code::RateLimited
                | Code::Unavailable
                | Code::Network
                | Code::Timeout
                | Code::BadResponse
        )
    }

    /// The same error, with the technical detail below it.
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
