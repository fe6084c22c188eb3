//! The endpoints of Velt's API: one attempt is one HTTPS exchange.

use std::sync::Arc;
use std::time::SystemTime;

use secrecy::SecretString;
use tokio::time::timeout;

use super::api::{Context, request, response};
use super::connections::Place;
use super::credentials::{Credentials, InUse, Refusal, Second};
use super::transport::{Request, Response, Transport};
use crate::core::config::Config;
use crate::core::error::{Code, Error};
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
    pub async fn token(&self, place: Place, user: &User) -> Result<Token, Error> {
        let request = |auth_token: &_| request::token(&self.config, auth_token, user);
        self.send(place, request, response::token).await
    }

    /// Adds or removes permissions with one request from `place`.
    ///
    /// # Errors
    /// As [`VeltEndpoint::token`].
    pub async fn change_permissions(
        &self,
        place: Place,
        change: &PermissionsChange,
    ) -> Result<(), Error> {
        let change = change.at(SystemTime::now());
        let request =
            |auth_token: &_| request::permissions_change(&self.config, auth_token, &change);
        self.send(place, request, response::permissions_change)
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
    ) -> Result<Permissions, Error> {
        let request = |auth_token: &_| request::permissions_query(&self.config, auth_token, query);
        self.send(place, request, response::permissions).await
    }

    /// Sends a request, and a second one with another auth token if Velt refuses the first auth token.
    async fn send<T>(
        &self,
        place: Place,
        request: impl Fn(&SecretString) -> Request,
        read: fn(&Response, Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let first = self.credentials.current().await?;
        let refusal = match self.exchange(place, &request, read, &first).await {
            Err(error) if is_refusal(&error) => error,
            outcome => return outcome,
        };
        let (second, trial) = match self.credentials.after_refusal(&first, &refusal).await? {
            None => return Err(refusal),
            Some(Second::InUse(second)) => (second, None),
            Some(Second::Trial(second, turn)) => (second, Some(turn)),
        };
        let place = self.place().await;
        self.stats.upstream_requests.add();
        let outcome = self.exchange(place, &request, read, &second).await;
        let refusal = outcome.as_ref().err().filter(|error| is_refusal(error));
        let is_outage = outcome.as_ref().is_err_and(Error::is_outage);
        match (&trial, refusal) {
            (Some(_), _) if !is_outage => self.credentials.tried(&second, refusal),
            (None, Some(error)) => self.credentials.report(&second, error),
            _ => {}
        }
        let is_refused = refusal.is_some();
        outcome.map_err(|error| {
            let error = Error {
                attempts: 1,
                ..error
            };
            if is_refused {
                self.credentials.final_error(error)
            } else {
                error
            }
        })
    }

    async fn exchange<T>(
        &self,
        place: Place,
        request: impl Fn(&SecretString) -> Request,
        read: fn(&Response, Context<'_>) -> Result<T, Error>,
        auth_token: &InUse,
    ) -> Result<T, Error> {
        let attempt = current::attempt();
        let auth_token = &auth_token.secret;
        let outcome = self.transport.post(place, request(auth_token)).await;
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

/// Whether Velt has refused the credentials. A refusal without a status of Velt comes from a proxy.
fn is_refusal(error: &Error) -> bool {
    error.code == Code::Unauthorized && error.status.is_some()
}
