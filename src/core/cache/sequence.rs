//! The order in which the requests for a user began, on all servers. The outcome of an older request
//! never replaces the outcome of a newer one.

use tokio::time::Instant;

/// The number of a request: a later request has a higher number.
///
/// With a shared cache, Redis numbers the requests of all servers: see `redis_store.rs`. The number is
/// the time at which the request began, by the clock of Redis, in microseconds. A request that begins
/// while Redis is unreachable gets an estimate of this time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber(pub u64);

/// Numbers the requests of this process.
#[derive(Debug)]
pub struct Sequence {
    last: SequenceNumber,
    /// A time of Redis's clock, and when this process learned it.
    known: (SequenceNumber, Instant),
}

impl Sequence {
    /// Starts at a time of Redis's clock, or at 0 without a shared cache.
    #[must_use]
    pub fn starting_at(time: SequenceNumber) -> Self {
        Self {
            last: SequenceNumber::default(),
            known: (time, Instant::now()),
        }
    }

    /// The number of a request that begins now.
    pub fn begin(&mut self) -> SequenceNumber {
        self.last = self.estimate().max(SequenceNumber(self.last.0 + 1));
        self.last
    }

    /// Records a time of Redis's clock. Redis's response was on the way, so the true time may be later
    /// now: the latest of all estimates is the best one.
    pub fn record(&mut self, time: SequenceNumber) {
        if time > self.estimate() {
            self.known = (time, Instant::now());
        }
    }

    fn estimate(&self) -> SequenceNumber {
        let (time, at) = self.known;
        let passed = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
        SequenceNumber(time.0.saturating_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn numbers_follow_the_clock_of_redis_and_never_repeat() {
        let mut sequence = Sequence::starting_at(SequenceNumber(1000));
        assert_eq!(sequence.begin(), SequenceNumber(1000));
        assert_eq!(sequence.begin(), SequenceNumber(1001));
        advance(Duration::from_millis(1)).await;
        assert_eq!(sequence.begin(), SequenceNumber(2000));
        sequence.record(SequenceNumber(1500));
        assert_eq!(sequence.begin(), SequenceNumber(2001), "an older time");
        sequence.record(SequenceNumber(5000));
        advance(Duration::from_millis(1)).await;
        assert_eq!(sequence.begin(), SequenceNumber(6000));
    }
}
