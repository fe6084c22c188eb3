//! Retries: which failures are retried, and when.
//!
//! A request for a token can be repeated safely: two requests make two tokens. The terms are those of
//! the AWS SDKs: a backoff with jitter, and a retry budget.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::circuit_breaker::CircuitBreaker;
use crate::core::error::{Code, Error};
use crate::core::trace::current;

/// The first backoff is at most this long, the second at most twice as long, and so on. The first two
/// take 450 ms at least, so that three attempts take longer than the restart of a load balancer.
const BASE_BACKOFF: Duration = Duration::from_millis(300);
/// No backoff is longer.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A full retry budget: 200 retries, so that 64 calls at once can use all their attempts while a load
/// balancer is restarted. The AWS SDKs have 100.
const MAX_BUDGET: f64 = 1000.0;
/// A retry takes this much from the budget.
const RETRY_COST: f64 = 5.0;
/// A success puts this much back.
const SUCCESS_REFUND: f64 = 1.0;
/// Each second puts this much back: one retry per second. Otherwise a client with few calls would
/// have no retries for a long time after an outage.
const REFUND_PER_SECOND: f64 = 5.0;

/// The retry budget of a client. All calls of the client share the budget, so that their retries do not
/// multiply the load on Velt during an outage.
#[derive(Debug)]
pub struct Budget(Mutex<Balance>);

#[derive(Debug)]
struct Balance {
    amount: f64,
    at: Instant,
}

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(Balance {
            amount: MAX_BUDGET,
            at: Instant::now(),
        }))
    }
}

impl Budget {
    fn spend(&self) -> bool {
        let can_spend = self.update(0.0) >= RETRY_COST;
        if can_spend {
            self.update(-RETRY_COST);
        }
        can_spend
    }

    fn refund(&self) {
        self.update(SUCCESS_REFUND);
    }

    fn update(&self, change: f64) -> f64 {
        let mut balance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.saturating_duration_since(balance.at).as_secs_f64();
        balance.at = now;
        balance.amount = (balance.amount + passed * REFUND_PER_SECOND + change).min(MAX_BUDGET);
        balance.amount
    }
}

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one attempt.
    pub timeout: Duration,
    /// For all attempts and the waits between them.
    pub deadline: Duration,
    /// How many attempts there may be.
    pub max_attempts: u32,
}

/// Calls `attempt` until it succeeds, fails permanently, or a limit is reached. The first attempt is sent
/// from the place `first`; each retry waits for another place, so that other calls use it meanwhile.
///
/// # Errors
/// The last attempt's error, with the number of attempts made, or [`Code::Timeout`].
pub async fn run<P, T, W, F>(
    limits: Limits,
    budget: &Budget,
    breaker: &CircuitBreaker,
    first: P,
    next_place: impl Fn() -> W,
    attempt: impl Fn(P) -> F,
) -> Result<T, Error>
where
    W: Future<Output = P>,
    F: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limits.deadline;
    let mut place = first;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let attempt_ends = deadline.min(Instant::now() + limits.timeout);
        let error = match timeout_at(attempt_ends, attempt(place)).await {
            Ok(Ok(value)) => {
                budget.refund();
                return Ok(value);
            }
            Ok(Err(error)) => error,
            Err(_) => {
                current::timed_out();
                timed_out(limits)
            }
        };
        breaker.attempt_failed(&error);
        // An attempt may have sent another request, after Velt has refused the auth token of the first.
        let requests = attempts + error.attempts;
        let error = Error {
            attempts: requests,
            ..error
        };
        if !error.retryable || attempts >= limits.max_attempts {
            return Err(error);
        }
        let wait = backoff(attempts) + error.retry_after.unwrap_or_default();
        if Instant::now() + wait >= deadline || !budget.spend() {
            return Err(error);
        }
        sleep(wait).await;
        place = loop {
            let Ok(place) = timeout_at(deadline, next_place()).await else {
                return Err(error);
            };
            // Other calls may have received a `Retry-After` meanwhile.
            let limit = breaker.rate_limited_for();
            if limit.is_zero() {
                break place;
            }
            drop(place);
            let wait = limit + backoff(attempts);
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            sleep(wait).await;
        };
    }
}

