//! A request to Velt with its circuit breaker, retries, budget, counters.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::circuit_breaker::CircuitBreaker;
use super::connections::Place;
use super::endpoint::VeltEndpoint;
use super::retry::{self, Budget, Limits};
use crate::core::clock::Clock;
use crate::core::config::Config;
use crate::core::deadlines;
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;
use crate::core::token::Token;
use crate::core::trace::current;
use crate::core::user::User;

/// One attempt to get a token. Velt's endpoint in production, a model of Velt in tests.
pub trait TokenEndpoint: Send + Sync + 'static {
    /// Waits until requests can be sent.
    fn ready(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// The permission to send one request.
    type Place: Send;

    /// Waits until a request can be sent. Requests wait in their order.
    fn place(&self) -> impl Future<Output = Self::Place> + Send;

    /// Requests a token once. Each permission of `user` has a fixed end. A second request of the same attempt
    /// is sent only if the rate limit of `breaker` allows it.
    fn request_token(
        &self,
        place: Self::Place,
        user: &User,
        breaker: &CircuitBreaker,
    ) -> impl Future<Output = Result<Token, Error>> + Send;
}

impl TokenEndpoint for VeltEndpoint {
    type Place = Place;

    async fn ready(&self) -> Result<(), Error> {
        self.ready().await
    }

    async fn place(&self) -> Place {
        self.place().await
    }

    async fn request_token(
        &self,
        place: Place,
        user: &User,
        breaker: &CircuitBreaker,
    ) -> Result<Token, Error> {
        self.token(place, user, breaker).await
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
    clock: Clock,
}

impl<E: TokenEndpoint> Upstream<E> {
    /// Requests go to `endpoint`, with the limits of `config`.
    pub fn new(endpoint: E, config: &Config, stats: Arc<Stats>, clock: Clock) -> Self {
        Self {
            endpoint,
            timeout: config.timeout,
            deadline: config.deadline,
            max_attempts: config.max_attempts,
            budget: Budget::default(),
            breaker: CircuitBreaker::default(),
            stats,
            clock,
        }
    }

    /// Requests a token, with retries, within `deadline`.
    ///
    /// # Errors
    /// As [`Upstream::call`].
    pub async fn token(&self, user: &User, deadline: Duration) -> Result<Token, Error> {
        self.call(deadline, |place| async move {
            // A retry is a new request, so the permissions last from the retry on.
            let user = user.at(self.clock.now());
            let request = self.endpoint.request_token(place, &user, &self.breaker);
            let token = request.await?;
            Ok(token.until(user.permissions_end()))
        })
        .await
    }

    /// Makes a call to Velt, with retries, within `deadline`. `attempt` sends one request.
    ///
    /// # Errors
    /// The last attempt's error. If the circuit breaker is open or a rate limit holds, the error comes
    /// at once, after 0 attempts.
    pub async fn call<T, F>(
        &self,
        deadline: Duration,
        attempt: impl Fn(E::Place) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let call_ends = Instant::now() + deadline;
        timeout(deadline, self.endpoint.ready())
            .await
            .unwrap_or_else(|_| Err(not_ready(deadline)))?;
        let deadline = call_ends.saturating_duration_since(Instant::now());
        let first = timeout(deadline, self.place())
            .await
            .map_err(|_| no_connection(deadline))?;
        // Not before: while the call waited, the breaker may have opened.
        let permit = self.breaker.admit()?;
        let deadline = call_ends.saturating_duration_since(Instant::now());
        let limits = Limits {
            timeout: self.timeout,
            deadline,
            max_attempts: self.max_attempts,
        };
        let counted = async |place| {
            self.stats.upstream_requests.add();
            let _in_flight = self.stats.upstream_in_flight.enter();
            attempt(place).await
        };
        let (budget, breaker) = (&self.budget, &self.breaker);
        let next_place = async || self.place().await;
        // Boxed, so that it takes no memory while the call waits for a place.
        let outcome = Box::pin(retry::run(
            limits, budget, breaker, first, next_place, counted,
        ))
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
        let began = Instant::now();
        let place = self.endpoint.place().await;
        current::waited(began);
        place
    }

    /// The circuit breaker.
    pub fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &E {
        &self.endpoint
    }
}

fn not_ready(deadline: Duration) -> Error {
    Error::transient(
        Code::Unauthorized,
        format!(
            "The function `authToken` has not returned an auth token within {} ms (deadline).",
            deadline.as_millis(),
        ),
    )
}

fn no_connection(deadline: Duration) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "No request could be sent within {} ms (deadline): no connection to Velt was free in time. Raise \
             deadline, or maxConnections.",
            deadline.as_millis(),
        ),
    )
}
