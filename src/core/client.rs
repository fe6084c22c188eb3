//! A token for a user.

use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::api;
use super::config::{Config, Options};
use super::error::Error;
use super::retry::{self, Budget, Limits};
use super::stats::Stats;
use super::token::Token;
use super::transport::Transport;
use super::user::User;

/// One configuration and one pool of connections. `Debug` shows no secret.
#[derive(Debug)]
pub struct Client {
    config: Config,
    transport: Transport,
    budget: Budget,
    stats: Stats,
    closed: CancellationToken,
}

impl Client {
    /// Checks `options`; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`](super::Code::Config), naming the option and what to write instead.
    pub fn new(options: Options) -> Result<Self, Error> {
        let config = Config::new(options)?;
        let transport = Transport::new(&config, api::endpoint(&config)?, api::headers(&config)?)?;
        Ok(Self {
            config,
            transport,
            budget: Budget::default(),
            stats: Stats::default(),
            closed: CancellationToken::new(),
        })
    }

    /// Asks Velt for a token for `user`. `deadline` replaces the client's own for this call.
    ///
    /// Dropping the future cancels the request.
    ///
    /// # Errors
    /// See [`Code`](super::Code): a user that Velt cannot take, Velt's refusal, a failure on the
    /// way, the deadline, or the client's end.
    pub async fn generate_token(
        &self,
        user: &User,
        deadline: Option<Duration>,
    ) -> Result<Token, Error> {
        let outcome = tokio::select! {
            biased;
            () = self.closed.cancelled() => Err(Error::closed()),
            outcome = self.ask(user, deadline) => outcome,
        };
        self.stats.call_ended(&outcome);
        outcome
    }

    async fn ask(&self, user: &User, deadline: Option<Duration>) -> Result<Token, Error> {
        user.check(self.config.api_version)?;
        let body = api::body(&self.config, user);
        let limits = Limits {
            timeout: self.config.timeout,
            deadline: deadline.unwrap_or(self.config.deadline),
            max_attempts: self.config.max_attempts,
        };
        retry::run(limits, &self.budget, async || {
            self.stats.request_sent();
            let answer = self.transport.post(body.clone()).await?;
            api::read(&answer, SystemTime::now(), &self.config)
        })
        .await
    }

    /// What this client has done so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Ends every call in flight and to come with [`Code::Closed`](super::Code::Closed).
    pub fn close(&self) {
        self.closed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::{ApiVersion, Proxy};

    #[test]
    fn debug_shows_no_secret() {
        for api_version in [ApiVersion::V1, ApiVersion::V2] {
            let options = Options {
                api_key: "secret-key".into(),
                auth_token: "secret-token".into(),
                api_version,
                proxy: Some(Proxy {
                    url: "http://user:secret-password@127.0.0.1:1".into(),
                    bypass: None,
                }),
                ..Options::default()
            };
            let text = format!("{options:?} {:?}", Client::new(options.clone()).unwrap());
            assert!(!text.contains("secret"), "{text}");
            // Neither in the form that the proxy is sent it: base64 of `user:secret-password`.
            assert!(!text.contains("dXNlcjpzZWNyZXQ"), "{text}");
        }
    }
}
