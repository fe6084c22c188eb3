//! The records of calls and requests, as JavaScript gets them. `lib/tracing.js` publishes them.

use std::time::Duration;

use napi_derive::napi;
use tokio::time::Instant;

use super::values::{BreakerState, Code};
use crate::core::trace::records as trace;
use crate::core::trace::traceparent::Traceparent;

/// The core's [`trace::TracedCall`]. A `traceparent` with a wrong format is ignored.
#[napi(object, object_to_js = false)]
pub struct TracedCall {
    pub number: u32,
    pub traceparent: Option<String>,
}

impl From<TracedCall> for trace::TracedCall {
    fn from(call: TracedCall) -> Self {
        Self {
            number: call.number,
            traceparent: call.traceparent.as_deref().and_then(Traceparent::parse),
        }
    }
}

/// The core's [`trace::Records`]. `ago` is how many milliseconds before this conversion something
/// happened, and other times are durations in milliseconds: so JavaScript places them on its own clock.
#[napi(object, object_from_js = false)]
pub struct Records {
    pub requests: Vec<RequestRecord>,
    pub calls: Vec<CallRecord>,
    pub changes: Vec<ChangeRecord>,
    pub dropped: u32,
}

/// The core's [`trace::Request`].
#[napi(object, object_from_js = false)]
pub struct RequestRecord {
    pub call: Option<u32>,
    pub ago: f64,
    pub duration: f64,
    pub is_shared: bool,
    pub code: Option<Code>,
    pub attempts: Vec<AttemptRecord>,
}

/// The core's [`trace::Attempt`].
#[napi(object, object_from_js = false)]
pub struct AttemptRecord {
    pub ago: f64,
    pub duration: f64,
    pub queue: f64,
    pub dns: Option<f64>,
    pub connect: Option<f64>,
    pub first_byte: Option<f64>,
    pub resends: u32,
    pub url: Option<String>,
    pub status: Option<u16>,
    pub http_version: Option<String>,
    pub is_cancelled: bool,
    pub code: Option<Code>,
    pub retry_after: Option<f64>,
}

/// The core's [`trace::Call`].
#[napi(object, object_from_js = false)]
pub struct CallRecord {
    pub call: Option<u32>,
    pub source: Option<Source>,
    pub joined: Option<u32>,
}

/// The core's [`trace::Source`].
#[napi(string_enum = "lowercase")]
pub enum Source {
    Hit,
    Stale,
    Miss,
    Joined,
}

/// The core's [`trace::Change`].
#[napi(object, object_from_js = false)]
pub struct ChangeRecord {
    pub ago: f64,
    #[napi(js_name = "type")]
    pub r#type: ChangeType,
    pub breaker: Option<BreakerState>,
    pub is_reachable: Option<bool>,
    pub users: Option<u32>,
    /// The place of an auth token in the list.
    pub index: Option<u32>,
}

/// What has changed.
#[napi(string_enum = "kebab-case")]
pub enum ChangeType {
    CircuitBreaker,
    SharedCache,
    RemoteInvalidation,
    Cleared,
    CredentialRefused,
}

impl From<trace::Records> for Records {
    fn from(records: trace::Records) -> Self {
        let now = Instant::now();
        Self {
            requests: records
                .requests
                .into_iter()
                .map(|request| RequestRecord::new(request, now))
                .collect(),
            calls: records.calls.into_iter().map(Into::into).collect(),
            changes: records
                .changes
                .into_iter()
                .map(|(at, change)| ChangeRecord::new(change, now - at))
                .collect(),
            dropped: records.dropped,
        }
    }
}

impl RequestRecord {
    fn new(request: trace::Request, now: Instant) -> Self {
        Self {
            call: request.call,
            ago: milliseconds(now - request.started),
            duration: milliseconds(request.ended - request.started),
            is_shared: request.is_shared,
            code: request.error.map(Into::into),
            attempts: request
                .attempts
                .into_iter()
                .map(|attempt| AttemptRecord::new(attempt, now))
                .collect(),
        }
    }
}

impl AttemptRecord {
    fn new(attempt: trace::Attempt, now: Instant) -> Self {
        let (is_cancelled, code, retry_after) = match attempt.end {
            trace::End::Succeeded => (false, None, None),
            trace::End::Failed(code, retry_after) => (false, Some(code.into()), retry_after),
            trace::End::Cancelled => (true, None, None),
        };
        Self {
            ago: milliseconds(now - attempt.started),
            duration: milliseconds(attempt.ended - attempt.started),
            queue: milliseconds(attempt.queued),
            dns: attempt.looking_up.map(milliseconds),
            connect: attempt.connecting.map(milliseconds),
            first_byte: attempt
                .first_byte
                .map(|first_byte| milliseconds(first_byte - attempt.started)),
            resends: attempt.resends,
            url: attempt.url.map(Into::into),
            status: attempt.status,
            http_version: attempt.http_version.map(Into::into),
            is_cancelled,
            code,
            retry_after: retry_after.map(milliseconds),
        }
    }
}

impl From<trace::Call> for CallRecord {
    fn from(call: trace::Call) -> Self {
        Self {
            call: call.number,
            source: call.source.map(Into::into),
            joined: call.joined,
        }
    }
}

impl From<trace::Source> for Source {
    fn from(source: trace::Source) -> Self {
        match source {
            trace::Source::Hit => Self::Hit,
            trace::Source::Stale => Self::Stale,
            trace::Source::Miss => Self::Miss,
            trace::Source::Joined => Self::Joined,
        }
    }
}

impl ChangeRecord {
    fn new(change: trace::Change, ago: Duration) -> Self {
        let mut record = Self {
            ago: milliseconds(ago),
            r#type: ChangeType::Cleared,
            breaker: None,
            is_reachable: None,
            users: None,
            index: None,
        };
        match change {
            trace::Change::CircuitBreaker(state) => {
                record.r#type = ChangeType::CircuitBreaker;
                record.breaker = Some(state.into());
            }
            trace::Change::SharedCache(is_reachable) => {
                record.r#type = ChangeType::SharedCache;
                record.is_reachable = Some(is_reachable);
            }
            trace::Change::Invalidated(users) => {
                record.r#type = ChangeType::RemoteInvalidation;
                record.users = Some(users.try_into().unwrap_or(u32::MAX));
            }
            trace::Change::Cleared => {}
            trace::Change::CredentialRefused(index) => {
                record.r#type = ChangeType::CredentialRefused;
                record.index = Some(index.try_into().unwrap_or(u32::MAX));
            }
        }
        record
    }
}

/// Milliseconds with fractions: a request on the same machine takes less than one.
fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
