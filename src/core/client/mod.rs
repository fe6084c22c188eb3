//! A token for a user: from the cache of this process, else fetched once for all calls that wait.

mod fetch;
mod log_reader;
mod permissions;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::fetch::Fetcher;
use self::log_reader::LogReader;
use crate::core::cache::local::{LocalCache, Lookup};
use crate::core::cache::shared::SharedCache;
use crate::core::cache::shared::redis_store::RedisStore;
use crate::core::cache::shared::store::{Store, Unavailable};
use crate::core::cache::single_flight::{Leader, Role, SingleFlight};
use crate::core::clock::Clock;
use crate::core::config::{ApiVersion, Config, DEFAULT_MIN_VALIDITY, Options};
use crate::core::deadlines::{self, STALE_AFTER};
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;
use crate::core::token::{Requirement, Token};
use crate::core::trace::call::OpenCall;
use crate::core::trace::current::RequestRecord;
use crate::core::trace::journal::Journal;
use crate::core::trace::records::{BreakerState, TracedCall};
use crate::core::user::{User, not_blank};
use crate::core::velt::api::request::token_url;
use crate::core::velt::credentials::Refusal;
use crate::core::velt::endpoint::VeltEndpoint;
use crate::core::velt::upstream::{TokenEndpoint, Upstream};

/// A client with one configuration, one connection pool and one cache. `Debug` shows no secret.
#[derive(Debug)]
pub struct Client<E: TokenEndpoint = VeltEndpoint, S: Store = RedisStore> {
    fetcher: Fetcher<E, S>,
    local: Arc<LocalCache>,
    single_flight: SingleFlight,
    /// Reads the log of the shared cache; `None` without one.
    log_reader: Option<Arc<LogReader<S>>>,
    api_version: ApiVersion,
    deadline: Duration,
    clock: Clock,
    stats: Arc<Stats>,
    journal: Arc<Journal>,
    closed: CancellationToken,
}

/// A token from the cache of this process.
#[derive(Debug)]
pub struct Hit {
    /// The token to serve.
    pub token: Token,
    /// Whether to call [`Client::refresh`].
    pub needs_refresh: bool,
    /// Whether the token has less validity than required, because Velt failed a moment ago.
    pub is_stale: bool,
}

/// The options of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions {
    /// Defaults to the client's.
    pub deadline: Option<Duration>,
    /// Defaults to [`DEFAULT_MIN_VALIDITY`].
    pub min_validity: Option<Duration>,
    /// A token that was received longer ago is not served. No limit by default.
    pub max_age: Option<Duration>,
    /// The call in the [`Journal`]. Nothing is recorded without it.
    pub traced: Option<TracedCall>,
}

impl CallOptions {
    fn requirement(self, user: &User) -> Requirement {
        Requirement::min_validity(self.min_validity.unwrap_or(DEFAULT_MIN_VALIDITY))
            .max_age(self.max_age)
            .latest(user.permissions_end())
    }
}

impl Client {
    /// Validates `options`; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`], naming the option and what to write instead.
    pub fn new(options: Options) -> Result<Self, Error> {
        let config = Arc::new(Config::new(options)?);
        let shared = match &config.shared_cache {
            Some(shared) => {
                let endpoint = token_url(&config);
                Some(SharedCache::new(shared, &config, endpoint.as_str())?)
            }
            None => None,
        };
        let stats = Arc::new(Stats::default());
        let endpoint = VeltEndpoint::new(Arc::clone(&config), Arc::clone(&stats))?;
        let clock = Clock::default();
        Ok(Self::with_stats(endpoint, shared, &config, clock, stats))
    }

    /// Opens the first connection to Velt, so that the first call does not wait for it.
    pub async fn connect(&self) {
        let connecting = self.fetcher.upstream.endpoint().connect();
        self.closed.run_until_cancelled(connecting).await;
    }

    /// The refusals of auth tokens since the last call of this function, oldest first.
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.fetcher.upstream.endpoint().take_refusals()
    }
}

