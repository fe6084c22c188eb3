//! A circuit breaker: while Velt fails, calls fail at once instead of each waiting for its deadline.
//!
//! Closed: requests are sent. Five calls that fail in a row open the breaker. Open: calls fail at once.
//! Half-open, after a cooldown: one call at a time is a probe. If the probe succeeds, the breaker
//! closes.
//!
//! The `Retry-After` of a 429 applies to all calls of the client, as soon as one attempt has received
//! it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::error::{Code, Error, MAX_RETRY_AFTER};
use crate::core::trace::current;
use crate::core::trace::records::BreakerState;

/// The breaker opens when this many calls in a row have failed.
const THRESHOLD: u32 = 5;
/// The first cooldown. Each probe that fails doubles the cooldown.
const FIRST_COOLDOWN: Duration = Duration::from_secs(1);
/// The longest cooldown.
const MAX_COOLDOWN: Duration = Duration::from_secs(30);

/// Closed by default.
#[derive(Debug, Default)]
pub struct CircuitBreaker(Mutex<State>);

/// Permission to send the requests of one call. A permit that is dropped without an outcome counts as
/// neither success nor failure.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    /// The number of the opening that this call is a probe for; 0 if the call is not a probe.
    probed: u64,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// How often the breaker has opened.
    openings: u64,
    open: Option<Open>,
    rate_limit: Option<RateLimit>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cooldown: Duration,
    error: Error,
    has_probe: bool,
}

#[derive(Debug)]
struct RateLimit {
    until: Instant,
    error: Error,
}

