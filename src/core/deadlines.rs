//! How the time of a call is divided.
//!
//! | limit | part of the client's `deadline` | by default | covers |
//! | --- | --- | --- | --- |
//! | [`shared_cache`] | 3/4 | 11.25 s | all work in the shared cache before the request to Velt |
//! | [`lease_wait`] | 1/2 | 7.5 s | waiting for another server that holds the lease |
//! | [`redis_command`] | 1/4, at most 2 s | 2 s | one command to Redis, or the connection for it |
//! | [`is_short`] | 1/8 | 1.875 s | a call that had less time: its timeout does not show that Velt fails |
//! | [`STALE_AFTER`] | 1 s | 1 s | waiting for a new token while a valid one is cached |
//!
//! So at least a quarter of the deadline remains for Velt, even if Redis does not respond.

use std::time::Duration;

/// If a valid token is cached, a call waits at most this time for a new token.
pub const STALE_AFTER: Duration = Duration::from_secs(1);

/// Redis normally responds within a few milliseconds; a thousand commands at once on a busy machine take
/// longer.
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

/// Whether `time` is so short that the timeout of a call with only this time does not show that Velt
/// fails.
#[must_use]
pub fn is_short(time: Duration, deadline: Duration) -> bool {
    time < deadline / 8
}
