//! The records that JavaScript takes.

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::traceparent::Traceparent;
use crate::core::error::Code;

/// The number that JavaScript gave to a call.
pub type CallNumber = u32;

/// A call that is recorded.
#[derive(Clone, Copy, Debug)]
pub struct TracedCall {
    /// The number of the call.
    pub number: CallNumber,
    /// The header that the requests of the call have.
    pub traceparent: Option<Traceparent>,
}

/// Everything since the records were last taken, oldest first.
#[derive(Debug, Default)]
pub struct Records {
    /// The requests that have ended.
    pub requests: Vec<Request>,
    /// The calls that have ended.
    pub calls: Vec<Call>,
    /// What has changed in the caches and the circuit breaker.
    pub changes: Vec<(Instant, Change)>,
    /// How many records were dropped, because too many waited.
    pub dropped: u32,
}

/// How a call got its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the cache of this process, without waiting.
    Hit,
    /// A token with less validity than required: Velt failed, or did not respond within a second.
    Stale,
    /// The call started a request.
    Miss,
    /// The call waited for the request of another call, or of a refresh.
    Joined,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The call; `None` for a lookup in the cache of this process, which has no number.
    pub number: Option<CallNumber>,
    /// `None` if the call failed before its lookup.
    pub source: Option<Source>,
    /// The call that started the request that this call joined; `None` for a refresh.
    pub joined: Option<CallNumber>,
}

/// All attempts for one token, of a call or of a refresh.
#[derive(Debug)]
pub struct Request {
    /// The call that started the request; `None` for a refresh.
    pub call: Option<CallNumber>,
    /// When the request started.
    pub started: Instant,
    /// When the request ended.
    pub ended: Instant,
    /// Whether the token came from the shared cache. Then there is no attempt.
    pub is_shared: bool,
    /// Why the request failed.
    pub error: Option<Code>,
    /// How long the next attempt waited for a free connection.
    pub waited: Duration,
    /// The attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One HTTP request to Velt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How long the attempt waited for a free connection.
    pub queued: Duration,
    /// When the attempt started, after that wait.
    pub started: Instant,
    /// When the response was complete, or the attempt failed.
    pub ended: Instant,
    /// The URL; `None` if nothing was sent.
    pub url: Option<Url>,
    /// How long the DNS lookup took. `None` if there was none.
    pub looking_up: Option<Duration>,
    /// How long it took to open a connection: DNS, TCP, the tunnel through a proxy, and TLS. `None` if
    /// the attempt used an open connection.
    pub connecting: Option<Duration>,
    /// How often the request was sent again on another connection, because a connection was closed or the
    /// server refused the request before it did anything.
    pub resends: u32,
    /// When the headers of the response were complete.
    pub first_byte: Option<Instant>,
    /// The HTTP status of the response.
    pub status: Option<u16>,
    /// The version of HTTP, such as `1.1`.
    pub http_version: Option<&'static str>,
    /// How the attempt ended.
    pub end: End,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// With a valid response.
    Succeeded,
    /// With a failure, and the time that Velt's `Retry-After` asks to wait.
    Failed(Code, Option<Duration>),
    /// The call was aborted, its deadline passed, or the client was closed.
    Cancelled,
}

/// A change that concerns more than one call.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The circuit breaker.
    CircuitBreaker(BreakerState),
    /// Whether the shared cache can be reached.
    SharedCache(bool),
    /// Other servers have invalidated this many user ids.
    Invalidated(usize),
    /// All tokens of this process were dropped, because events of the log are missing.
    Cleared,
    /// Velt refused the auth token at this place of the list; 0 if there is no list.
    CredentialRefused(usize),
}

/// The state of the circuit breaker.
#[derive(Clone, Copy, Debug)]
pub enum BreakerState {
    /// Requests are sent.
    Closed,
    /// Calls fail at once.
    Open,
    /// One call is a probe.
    HalfOpen,
}
