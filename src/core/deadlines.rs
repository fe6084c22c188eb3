//! How the time of a call is shared out.
//!
//! | limit | part of the client's `deadline` | by default | covers |
//! | --- | --- | --- | --- |
//! | [`shared_cache`] | 3/4 | 11.25 s | all work in the shared cache before the request to Velt |
//! | [`lease_wait`] | 1/2 | 7.5 s | waiting for another server that holds the lease |
//! | [`redis_command`] | 1/4, at most 2 s | 2 s | one command to Redis |
//! | [`is_short`] | 1/8 | 1.875 s | a call that had less time says nothing about Velt's health |
//! | [`STALE_AFTER`] | 1 s | 1 s | waiting for a new token while a valid one is cached |
//!
//! So a quarter of the deadline at least is left for Velt, whatever Redis does.

use std::time::Duration;

/// A call that can be served with a valid token waits no longer for a new one.
pub const STALE_AFTER: Duration = Duration::from_secs(1);

/// A healthy Redis answers within a few milliseconds; a thousand commands at once on a busy machine
/// take longer.
const MAX_REDIS_COMMAND: Duration = Duration::from_secs(2);

/// All work in the shared cache before the request to Velt.
#[must_use]
pub fn shared_cache(deadline: Duration) -> Duration {
    deadline * 3 / 4
}

/// Waiting for another server that holds the lease.
#[must_use]
pub fn lease_wait(deadline: Duration) -> Duration {
    deadline / 2
}

/// One command to Redis.
#[must_use]
pub fn redis_command(deadline: Duration) -> Duration {
    MAX_REDIS_COMMAND.min(deadline / 4)
}

/// Whether a call that had only `time` and ran out of it says nothing about Velt's health.
#[must_use]
pub fn is_short(time: Duration, deadline: Duration) -> bool {
    time < deadline / 8
}
