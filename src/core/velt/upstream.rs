//! A request for a token with its circuit breaker, retries, budget, counters.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::circuit_breaker::CircuitBreaker;
use super::connections::Place;
use super::endpoint::VeltEndpoint;
use super::retry::{self, Budget, Limits};
use crate::core::config::Config;
use crate::core::deadlines;
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;
use crate::core::token::Token;
use crate::core::user::User;

/// One attempt to get a token. Velt's endpoint in production, a model of Velt in tests.
pub trait TokenEndpoint: Send + Sync + 'static {
    /// The permission to send one request.
    type Place: Send;

    /// Waits until a request can be sent. Requests wait in their order.
    fn place(&self) -> impl Future<Output = Self::Place> + Send;

    /// Requests a token once.
    fn request_token(
        &self,
        place: Self::Place,
        user: &User,
    ) -> impl Future<Output = Result<Token, Error>> + Send;
}

impl TokenEndpoint for VeltEndpoint {
    type Place = Place;

    async fn place(&self) -> Place {
        self.place().await
    }

    async fn request_token(&self, place: Place, user: &User) -> Result<Token, Error> {
        self.request_token(place, user).await
    }
}

/// The access to Velt that all calls of a client share.
#[derive(Debug)]
pub struct Upstream<E> {
    endpoint: E,
    timeout: Duration,
    deadline: Duration,
    max_attempts: u32,
    budget: Budget,
    breaker: CircuitBreaker,
    stats: Arc<Stats>,
}

impl<E: TokenEndpoint> Upstream<E> {
    /// Requests go to `endpoint`, with the limits of `config`.
    pub fn new(endpoint: E, config: &Config, stats: Arc<Stats>) -> Self {
        Self {
            endpoint,
            timeout: config.timeout,
            deadline: config.deadline,
            max_attempts: config.max_attempts,
            budget: Budget::default(),
            breaker: CircuitBreaker::default(),
            stats,
        }
    }

    /// Requests a token, with retries, within `deadline`.
    ///
    /// # Errors
    /// The last attempt's error. If the circuit breaker is open or a rate limit holds, the error comes
    /// at once, after 0 attempts.
    pub async fn token(&self, user: &User, deadline: Duration) -> Result<Token, Error> {
        let began = Instant::now();
        let place = timeout(deadline, self.place())
            .await
            .map_err(|_| no_connection(deadline))?;
        // Not before: while the call waited, the breaker may have opened.
        let permit = self.breaker.admit()?;
        let deadline = deadline.saturating_sub(began.elapsed());
        let limits = Limits {
            timeout: self.timeout,
            deadline,
            max_attempts: self.max_attempts,
        };
        // During a backoff, other calls use the place.
        let place = Mutex::new(Some(place));
        let outcome = retry::run(limits, &self.budget, &self.breaker, async || {
            let first = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            let place = match first {
                Some(place) => place,
                None => self.place().await,
            };
            self.stats.upstream_requests.add();
            let _in_flight = self.stats.upstream_in_flight.enter();
            self.endpoint.request_token(place, user).await
        })
        .await;
        let is_short = deadlines::is_short(deadline, self.deadline);
        match &outcome {
            Err(error) if error.code == Code::Timeout && is_short => {}
            Err(error) if error.is_local => {}
            _ => permit.record(&outcome),
        }
        outcome
    }

    async fn place(&self) -> E::Place {
        let _waiting = self.stats.upstream_waiting.enter();
        self.endpoint.place().await
    }

    /// The endpoint, for tests that inspect it.
    #[cfg(test)]
    pub(crate) fn endpoint(&self) -> &E {
        &self.endpoint
    }
}

fn no_connection(deadline: Duration) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "Could not obtain a token within {} ms (deadline): no connection to Velt was free in time, so \
             no request was sent. Raise deadline, or maxConnections.",
            deadline.as_millis(),
        ),
    )
}