impl CircuitBreaker {
    /// Lets a call send its requests.
    ///
    /// # Errors
    /// The last error, with the time to wait as `retry_after`, if the breaker is open or a rate limit
    /// holds.
    pub fn admit(&self) -> Result<Permit<'_>, Error> {
        self.check_rate_limit()?;
        let mut state = self.lock();
        let openings = state.openings;
        let Some(open) = &mut state.open else {
            return Ok(self.permit(0));
        };
        let wait = if open.has_probe {
            open.cooldown
        } else {
            open.until.saturating_duration_since(Instant::now())
        };
        if !wait.is_zero() {
            return Err(rejected(&open.error, wait));
        }
        open.has_probe = true;
        current::breaker_changed(BreakerState::HalfOpen);
        Ok(self.permit(openings))
    }

    /// Whether a request may be sent now.
    ///
    /// # Errors
    /// As [`CircuitBreaker::admit`], while a rate limit holds.
    pub fn check_rate_limit(&self) -> Result<(), Error> {
        match self.lock().rate_limit() {
            Some((wait, error)) => Err(rejected(error, wait)),
            None => Ok(()),
        }
    }

    /// Records that an attempt failed. After a 429 with `Retry-After`, no call sends a request until
    /// that time is over.
    pub fn attempt_failed(&self, error: &Error) {
        let Some(wait) = error.retry_after else {
            return;
        };
        if error.code != Code::RateLimited || wait.is_zero() {
            return;
        }
        let until = Instant::now() + wait.min(MAX_RETRY_AFTER);
        let mut state = self.lock();
        if state
            .rate_limit
            .as_ref()
            .is_none_or(|rate_limit| rate_limit.until < until)
        {
            let error = error.clone();
            state.rate_limit = Some(RateLimit { until, error });
        }
    }

    /// The state. An open breaker becomes half-open when a call is its probe.
    pub fn state(&self) -> BreakerState {
        match &self.lock().open {
            None => BreakerState::Closed,
            Some(open) if open.has_probe => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// How long the rate limit still applies; zero if there is none.
    pub fn rate_limited_for(&self) -> Duration {
        self.lock()
            .rate_limit()
            .map_or(Duration::ZERO, |(wait, _)| wait)
    }

    fn permit(&self, probed: u64) -> Permit<'_> {
        Permit {
            breaker: self,
            probed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Records how the call ended.
    pub fn record<T>(self, outcome: &Result<T, Error>) {
        let mut state = self.breaker.lock();
        match outcome {
            Err(error) if error.is_outage() => state.fail(self.probed, error),
            // A rejection by Velt shows that Velt works.
            _ => {
                state.failures = 0;
                if state.open.take().is_some() {
                    current::breaker_changed(BreakerState::Closed);
                }
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.lock();
        if let Some(open) = state.probed(self.probed) {
            open.has_probe = false;
        }
    }
}

impl State {
    /// The opening that a permit probes, if the breaker has not closed since.
    fn probed(&mut self, probed: u64) -> Option<&mut Open> {
        let is_current = probed == self.openings;
        self.open.as_mut().filter(|_| is_current)
    }

    fn rate_limit(&self) -> Option<(Duration, &Error)> {
        let RateLimit { until, error } = self.rate_limit.as_ref()?;
        let wait = until.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some((wait, error))
    }

    fn fail(&mut self, probed: u64, error: &Error) {
        if let Some(open) = self.probed(probed) {
            open.cooldown = MAX_COOLDOWN.min(open.cooldown * 2);
            open.until = Instant::now() + jittered(open.cooldown);
            open.error = error.clone();
            current::breaker_changed(BreakerState::Open);
            return;
        }
        // A permanent failure, such as an untrusted certificate, does not open the breaker. A call that
        // began before the breaker opened gives no new information.
        if !error.retryable || self.open.is_some() {
            return;
        }
        self.failures += 1;
        if self.failures >= THRESHOLD {
            current::breaker_changed(BreakerState::Open);
            self.openings += 1;
            self.open = Some(Open {
                until: Instant::now() + jittered(FIRST_COOLDOWN),
                cooldown: FIRST_COOLDOWN,
                error: error.clone(),
                has_probe: false,
            });
        }
    }
}

/// A random time from 75 % to 125 % of `cooldown`.
fn jittered(cooldown: Duration) -> Duration {
    cooldown.mul_f64(0.75 + 0.5 * fastrand::f64())
}

fn rejected(last: &Error, wait: Duration) -> Error {
    let cause = last.cause.as_ref().unwrap_or(&last.message);
    Error {
        retry_after: Some(wait),
        retryable: true,
        attempts: 0,
        message:
            "The last requests to Velt failed, so this call has sent no request; try again after \
             `retryAfter`."
                .into(),
        cause: Some(cause.clone()),
        ..last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Result<(), Error> {
        Err(Error::transient(Code::Unavailable, "down"))
    }

    fn rate_limit(seconds: u64) -> Error {
        Error {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Error::transient(Code::RateLimited, "slow down")
        }
    }

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    fn open(breaker: &CircuitBreaker) -> Duration {
        // All of them began before the breaker opened.
        let permits: Vec<_> = (0..THRESHOLD).map(|_| breaker.admit().unwrap()).collect();
        for permit in permits {
            permit.record(&failure());
        }
        breaker.admit().unwrap_err().retry_after.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let breaker = CircuitBreaker::default();
        for _ in 1..THRESHOLD {
            breaker.admit().unwrap().record(&failure());
        }
        breaker.admit().unwrap().record(&Ok(()));
        let late = breaker.admit().unwrap();
        let wait = open(&breaker);
        assert!(wait <= FIRST_COOLDOWN.mul_f64(1.25), "{wait:?}");
        let error = breaker.admit().unwrap_err();
        assert_eq!((error.code, error.retryable), (Code::Unavailable, true));
        assert_eq!((error.attempts, error.cause.as_deref()), (0, Some("down")));
        assert!(error.message.contains("has sent no request"), "{error:?}");

        late.record(&failure());
        assert!(breaker.admit().unwrap_err().retry_after.unwrap() <= wait);
        pass(wait).await;
        let probe = breaker.admit().expect("a probe");
        breaker.admit().expect_err("one probe at a time");
        probe.record(&Ok(()));
        let _both = (breaker.admit().unwrap(), breaker.admit().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_doubles_the_cooldown_up_to_its_bound() {
        let breaker = CircuitBreaker::default();
        let mut waits = vec![open(&breaker)];
        for _ in 0..8 {
            pass(*waits.last().unwrap()).await;
            breaker.admit().expect("a probe").record(&failure());
            waits.push(breaker.admit().unwrap_err().retry_after.unwrap());
        }
        assert!(waits[2] > waits[0], "{waits:?}");
        let last = *waits.last().unwrap();
        assert!(last <= MAX_COOLDOWN.mul_f64(1.25), "{waits:?}");
        assert!(last >= MAX_COOLDOWN.mul_f64(0.75), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_of_an_earlier_outage_does_not_count_in_the_next_one() {
        let breaker = CircuitBreaker::default();
        let other = breaker.admit().unwrap();
        pass(open(&breaker)).await;
        let late_probe = breaker.admit().expect("a probe");
        other.record(&Ok(()));
        let wait = open(&breaker);
        late_probe.record(&failure());
        assert_eq!(breaker.admit().unwrap_err().retry_after, Some(wait));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_cancelled_makes_room_for_the_next() {
        let breaker = CircuitBreaker::default();
        pass(open(&breaker)).await;
        drop(breaker.admit().expect("a probe"));
        drop(breaker.admit().expect("another probe"));
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_failures_do_not_open_it_and_rejections_show_that_velt_works() {
        let breaker = CircuitBreaker::default();
        let permanent: Result<(), _> = Err(Error::permanent(Code::Network, "untrusted"));
        for _ in 0..100 {
            breaker.admit().unwrap().record(&permanent);
        }
        let other = breaker.admit().unwrap();
        open(&breaker);
        other.record(&Err::<(), _>(Error::permanent(Code::Rejected, "no")));
        breaker.admit().expect("closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_holds_for_all_calls_from_the_first_attempt_on() {
        let breaker = CircuitBreaker::default();
        let permit = breaker.admit().unwrap();
        breaker.attempt_failed(&rate_limit(40));
        breaker.attempt_failed(&rate_limit(5));
        breaker.attempt_failed(&rate_limit(0));
        permit.record(&Ok(()));
        let error = breaker.admit().unwrap_err();
        let wait = Duration::from_secs(40);
        assert_eq!(
            (error.code, error.retry_after),
            (Code::RateLimited, Some(wait))
        );
        assert_eq!(breaker.rate_limited_for(), wait);
        pass(wait).await;
        breaker.admit().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_rate_limit_holds_longer_than_a_minute() {
        let breaker = CircuitBreaker::default();
        breaker.attempt_failed(&rate_limit(24 * 60 * 60));
        pass(MAX_RETRY_AFTER).await;
        breaker.admit().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_retry_after_of_zero_opens_nothing() {
        let breaker = CircuitBreaker::default();
        breaker.attempt_failed(&rate_limit(0));
        breaker.admit().unwrap();
    }
}
