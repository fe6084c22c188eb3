//! The endpoints of Velt's API: one attempt is one HTTPS exchange.

use std::sync::Arc;
use std::time::SystemTime;

use secrecy::SecretString;
use tokio::time::timeout;

use super::api::{Context, request, response};
use super::circuit_breaker::CircuitBreaker;
use super::connections::Place;
use super::credentials::{Credentials, Refusal};
use super::transport::{Request, Response, Transport};
use crate::core::config::Config;
use crate::core::error::Error;
use crate::core::permissions::{Permissions, PermissionsChange, PermissionsQuery};
use crate::core::stats::Stats;
use crate::core::token::Token;
use crate::core::trace::current;
use crate::core::user::User;

/// The endpoints of one configuration, with their connection pool.
#[derive(Debug)]
pub struct VeltEndpoint {
    config: Arc<Config>,
    transport: Transport,
    credentials: Arc<Credentials>,
    stats: Arc<Stats>,
}

impl VeltEndpoint {
    /// Creates the connection pool; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for an invalid `ca` or `proxy`.
    pub fn new(config: Arc<Config>, stats: Arc<Stats>) -> Result<Self, Error> {
        let auth_token = config.auth_token.clone();
        let credentials = Credentials::new(auth_token, config.timeout, Arc::clone(&stats));
        Ok(Self {
            transport: Transport::new(&config)?,
            config,
            credentials: Arc::new(credentials),
            stats,
        })
    }

    /// Waits until there is an auth token.
    ///
    /// # Errors
    /// The error of the provider.
    pub async fn ready(&self) -> Result<(), Error> {
        self.credentials.current().await.map(drop)
    }

    /// Opens the first connection, within the time of an attempt. No credential is sent.
    pub async fn connect(&self) {
        let connecting = self.transport.connect(&self.config.base_url);
        let _ = timeout(self.config.timeout, connecting).await;
    }

    /// The refusals of auth tokens since the last call of this function, oldest first.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.credentials.take_refusals()
    }

    /// Waits until a request can be sent.
    pub async fn place(&self) -> Place {
        self.transport.place().await
    }

    /// Sends one request for a token from `place`, and reads the response.
    ///
    /// # Errors
    /// The error of the transport, or the error in the response.
    pub async fn token(
        &self,
        place: Place,
        user: &User,
        breaker: &CircuitBreaker,
    ) -> Result<Token, Error> {
        let request = |auth_token: &_| request::token(&self.config, auth_token, user);
        self.send(place, breaker, request, response::token).await
    }

    /// Adds or removes permissions with one request from `place`.
    ///
    /// # Errors
    /// As [`VeltEndpoint::token`].
    pub async fn change_permissions(
        &self,
        place: Place,
        change: &PermissionsChange,
        breaker: &CircuitBreaker,
    ) -> Result<(), Error> {
        let change = change.at(SystemTime::now());
        let request =
            |auth_token: &_| request::permissions_change(&self.config, auth_token, &change);
        self.send(place, breaker, request, response::permissions_change)
            .await
    }

    /// Asks for permissions with one request from `place`.
    ///
    /// # Errors
    /// As [`VeltEndpoint::token`].
    pub async fn permissions(
        &self,
        place: Place,
        query: &PermissionsQuery,
        breaker: &CircuitBreaker,
    ) -> Result<Permissions, Error> {
        let request = |auth_token: &_| request::permissions_query(&self.config, auth_token, query);
        self.send(place, breaker, request, response::permissions)
            .await
    }

    async fn send<T>(
        &self,
        place: Place,
        breaker: &CircuitBreaker,
        request: impl Fn(&SecretString) -> Request,
        read: fn(&Response, Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let next_place = async || {
            let place = self.place().await;
            breaker.check_rate_limit()?;
            self.stats.upstream_requests.add();
            Ok(place)
        };
        let exchange = async |place, auth_token: Arc<SecretString>| {
            let request = request(&auth_token);
            self.exchange(place, request, read, &auth_token).await
        };
        self.credentials.send(place, next_place, exchange).await
    }

    async fn exchange<T>(
        &self,
        place: Place,
        request: Request,
        read: fn(&Response, Context<'_>) -> Result<T, Error>,
        auth_token: &SecretString,
    ) -> Result<T, Error> {
        let attempt = current::attempt();
        let outcome = self.transport.post(place, request).await;
        let outcome = outcome.and_then(|response| {
            let context = Context {
                now: SystemTime::now(),
                api_key: &self.config.api_key,
                auth_token,
            };
            read(&response, context)
        });
        attempt.end(&outcome);
        outcome
    }
}
