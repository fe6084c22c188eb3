//! The only place that decides what is tried again, and when.
//!
//! Every request for a token can be repeated safely: asking twice makes two tokens, and hurts
//! nobody. The vocabulary is that of the AWS SDKs: full jitter, and a budget of retries.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::core::error::{Code, Error};

/// The first retry waits up to this long, the next up to twice as long, and so on.
const BASE_BACKOFF: Duration = Duration::from_millis(200);
/// No backoff of ours is longer.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// A full budget. As in the AWS SDKs, that is 100 retries in a row before an outage is left alone.
const BUDGET: u32 = 500;
/// What a retry takes from the budget.
const RETRY_COST: u32 = 5;
/// What a success puts back.
const SUCCESS_REFUND: u32 = 1;

/// What a client may spend on retries, shared by all its calls, so that an outage of Velt is not
/// multiplied by the number of attempts.
#[derive(Debug)]
pub struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(BUDGET))
    }
}

impl Budget {
    fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(RETRY_COST)
            })
            .is_ok()
    }

    fn refund(&self) {
        // The update always succeeds: its closure has an answer for every value.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some((left + SUCCESS_REFUND).min(BUDGET))
            });
    }
}

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long all attempts and the waits between them may take.
    pub deadline: Duration,
    /// How many attempts there may be.
    pub max_attempts: u32,
}

/// Calls `attempt` until it succeeds, fails for good, or a limit is reached.
///
/// # Errors
/// The last attempt's error, with the number of attempts made, or [`Code::Timeout`].
pub async fn run<T, F>(
    limits: Limits,
    budget: &Budget,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limits.deadline;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let attempt_ends = deadline.min(Instant::now() + limits.timeout);
        let error = match timeout_at(attempt_ends, attempt()).await {
            Ok(Ok(value)) => {
                budget.refund();
                return Ok(value);
            }
            Ok(Err(error)) => error,
            Err(_) => timed_out(limits),
        };
        let error = Error { attempts, ..error };
        if !error.retryable || attempts >= limits.max_attempts {
            return Err(error);
        }
        let wait = backoff(attempts) + error.retry_after.unwrap_or_default();
        let no_time_left = Instant::now() + wait >= deadline;
        if no_time_left || !budget.take() {
            return Err(error);
        }
        sleep(wait).await;
    }
}

/// A random time of up to 200 ms, 400 ms, 800 ms… («full jitter»): servers that failed together do
/// not come back together. It is added to a `Retry-After`, which all of them were told alike.
fn backoff(attempts: u32) -> Duration {
    let ceiling = BASE_BACKOFF
        .saturating_mul(2_u32.saturating_pow(attempts - 1))
        .min(MAX_BACKOFF);
    ceiling.mul_f64(fastrand::f64())
}

fn timed_out(limits: Limits) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "Velt did not answer within {} ms (timeout), or within what was left of the deadline; \
             raise them if your network needs longer.",
            limits.timeout.as_millis(),
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(15),
        max_attempts: 3,
    };

    /// What one attempt does: answer after a time.
    type Step = (Duration, Result<&'static str, Error>);

    /// Plays `steps` in paused time; tells the outcome and when each attempt began.
    async fn play(
        limits: Limits,
        budget: &Budget,
        steps: impl IntoIterator<Item = Step>,
    ) -> (Result<&'static str, Error>, Vec<Duration>) {
        let began = Instant::now();
        let steps = RefCell::new(steps.into_iter().collect::<VecDeque<_>>());
        let starts = RefCell::new(Vec::new());
        let outcome = run(limits, budget, async || {
            starts.borrow_mut().push(began.elapsed());
            let (after, answer) = steps
                .borrow_mut()
                .pop_front()
                .expect("one attempt too many");
            sleep(after).await;
            answer
        })
        .await;
        assert!(
            began.elapsed() <= limits.deadline,
            "the deadline bounds everything"
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
    async fn a_transient_failure_is_tried_again_within_the_backoff() {
        let steps = [
            at_once(Err(unavailable())),
            at_once(Err(unavailable())),
            at_once(Ok("tok")),
        ];
        let (outcome, starts) = play(LIMITS, &Budget::default(), steps).await;
        assert_eq!(outcome.unwrap(), "tok");
        assert_eq!(starts.len(), 3);
        assert!(starts[1] <= Duration::from_millis(201), "{starts:?}");
        assert!(
            starts[2].saturating_sub(starts[1]) <= Duration::from_millis(401),
            "{starts:?}"
        );
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
            "nobody waits for what cannot come in time"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends_retries_in_an_outage_and_successes_fill_it_again() {
        let budget = Budget::default();
        let mut requests = 0;
        for _ in 0..1000 {
            let steps = [(); 3].map(|()| at_once(Err(unavailable())));
            let (outcome, starts) = play(LIMITS, &budget, steps).await;
            assert_eq!(outcome.unwrap_err().attempts as usize, starts.len());
            requests += starts.len();
        }
        assert_eq!(requests, 1000 + (BUDGET / RETRY_COST) as usize);

        for _ in 0..RETRY_COST {
            play(LIMITS, &budget, [at_once(Ok("tok"))]).await.0.unwrap();
        }
        let steps = [at_once(Err(unavailable())), at_once(Ok("tok"))];
        assert_eq!(play(LIMITS, &budget, steps).await.0.unwrap(), "tok");
    }

    #[test]
    fn the_backoff_grows_to_its_ceiling_and_no_further() {
        for (attempts, ceiling) in [(1, 200), (2, 400), (3, 800), (6, 5000), (u32::MAX, 5000)] {
            for _ in 0..100 {
                assert!(backoff(attempts) <= Duration::from_millis(ceiling));
            }
        }
        assert_ne!(backoff(6), backoff(6), "jitter");
    }
}
