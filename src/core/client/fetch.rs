//! Fetches a token after a cache miss, from the shared cache or from Velt, and stores the outcome in
//! both caches.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::core::cache::local::{InFlight, LocalCache};
use crate::core::cache::shared::store::{Store, Unavailable};
use crate::core::cache::shared::{Found, SharedCache, SharedRequest};
use crate::core::clock::Clock;
use crate::core::deadlines;
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;
use crate::core::token::{Requirement, Token};
use crate::core::trace::current;
use crate::core::user::User;
use crate::core::velt::upstream::{TokenEndpoint, Upstream};

/// Fetches tokens that are not in the cache of this process.
#[derive(Debug)]
pub struct Fetcher<E, S: Store> {
    pub upstream: Upstream<E>,
    pub local: Arc<LocalCache>,
    pub shared: Option<Arc<SharedCache<S>>>,
    pub stats: Arc<Stats>,
    pub clock: Clock,
    /// The client's deadline. Calls share a request, so the deadline of a single call does not limit the
    /// request.
    pub deadline: Duration,
}

impl<E: TokenEndpoint, S: Store> Fetcher<E, S> {
    /// Fetches a token that meets `requirement`, from the shared cache or from Velt.
    ///
    /// # Errors
    /// The error of the request to Velt.
    pub async fn fetch(&self, user: &Arc<User>, requirement: Requirement) -> Result<Token, Error> {
        let began = Instant::now();
        let mut in_flight = self.local.begin(user);
        let request = match self.find(&mut in_flight, requirement, began).await {
            Ok(Found::Token(token)) => {
                self.stats.shared_hits.add();
                current::found_in_shared_cache();
                return Ok(token);
            }
            Ok(Found::Nothing(request)) => Some(request),
            Err(Unavailable) => None,
        };
        let deadline = self.deadline.saturating_sub(began.elapsed());
        self.request(user, in_flight, request, deadline).await
    }

    /// Requests a new token from Velt, whatever the caches hold, within `deadline`.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub async fn generate(&self, user: &Arc<User>, deadline: Duration) -> Result<Token, Error> {
        let began = Instant::now();
        let mut in_flight = self.local.begin(user);
        // The generation must be read before the request. Otherwise an invalidation during the request
        // could be missed.
        let request = match &self.shared {
            Some(shared) => {
                let patience = began + deadlines::redis_command(deadline);
                let request = Box::pin(shared.begin(&mut in_flight));
                timeout_at(patience, request)
                    .await
                    .ok()
                    .and_then(Result::ok)
            }
            None => None,
        };
        let deadline = deadline.saturating_sub(began.elapsed());
        self.request(user, in_flight, request, deadline).await
    }

    async fn find(
        &self,
        in_flight: &mut InFlight,
        requirement: Requirement,
        began: Instant,
    ) -> Result<Found, Unavailable> {
        let shared = self.shared.as_ref().ok_or(Unavailable)?;
        let is_accepted = |token: &Token| requirement.is_met_by(token, self.clock.now());
        let patience = began + deadlines::lease_wait(self.deadline);
        let find = Box::pin(shared.find(in_flight, patience, is_accepted));
        timeout_at(began + deadlines::shared_cache(self.deadline), find)
            .await
            .unwrap_or(Err(Unavailable))
    }

    /// Requests a token from Velt, stores the outcome in this process, and publishes it in the shared
    /// cache.
    async fn request(
        &self,
        user: &User,
        in_flight: InFlight,
        request: Option<SharedRequest>,
        deadline: Duration,
    ) -> Result<Token, Error> {
        // Boxed, because this future would contain it twice.
        let token = Box::pin(self.upstream.token(user, deadline));
        let outcome = match (&self.shared, &request) {
            (Some(shared), Some(request)) => tokio::select! {
                // The simulation replays a seed exactly only without tokio's random order.
                biased;
                outcome = token => outcome,
                () = shared.keep_lease(request) => unreachable!("a lease is kept until the request ends"),
            },
            _ => token.await,
        };
        let is_short = deadlines::is_short(deadline, self.deadline);
        let now = self.clock.now();
        match &outcome {
            Ok(token) => in_flight.store(token.clone()),
            Err(error) if error.code == Code::Timeout && is_short => {}
            Err(error) if error.is_outage() => in_flight.pause_refresh(error.retry_after, now),
            Err(_) => in_flight.reject(),
        }
        if let (Some(shared), Some(request)) = (self.shared.clone(), request) {
            // The call does not wait until Redis has the outcome.
            let outcome = outcome.clone();
            tokio::spawn(async move { shared.publish(&request, &outcome, now).await });
        }
        outcome
    }
}
