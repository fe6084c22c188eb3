//! The endpoint of Velt's token API: one attempt is one HTTPS exchange.

use std::sync::Arc;
use std::time::SystemTime;

use super::api;
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

    /// Sends one request for a token, and reads the response.
    ///
    /// # Errors
    /// The error of the transport, or the error in the response.
    pub async fn request_token(&self, user: &User) -> Result<Token, Error> {
        let body = api::body(&self.config, user);
        let response = self.transport.post(body).await?;
        api::read(&response, SystemTime::now(), &self.config)
    }
}
