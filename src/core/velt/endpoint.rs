//! The endpoint of Velt's token API: one attempt is one HTTPS exchange.

use std::sync::Arc;
use std::time::SystemTime;

use super::api;
use super::connections::Place;
use super::transport::Transport;
use crate::core::config::Config;
use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::User;

/// The endpoint of one configuration, with its connection pool.
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
        let transport = Transport::new(&config, api::endpoint(&config)?, api::headers(&config)?)?;
        Ok(Self { config, transport })
    }

    /// Waits until a request can be sent.
    pub async fn place(&self) -> Place {
        self.transport.place().await
    }

    /// Sends one request for a token from `place`, and reads the response.
    ///
    /// # Errors
    /// The error of the transport, or the error in the response.
    pub async fn request_token(&self, place: Place, user: &User) -> Result<Token, Error> {
        let body = api::body(&self.config, user);
        let response = self.transport.post(place, body).await?;
        api::read(&response, SystemTime::now(), &self.config)
    }
}
