//! A request for a token with its circuit breaker, retries, budget, counters.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::circuit_breaker::CircuitBreaker;
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
    /// Requests a token once.
    fn request_token(&self, user: &User) -> impl Future<Output = Result<Token, Error>> + Send;
}

impl TokenEndpoint for VeltEndpoint {
    async fn request_token(&self, user: &User) -> Result<Token, Error> {
        self.request_token(user).await
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
        let permit = self.breaker.admit()?;
        let limits = Limits {
            timeout: self.timeout,
            deadline,
            max_attempts: self.max_attempts,
        };
        let outcome = retry::run(limits, &self.budget, &self.breaker, || {
            self.stats.upstream_requests.add();
            self.endpoint.request_token(user)
        })
        .await;
        let is_short = deadlines::is_short(deadline, self.deadline);
        match &outcome {
            Err(error) if error.code == Code::Timeout && is_short => {}
            _ => permit.record(&outcome),
        }
        outcome
    }

    /// The endpoint, for tests that inspect it.
    #[cfg(test)]
    pub(crate) fn endpoint(&self) -> &E {
        &self.endpoint
    }
}
