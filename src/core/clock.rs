//! The wall clock. Tests replace it.

use std::time::SystemTime;

/// Wall-clock time, because the `exp` of a token is wall-clock time.
#[derive(Clone, Copy, Debug)]
pub struct Clock(fn() -> SystemTime);

impl Default for Clock {
    fn default() -> Self {
        Self(SystemTime::now)
    }
}

impl Clock {
    /// The time now.
    #[must_use]
    pub fn now(self) -> SystemTime {
        self.0()
    }

    /// A clock that tells the time of `now`.
    #[cfg(test)]
    pub(crate) fn of(now: fn() -> SystemTime) -> Self {
        Self(now)
    }

    /// A clock that moves with tokio's paused time.
    #[cfg(test)]
    pub(crate) fn paused() -> Self {
        use std::sync::LazyLock;
        use std::time::{Duration, Instant, UNIX_EPOCH};

        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        LazyLock::force(&START);
        Self(|| {
            let passed = tokio::time::Instant::now()
                .into_std()
                .saturating_duration_since(*START);
            UNIX_EPOCH + Duration::from_secs(1_800_000_000) + passed
        })
    }
}
