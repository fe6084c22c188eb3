//! Velt itself: a question and its answer, with as many attempts as it takes.

pub mod api;
pub mod circuit_breaker;
pub mod retry;
pub mod transport;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::retry::{Budget, Limits};
use self::transport::Transport;
use crate::core::client::Source;
use crate::core::config::Config;
use crate::core::error::Error;
use crate::core::stats::Stats;
use crate::core::token::Token;
use crate::core::user::User;

/// Velt's API, reached over one pool of connections.
#[derive(Debug)]
pub struct Velt {
    config: Config,
    transport: Transport,
    budget: Budget,
    stats: Arc<Stats>,
}

impl Velt {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for a `ca` or `proxy` that cannot be used.
    pub fn new(config: Config, stats: Arc<Stats>) -> Result<Self, Error> {
        let transport = Transport::new(&config, api::endpoint(&config)?, api::headers(&config)?)?;
        Ok(Self {
            config,
            transport,
            budget: Budget::default(),
            stats,
        })
    }
}

impl Source for Velt {
    async fn ask(&self, user: &User, deadline: Duration) -> Result<Token, Error> {
        let body = api::body(&self.config, user);
        let limits = Limits {
            timeout: self.config.timeout,
            deadline,
            max_attempts: self.config.max_attempts,
        };
        retry::run(limits, &self.budget, || async {
            self.stats.upstream_requests.add();
            let answer = self.transport.post(body.clone()).await?;
            api::read(&answer, SystemTime::now(), &self.config)
        })
        .await
    }
}