impl<E: TokenEndpoint, S: Store> Client<E, S> {
    /// Creates a client from its parts, for tests.
    #[cfg(test)]
    pub(crate) fn assembled(
        endpoint: E,
        shared: Option<SharedCache<S>>,
        config: &Config,
        clock: Clock,
    ) -> Self {
        Self::with_stats(endpoint, shared, config, clock, Arc::default())
    }

    fn with_stats(
        endpoint: E,
        shared: Option<SharedCache<S>>,
        config: &Config,
        clock: Clock,
        stats: Arc<Stats>,
    ) -> Self {
        let local = Arc::new(LocalCache::new(config.max_entries));
        let single_flight = SingleFlight::default();
        let journal = Arc::new(Journal::default());
        let closed = CancellationToken::new();
        let shared = shared.map(Arc::new);
        let log_reader = shared.clone().map(|shared| {
            let (local, single_flight) = (Arc::clone(&local), single_flight.clone());
            let journal = Arc::clone(&journal);
            LogReader::new(shared, local, single_flight, journal, clock, closed.clone())
        });
        Self {
            fetcher: Fetcher {
                upstream: Upstream::new(endpoint, config, Arc::clone(&stats), clock),
                local: Arc::clone(&local),
                shared,
                stats: Arc::clone(&stats),
                clock,
                deadline: config.deadline,
            },
            local,
            single_flight,
            log_reader,
            api_version: config.api_version,
            deadline: config.deadline,
            clock,
            stats,
            journal,
            closed,
        }
    }

    fn checked(&self, user: User) -> Result<User, Error> {
        user.checked(self.api_version, self.clock.now())
    }

    /// A token for `user` from the cache of this process, without waiting. `None` means: call
    /// [`Client::get_token`], which also reports an invalid user. The returned user is for
    /// [`Client::refresh`].
    pub fn look_up(&self, user: User, min_validity: Option<Duration>) -> Option<(User, Hit)> {
        if self.closed.is_cancelled() {
            return None;
        }
        let user = self.checked(user).ok()?;
        let options = CallOptions {
            min_validity,
            ..CallOptions::default()
        };
        let hit = self.hit(&user, options.requirement(&user))?;
        self.journal.hit(hit.is_stale);
        Some((user, hit))
    }