/// A random time from 50 % to 100 % of 300 ms, 600 ms, 1.2 s… («equal jitter»): servers that failed at
/// the same time do not retry at the same time, and two backoffs in a row are never short. This time is
/// added to a `Retry-After`, because all servers receive the same `Retry-After`.
fn backoff(attempts: u32) -> Duration {
    let ceiling = BASE_BACKOFF
        .saturating_mul(2_u32.saturating_pow(attempts - 1))
        .min(MAX_BACKOFF);
    ceiling.mul_f64(0.5 + 0.5 * fastrand::f64())
}

fn timed_out(limits: Limits) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "Velt did not respond within {} ms (timeout), or within the rest \
             of the deadline. Raise them if your network needs longer.",
            limits.timeout.as_millis(),
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;

    use super::*;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(15),
        max_attempts: 3,
    };

    /// What one attempt does: respond after a time.
    type Step = (Duration, Result<&'static str, Error>);

    /// Plays `steps` in paused time. Returns the outcome, and when each attempt began.
    async fn play(
        limits: Limits,
        budget: &Budget,
        steps: impl IntoIterator<Item = Step>,
    ) -> (Result<&'static str, Error>, Vec<Duration>) {
        let began = Instant::now();
        let steps = RefCell::new(steps.into_iter().collect::<VecDeque<_>>());
        let starts = RefCell::new(Vec::new());
        let breaker = CircuitBreaker::default();
        let outcome = run(
            limits,
            budget,
            &breaker,
            (),
            async || (),
            async |()| {
                starts.borrow_mut().push(began.elapsed());
                let (after, answer) = steps
                    .borrow_mut()
                    .pop_front()
                    .expect("one attempt too many");
                sleep(after).await;
                answer
            },
        )
        .await;
        assert!(
            began.elapsed() <= limits.deadline,
            "the deadline bounds all attempts"
        );
        (outcome, starts.into_inner())
    }

    fn at_once<T>(answer: T) -> (Duration, T) {
        (Duration::ZERO, answer)
    }

    fn unavailable() -> Error {
        Error::transient(Code::Unavailable, "down")
    }

    fn never() -> Step {
        (Duration::from_secs(3600), Ok("too late"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_failure_is_retried_after_the_backoff() {
        let steps = [
            at_once(Err(unavailable())),
            at_once(Err(unavailable())),
            at_once(Ok("tok")),
        ];
        let (outcome, starts) = play(LIMITS, &Budget::default(), steps).await;
        assert_eq!(outcome.unwrap(), "tok");
        assert_eq!(starts.len(), 3);
        assert!(starts[1] <= Duration::from_millis(301), "{starts:?}");
        let second = starts[2].saturating_sub(starts[1]);
        assert!(second <= Duration::from_millis(601), "{starts:?}");
        assert!(starts[2] >= Duration::from_millis(450), "{starts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let refusal = Error::permanent(Code::Unauthorized, "no");
        let (outcome, _) = play(LIMITS, &Budget::default(), [at_once(Err(refusal))]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code, error.attempts), (Code::Unauthorized, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_tells_the_number_of_attempts() {
        let steps = [(); 3].map(|()| at_once(Err(unavailable())));
        let (outcome, _) = play(LIMITS, &Budget::default(), steps).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code, error.attempts), (Code::Unavailable, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn each_attempt_has_its_timeout_and_all_have_the_deadline() {
        let began = Instant::now();
        let (outcome, starts) = play(LIMITS, &Budget::default(), [never(), never(), never()]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code, error.retryable), (Code::Timeout, true));
        assert_eq!(error.attempts, 3);
        assert!(starts[1] >= LIMITS.timeout, "{starts:?}");
        assert!(began.elapsed() >= Duration::from_secs(10));

        let began = Instant::now();
        let short = Limits {
            deadline: Duration::from_millis(70),
            ..LIMITS
        };
        let (outcome, _) = play(short, &Budget::default(), [never()]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code, error.attempts), (Code::Timeout, 1));
        assert_eq!(began.elapsed(), Duration::from_millis(70));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_within_the_deadline() {
        let wait = |seconds| Error {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Error::transient(Code::RateLimited, "slow down")
        };
        let steps = [at_once(Err(wait(7))), at_once(Ok("tok"))];
        let (outcome, starts) = play(LIMITS, &Budget::default(), steps).await;
        assert_eq!(outcome.unwrap(), "tok");
        assert!(starts[1] >= Duration::from_secs(7), "{starts:?}");

        let began = Instant::now();
        let (outcome, _) = play(LIMITS, &Budget::default(), [at_once(Err(wait(15)))]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code, error.attempts), (Code::RateLimited, 1));
        assert_eq!(error.retry_after, Some(Duration::from_secs(15)));
        assert_eq!(
            began.elapsed(),
            Duration::ZERO,
            "no wait exceeds the deadline"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_of_another_call_is_obeyed_too() {
        let breaker = CircuitBreaker::default();
        let began = Instant::now();
        let is_first = Cell::new(true);
        let budget = Budget::default();
        let limited = |seconds| {
            breaker.attempt_failed(&Error {
                retry_after: Some(Duration::from_secs(seconds)),
                ..Error::transient(Code::RateLimited, "slow down")
            });
        };
        // The second limit is received while this call waits for its place.
        let next_place = async || {
            if began.elapsed() < Duration::from_secs(5) {
                limited(7);
            }
        };
        let outcome = run(LIMITS, &budget, &breaker, (), next_place, async |()| {
            if !is_first.replace(false) {
                return Ok(began.elapsed());
            }
            limited(5);
            Err(unavailable())
        });
        assert!(outcome.await.unwrap() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends_retries_in_an_outage_and_refills_with_successes_and_with_time() {
        let down = || [(); 3].map(|()| at_once(Err(unavailable())));
        let budget = Budget::default();
        let (mut requests, mut calls, began) = (0, 0, Instant::now());
        // As many calls as it takes until one has no retry left.
        loop {
            let (outcome, starts) = play(LIMITS, &budget, down()).await;
            assert_eq!(outcome.unwrap_err().attempts as usize, starts.len());
            requests += starts.len();
            calls += 1;
            if starts.len() == 1 {
                break;
            }
            budget.update(-RETRY_COST * 40.0);
        }
        assert!(
            requests > calls && calls < 10,
            "{requests} in {calls} calls"
        );
        assert!(began.elapsed() < Duration::from_secs(10));

        budget.update(-budget.update(0.0));
        for _ in 0..5 {
            play(LIMITS, &budget, [at_once(Ok("tok"))]).await.0.unwrap();
        }
        let steps = [at_once(Err(unavailable())), at_once(Ok("tok"))];
        assert_eq!(play(LIMITS, &budget, steps).await.0.unwrap(), "tok");

        budget.update(-budget.update(0.0));
        let (outcome, _) = play(LIMITS, &budget, [at_once(Err(unavailable()))]).await;
        assert_eq!(outcome.unwrap_err().attempts, 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        let steps = [at_once(Err(unavailable())), at_once(Ok("tok"))];
        assert_eq!(play(LIMITS, &budget, steps).await.0.unwrap(), "tok");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_multiplied_by_the_number_of_attempts() {
        let budget = Budget::default();
        let mut requests = 0;
        for _ in 0..1000 {
            // Without the waits, no time passes, so nothing is refilled.
            requests += 1;
            while budget.spend() {
                requests += 1;
            }
        }
        assert_eq!(requests, 1000 + 200);
    }

    #[test]
    fn the_backoff_grows_to_its_ceiling_and_is_never_almost_nothing() {
        for (attempts, ceiling) in [(1, 300), (2, 600), (3, 1200), (6, 5000), (u32::MAX, 5000)] {
            for _ in 0..100 {
                let wait = backoff(attempts);
                assert!(wait <= Duration::from_millis(ceiling), "{wait:?}");
                assert!(wait >= Duration::from_millis(ceiling / 2), "{wait:?}");
            }
        }
        assert_ne!(backoff(6), backoff(6), "jitter");
    }
}
