//! A circuit breaker: while Velt keeps failing, callers are told so at once instead of each waiting
//! out its deadline, and one probe at a time finds out when it is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::error::{Code, Error, MAX_TOLD};

/// So many failed calls in a row open the circuit.
const THRESHOLD: u32 = 5;
/// How long it stays open the first time; twice as long after each probe that fails…
const FIRST_COOLDOWN: Duration = Duration::from_secs(1);
/// …and never longer than this.
const MAX_COOLDOWN: Duration = Duration::from_secs(30);

/// The right to send one call; what comes of it goes to [`Circuit::record`].
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    is_probe: bool,
}

impl Pass {
    /// For a call that is sent whatever the circuit says.
    pub const UNASKED: Self = Self { is_probe: false };
}

/// Closed (all calls pass) until enough calls failed.
#[derive(Debug, Default)]
pub struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    cooldown: Duration,
    code: Code,
    /// One call finds out, and has its answer by then.
    probe_ends: Option<Instant>,
}

impl Circuit {
    /// Lets a call pass that takes up to `deadline`, or tells it to come back later. After each
    /// cooldown one passes, as a probe, and no other before it has an answer.
    ///
    /// # Errors
    /// The code of the last failure, with the time to wait, after no attempt at all.
    pub fn admit(&self, deadline: Duration) -> Result<Pass, Error> {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(open) = &mut state.open else {
            return Ok(Pass { is_probe: false });
        };
        let wait = match open.probe_ends {
            Some(ends) if now < ends => open.cooldown,
            _ => open.until.saturating_duration_since(now),
        };
        if !wait.is_zero() {
            return Err(Error {
                retry_after: Some(wait),
                ..Error::transient(
                    open.code,
                    "Velt failed the last calls, so it is left alone for `retryAfter`; no request \
                     was sent.",
                )
            });
        }
        open.probe_ends = Some(now + deadline);
        Ok(Pass { is_probe: true })
    }

    /// Learns from a call that passed.
    pub fn record<T>(&self, pass: Pass, outcome: &Result<T, Error>) {
        let mut state = self.lock();
        match outcome {
            Err(error) if error.is_outage() => state.fail(pass, error),
            // A refusal too is a sign of life.
            _ => *state = State::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, pass: Pass, error: &Error) {
        self.failures += 1;
        let told = error
            .retry_after
            .filter(|_| error.code == Code::RateLimited)
            .map(|wait| wait.min(MAX_TOLD));
        let cooldown = match &self.open {
            Some(open) if pass.is_probe => MAX_COOLDOWN.min(open.cooldown * 2),
            // It was under way when the circuit opened, and tells nothing new.
            Some(_) => return,
            None if self.failures < THRESHOLD && told.is_none() => return,
            None => FIRST_COOLDOWN,
        };
        let wait = told
            .unwrap_or_default()
            .max(cooldown.mul_f64(0.75 + 0.5 * fastrand::f64()));
        self.open = Some(Open {
            until: Instant::now() + wait,
            cooldown,
            code: error.code,
            probe_ends: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Result<(), Error> {
        Err(Error::transient(Code::Unavailable, "down"))
    }

    const DEADLINE: Duration = Duration::from_secs(15);

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_success_closes_it() {
        let circuit = Circuit::default();
        for _ in 1..THRESHOLD {
            circuit.record(Pass::UNASKED, &failure());
        }
        circuit.record(Pass::UNASKED, &Ok(()));
        for _ in 1..THRESHOLD {
            circuit.record(Pass::UNASKED, &failure());
            circuit.admit(DEADLINE).unwrap();
        }
        circuit.record(Pass::UNASKED, &failure());
        let refused = circuit.admit(DEADLINE).unwrap_err();
        assert_eq!((refused.code, refused.retryable), (Code::Unavailable, true));
        assert_eq!(refused.attempts, 0);
        assert!(refused.retry_after.unwrap() <= FIRST_COOLDOWN.mul_f64(1.25));

        pass(FIRST_COOLDOWN.mul_f64(1.25)).await;
        circuit.admit(DEADLINE).expect("a probe");
        circuit.admit(DEADLINE).expect_err("one probe at a time");
        circuit.record(Pass::UNASKED, &Ok(()));
        circuit.admit(DEADLINE).unwrap();
        circuit.admit(DEADLINE).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_doubles_the_cooldown_up_to_its_bound() {
        let circuit = Circuit::default();
        for _ in 0..THRESHOLD {
            circuit.record(Pass::UNASKED, &failure());
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let wait = circuit.admit(DEADLINE).unwrap_err().retry_after.unwrap();
            waits.push(wait);
            pass(wait).await;
            let probe = circuit.admit(DEADLINE).expect("a probe");
            circuit.record(probe, &failure());
        }
        assert!(waits[2] > waits[0], "{waits:?}");
        assert!(
            waits.iter().all(|wait| *wait <= MAX_COOLDOWN.mul_f64(1.25)),
            "{waits:?}"
        );
        assert!(
            *waits.last().unwrap() >= MAX_COOLDOWN.mul_f64(0.75),
            "{waits:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_when_it_opened_do_not_keep_it_open() {
        let circuit = Circuit::default();
        for _ in 0..100 {
            circuit.record(Pass::UNASKED, &failure());
        }
        let wait = circuit.admit(DEADLINE).unwrap_err().retry_after.unwrap();
        assert!(wait <= FIRST_COOLDOWN.mul_f64(1.25), "{wait:?}");
        let refusal: Result<(), _> = Err(Error::permanent(Code::Rejected, "no"));
        circuit.record(Pass::UNASKED, &refusal);
        circuit.admit(DEADLINE).expect("a refusal is an answer");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_that_names_its_time_is_believed_at_once() {
        let circuit = Circuit::default();
        let wait = Duration::from_secs(40);
        let limited: Result<(), _> = Err(Error {
            retry_after: Some(wait),
            ..Error::transient(Code::RateLimited, "slow down")
        });
        circuit.record(Pass::UNASKED, &limited);
        let refused = circuit.admit(DEADLINE).unwrap_err();
        assert_eq!(
            (refused.code, refused.retry_after),
            (Code::RateLimited, Some(wait))
        );
        pass(wait).await;
        circuit.admit(DEADLINE).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_is_longer_than_a_minute() {
        let circuit = Circuit::default();
        let limited: Result<(), _> = Err(Error {
            retry_after: Some(Duration::from_secs(24 * 60 * 60)),
            ..Error::transient(Code::RateLimited, "slow down")
        });
        circuit.record(Pass::UNASKED, &limited);
        pass(MAX_TOLD).await;
        circuit.admit(DEADLINE).expect("a probe");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_is_the_only_one() {
        let circuit = Circuit::default();
        for _ in 0..THRESHOLD {
            circuit.record(Pass::UNASKED, &failure());
        }
        pass(FIRST_COOLDOWN.mul_f64(1.25)).await;
        circuit.admit(DEADLINE).expect("a probe");
        pass(DEADLINE / 2).await;
        circuit.admit(DEADLINE).expect_err("it is still under way");
        pass(DEADLINE / 2).await;
        circuit.admit(DEADLINE).expect("it never came back");
    }
}