    /// A token for `user` that meets the options: from the cache, or fetched once for all calls that
    /// wait. If Velt fails, or does not respond within a second, any valid token is served.
    ///
    /// Dropping the future does not affect other calls. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// See [`Code`]: an invalid user, a rejection by Velt, a failure on the way, the deadline, or the
    /// client's end.
    pub async fn get_token(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<Token, Error> {
        let record = OpenCall::new(&self.journal, options.traced);
        let outcome = self.until_closed(self.get(user, options, &record)).await;
        self.stats.call_ended(&outcome);
        outcome
    }

    async fn get(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
        record: &OpenCall,
    ) -> Result<Token, Error> {
        let user = Arc::new(self.checked(user)?);
        let requirement = options.requirement(&user);
        let deadline = options.deadline.unwrap_or(self.deadline);
        let ends = Instant::now() + deadline;
        let fetch = Box::pin(timeout_at(ends, async {
            self.until_current().await;
            // A call with `max_age` must not wait for a request that is older than the cached token.
            if let Some(hit) = self.hit(&user, requirement) {
                record.hit(hit.is_stale);
                if hit.needs_refresh {
                    self.refresh(&user, &hit.token);
                }
                return Ok(hit.token);
            }
            self.fetch(&user, requirement, record).await
        }));
        let stale = async {
            sleep(STALE_AFTER).await;
            self.stale(&user, requirement, record).await
        };
        let outcome = tokio::select! {
            biased;
            outcome = fetch => outcome.unwrap_or_else(|_| Err(timed_out(deadline))),
            // The request continues, so that later calls get its token.
            Some(token) = stale => return Ok(token),
        };
        match outcome {
            Err(error) if error.is_outage() => {
                let stale = timeout_at(ends, self.stale(&user, requirement, record));
                stale.await.ok().flatten().ok_or(error)
            }
            outcome => outcome,
        }
    }

    /// Waits for a request in flight, or starts one.
    async fn fetch(
        self: &Arc<Self>,
        user: &Arc<User>,
        requirement: Requirement,
        record: &OpenCall,
    ) -> Result<Token, Error> {
        let mut has_followed = false;
        loop {
            let request = match self.single_flight.join(user, record.number()) {
                Role::Leader(leader, request) => {
                    // The previous leader may have stored a token since the cache miss.
                    if let Some(hit) = self.hit(user, requirement) {
                        record.hit(hit.is_stale);
                        leader.complete(Ok(hit.token.clone()));
                        if hit.needs_refresh {
                            self.refresh(user, &hit.token);
                        }
                        return Ok(hit.token);
                    }
                    self.stats.misses.add();
                    record.missed();
                    let record = RequestRecord::of_call(&self.journal, record.traced());
                    self.lead(leader, user, requirement, record);
                    return request.wait().await;
                }
                Role::Follower(request) => request,
            };
            self.stats.joins.add();
            record.joined(request.leader());
            let token = request.wait().await?;
            // The leader may have required less than this call. Then this call waits for one more
            // request. A third request would return no better token.
            if has_followed || requirement.is_met_by(&token, self.clock.now()) {
                return Ok(token);
            }
            has_followed = true;
        }
    }

    /// Fetches a new token in the background, unless a request is in flight. Must be called inside a
    /// tokio runtime.
    pub fn refresh(self: &Arc<Self>, user: &Arc<User>, current: &Token) {
        let Role::Leader(leader, _) = self.single_flight.join(user, None) else {
            return;
        };
        let requirement = Requirement::newer_than(current);
        let now = self.clock.now();
        let cached = self.local.stale(user, now);
        if let Some(newer) = cached.filter(|token| requirement.is_met_by(token, now)) {
            // The previous leader has stored the newer token.
            leader.complete(Ok(newer));
        } else {
            self.stats.refreshes.add();
            let record = RequestRecord::of_refresh(&self.journal);
            self.lead(leader, user, requirement, record);
        }
    }

    /// Fetches in a separate task, so that the request continues when a call ends.
    fn lead(
        self: &Arc<Self>,
        leader: Leader,
        user: &Arc<User>,
        requirement: Requirement,
        record: RequestRecord,
    ) {
        let client = Arc::clone(self);
        let user = Arc::clone(user);
        tokio::spawn(async move {
            // Boxed, because the futures around it would contain it several times.
            let fetch = Box::pin(client.fetcher.fetch(&user, requirement));
            let outcome = record.during(client.until_closed(fetch)).await;
            record.end(&outcome);
            leader.complete(outcome);
        });
    }

    /// Whether cached tokens may be served: no invalidation by another server can be missing.
    fn is_current(&self) -> bool {
        self.log_reader
            .as_ref()
            .is_none_or(|log_reader| log_reader.is_current())
    }

    fn hit(&self, user: &User, requirement: Requirement) -> Option<Hit> {
        if !self.is_current() {
            return None;
        }
        let (token, needs_refresh, is_stale) =
            match self.local.look_up(user, requirement, self.clock.now()) {
                Lookup::Fresh(token) => (token, false, false),
                Lookup::NeedsRefresh(token) => (token, true, false),
                Lookup::Stale(token) => {
                    self.stats.stale_served.add();
                    (token, false, true)
                }
                Lookup::Miss => return None,
            };
        self.stats.hits.add();
        Some(Hit {
            token,
            needs_refresh,
            is_stale,
        })
    }

    /// A cached token that does not meet the requirement. Waits until cached tokens may be served.
    async fn stale(
        &self,
        user: &User,
        requirement: Requirement,
        record: &OpenCall,
    ) -> Option<Token> {
        let token = || self.local.stale(user, self.clock.now());
        if !requirement.accepts_stale() || token().is_none() {
            return None;
        }
        if let Some(log_reader) = &self.log_reader {
            log_reader.until_current().await;
        }
        let token = token()?;
        self.stats.stale_served.add();
        record.hit(true);
        Some(token)
    }

    /// Requests a token for `user` from Velt, even if a cache has a token, and stores the new token in
    /// the caches.
    ///
    /// Dropping the future cancels the request. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Client::get_token`].
    pub async fn generate_token(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<Token, Error> {
        // The future is boxed, because each future around it would contain it twice.
        let call = Box::pin(async {
            let user = Arc::new(self.checked(user)?);
            let began = Instant::now();
            let deadline = options.deadline.unwrap_or(self.deadline);
            let limit = deadlines::redis_command(deadline);
            let _ = timeout(limit, self.until_current()).await;
            let deadline = deadline.saturating_sub(began.elapsed());
            let record = RequestRecord::of_call(&self.journal, options.traced);
            let outcome = record.during(self.fetcher.generate(&user, deadline)).await;
            record.end(&outcome);
            if !outcome.as_ref().is_err_and(Error::is_outage) {
                // Velt has answered: later calls must not join an older request.
                self.single_flight.forget(&user.user_id);
            }
            outcome
        });
        let outcome = self.until_closed(call).await;
        self.stats.call_ended(&outcome);
        outcome
    }

    /// Invalidates all tokens of `user_id`, here and on every server that shares the cache.
    ///
    /// # Errors
    /// [`Code::InvalidUser`] for an empty id, [`Code::Closed`], and [`Code::Network`] if the shared
    /// cache is unavailable. The tokens of this process are invalidated even then.
    pub async fn invalidate(self: &Arc<Self>, user_id: &str) -> Result<(), Error> {
        not_blank("userId", Some(user_id))?;
        self.until_closed(async {
            self.invalidate_local(user_id);
            let Some(shared) = &self.fetcher.shared else {
                return Ok(());
            };
            self.until_current().await;
            shared
                .invalidate(user_id, deadlines::redis_command(self.deadline))
                .await
                .map_err(|Unavailable| invalidation_failed())?;
            // Meanwhile, a request may have found the old token in the shared cache.
            self.invalidate_local(user_id);
            Ok(())
        })
        .await
    }

    fn invalidate_local(&self, user_id: &str) {
        // In this order: a new leader between the two must not find the old token, since later calls
        // would join it.
        self.local.invalidate(user_id);
        self.single_flight.forget(user_id);
    }

    /// Starts to read the log of the shared cache, and waits until cached tokens may be served, at most
    /// a second. A call that goes on before finds no cached token of this process, and uses the shared
    /// cache or Velt.
    async fn until_current(&self) {
        if let Some(log_reader) = &self.log_reader {
            log_reader.start();
            let _ = timeout(STALE_AFTER, log_reader.until_current()).await;
        }
    }

    /// The records of calls and requests.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The counters of this client.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The state of the circuit breaker.
    pub fn breaker_state(&self) -> BreakerState {
        self.fetcher.upstream.breaker().state()
    }

    /// How many tokens are cached in this process.
    pub fn entries(&self) -> usize {
        self.local.len()
    }

    /// Ends all calls in flight and all later calls with [`Code::Closed`], and ends the connection to
    /// Redis.
    pub fn close(&self) {
        self.closed.cancel();
        if let Some(shared) = &self.fetcher.shared {
            shared.close();
        }
    }

    async fn until_closed<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.closed
            .run_until_cancelled(call)
            .await
            .unwrap_or_else(|| Err(Error::closed()))
    }
}

impl<E: TokenEndpoint, S: Store> Drop for Client<E, S> {
    fn drop(&mut self) {
        self.close();
    }
}

fn timed_out(deadline: Duration) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "Could not obtain a token within {} ms (deadline). Raise it if your network needs longer.",
            deadline.as_millis(),
        ),
    )
}

fn invalidation_failed() -> Error {
    Error::transient(
        Code::Network,
        "Could not reach the shared cache to invalidate the user, so other servers may still serve the \
         user's tokens. Call invalidate again.",
    )
}
