//! The endpoints of Velt's API: one attempt is one HTTPS exchange.

use std::sync::Arc;
use std::time::SystemTime;

use secrecy::SecretString;

use super::api::{Context, Request, request, response};
use super::transport::{Response, Transport};
use crate::core::config::Config;
use crate::core::error::Error;
use crate::core::permissions::{Permissions, PermissionsChange, PermissionsQuery};
use crate::core::token::Token;
use crate::core::user::User;

/// The endpoints of one configuration, with their connection pool.
#[derive(Debug)]
pub struct VeltEndpoint {
    config: Arc<Config>,
    transport: Transport,
}

impl VeltEndpoint {
    /// Creates the connection pool; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for an invalid `ca` or `proxy`.
    pub fn new(config: Arc<Config>) -> Result<Self, Error> {
        let transport = Transport::new(&config)?;
        Ok(Self { config, transport })
    }

    /// Sends one request for a token, and reads the response.
    ///
    /// # Errors
    /// The error of the transport, or the error in the response.
    pub async fn token(&self, user: &User) -> Result<Token, Error> {
        let request = |auth_token: &_| request::token(&self.config, auth_token, user);
        self.send(request, response::token).await
    }

    /// Adds or removes permissions with one request.
    ///
    /// # Errors
    /// As [`VeltEndpoint::token`].
    pub async fn change_permissions(&self, change: &PermissionsChange) -> Result<(), Error> {
        let change = change.at(SystemTime::now());
        let request =
            |auth_token: &_| request::permissions_change(&self.config, auth_token, &change);
        self.send(request, response::permissions_change).await
    }

    /// Asks for permissions with one request.
    ///
    /// # Errors
    /// As [`VeltEndpoint::token`].
    pub async fn permissions(&self, query: &PermissionsQuery) -> Result<Permissions, Error> {
        let request = |auth_token: &_| request::permissions_query(&self.config, auth_token, query);
        self.send(request, response::permissions).await
    }

    async fn send<T>(
        &self,
        request: impl Fn(&SecretString) -> Request,
        read: fn(&Response, Context<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Config {
            api_key,
            auth_token,
            ..
        } = &*self.config;
        let response = self.transport.post(request(auth_token)).await?;
        let context = Context {
            now: SystemTime::now(),
            api_key,
            auth_token,
        };
        read(&response, context)
    }
}
