//! A token for a user: from the cache, from another server's, or from Velt.

mod fetch;
#[cfg(test)]
mod scenarios;

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::fetch::Wanted;
use crate::core::cache::local::{Cache, DEFAULT_MIN_VALIDITY, Lookup};
use crate::core::cache::shared::Shared;
use crate::core::cache::single_flight::{Flights, Joined};
use crate::core::clock::Clock;
use crate::core::config::{ApiVersion, Config, Options};
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;
use crate::core::token::Token;
use crate::core::user::{User, not_blank};
use crate::core::velt::circuit_breaker::{Circuit, Pass};
use crate::core::velt::{Velt, api};

/// Where tokens come from.
pub trait Source: Send + Sync + 'static {
    /// Asks for a token, within `deadline`.
    fn ask(
        &self,
        user: &User,
        deadline: Duration,
    ) -> impl Future<Output = Result<Token, Error>> + Send;
}

/// One configuration, one pool of connections, one cache. `Debug` shows no secret.
#[derive(Debug)]
pub struct Client<S: Source = Velt> {
    pub(super) source: S,
    pub(super) api_version: ApiVersion,
    pub(super) deadline: Duration,
    pub(super) clock: Clock,
    pub(super) flights: Flights,
    pub(super) circuit: Circuit,
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) stats: Arc<Stats>,
    pub(super) closed: CancellationToken,
    cache: Mutex<Cache>,
}

/// A token that was here already.
#[derive(Debug)]
pub struct Hit {
    /// What to serve.
    pub token: Token,
    /// Call [`Client::refresh`]: it is time.
    pub is_due: bool,
}

/// What one call may be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions {
    /// Defaults to the client's.
    pub deadline: Option<Duration>,
    /// Defaults to [`DEFAULT_MIN_VALIDITY`].
    pub min_validity: Option<Duration>,
}

impl Client {
    /// Checks `options`; nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`], naming the option and what to write instead.
    pub fn new(options: Options) -> Result<Self, Error> {
        let config = Config::new(options)?;
        let shared = match &config.shared_cache {
            Some(address) => Some(Shared::new(
                address,
                &config,
                api::endpoint(&config)?.as_str(),
            )?),
            None => None,
        };
        let stats = Arc::new(Stats::default());
        Ok(Self {
            api_version: config.api_version,
            deadline: config.deadline,
            clock: Clock::default(),
            cache: Mutex::new(Cache::new(config.max_entries)),
            flights: Flights::default(),
            circuit: Circuit::default(),
            shared: shared.map(Arc::new),
            source: Velt::new(config, Arc::clone(&stats))?,
            stats,
            closed: CancellationToken::new(),
        })
    }
}

#[cfg(test)]
impl<S: Source> Client<S> {
    pub(super) fn assembled(source: S, clock: Clock, cache: Cache) -> Self {
        Self {
            source,
            api_version: ApiVersion::V2,
            deadline: crate::core::config::DEFAULT_DEADLINE,
            clock,
            cache: Mutex::new(cache),
            flights: Flights::default(),
            circuit: Circuit::default(),
            shared: None,
            stats: Arc::default(),
            closed: CancellationToken::new(),
        }
    }
}

impl<S: Source> Client<S> {
    /// Asks Velt for a token for `user`, whatever the caches hold, and keeps the answer there.
    ///
    /// Dropping the future cancels the request.
    ///
    /// # Errors
    /// See [`Code`]: a user that Velt cannot take, Velt's refusal, a failure on the way, the
    /// deadline, or the client's end.
    pub async fn generate_token(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<Token, Error> {
        // Boxed, since each future around it would hold it twice.
        let call = Box::pin(self.generate(user, options));
        let outcome = self.until_closed(call).await;
        self.stats.call_ended(&outcome);
        outcome
    }

    async fn generate(self: &Arc<Self>, user: User, options: CallOptions) -> Result<Token, Error> {
        let user = Arc::new(user.checked(self.api_version)?);
        let deadline = options.deadline.unwrap_or(self.deadline);
        let ends = Instant::now() + deadline;
        let ticket = self.cache().ticket();
        // The generation must be known before Velt is asked, or an invalidation could be missed.
        let slot = match self.shared() {
            Some(shared) => match timeout(deadline / 4, Box::pin(shared.look_up(&user))).await {
                Ok(Ok((_, slot))) => Some(slot),
                _ => None,
            },
            None => None,
        };
        self.ask(&user, ends, Pass::UNASKED, ticket, slot).await
    }

    /// A token for `user` from this process's cache, without waiting; `None` where
    /// [`Client::get_token`] has to be called, which also says what is wrong with a user. The user
    /// that comes back is for [`Client::refresh`].
    pub fn look_up(&self, user: User, min_validity: Option<Duration>) -> Option<(User, Hit)> {
        if self.closed.is_cancelled() {
            return None;
        }
        let user = user.checked(self.api_version).ok()?;
        let hit = self.hit(&user, min_validity.unwrap_or(DEFAULT_MIN_VALIDITY))?;
        Some((user, hit))
    }

    fn hit(&self, user: &User, min_validity: Duration) -> Option<Hit> {
        let lookup = self.cache().look_up(user, min_validity, self.clock.now());
        let (token, is_due) = match lookup {
            Lookup::Fresh(token) => (token, false),
            Lookup::Due(token) => (token, true),
            Lookup::Stale(token) => {
                self.stats.stale_served.add();
                (token, false)
            }
            Lookup::Miss => return None,
        };
        self.stats.hits.add();
        Some(Hit { token, is_due })
    }

    /// A token for `user` that is good for a while: from the cache, or asked for once, however many
    /// callers want it. When Velt cannot be asked, whatever has not expired is better than nothing.
    ///
    /// Dropping the future harms nobody else who waits. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Client::generate_token`].
    pub async fn get_token(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<Token, Error> {
        let outcome = self.until_closed(self.get(user, options)).await;
        self.stats.call_ended(&outcome);
        outcome
    }

    async fn get(self: &Arc<Self>, user: User, options: CallOptions) -> Result<Token, Error> {
        let user = Arc::new(user.checked(self.api_version)?);
        let deadline = options.deadline.unwrap_or(self.deadline);
        let min_validity = options.min_validity.unwrap_or(DEFAULT_MIN_VALIDITY);
        let answer = timeout(deadline, self.wait(&user, min_validity, deadline)).await;
        match answer.unwrap_or_else(|_| Err(timed_out(deadline))) {
            Err(error) if error.is_outage() => {
                let last_resort = self.cache().last_resort(&user, self.clock.now());
                if last_resort.is_some() {
                    self.stats.stale_served.add();
                }
                last_resort.ok_or(error)
            }
            outcome => outcome,
        }
    }

    async fn wait(
        self: &Arc<Self>,
        user: &Arc<User>,
        min_validity: Duration,
        deadline: Duration,
    ) -> Result<Token, Error> {
        let mut is_second = false;
        loop {
            // Looked up where no flight can end meanwhile: what just ended left its answer there.
            let joined = self.flights.join(user, || self.hit(user, min_validity));
            let (flight, is_own) = match joined {
                Joined::Spared(hit) => {
                    if hit.is_due {
                        self.refresh(user, &hit.token);
                    }
                    return Ok(hit.token);
                }
                Joined::Underway(flight) => {
                    self.stats.joins.add();
                    (flight, false)
                }
                Joined::Begun(flight, landing) => {
                    self.stats.misses.add();
                    self.begin(landing, user, Wanted::GoodFor(min_validity), deadline);
                    (flight, true)
                }
            };
            let token = flight.landed().await?;
            // Who asked may have wanted less; who asked then cannot have got any better.
            if is_own || is_second || token.is_good_for(min_validity, self.clock.now()) {
                return Ok(token);
            }
            is_second = true;
        }
    }

    /// Renews a token in the background, unless somebody asks for it already. Must be called inside
    /// a tokio runtime.
    pub fn refresh(self: &Arc<Self>, user: &Arc<User>, current: &Token) {
        if let Joined::Begun(_, landing) = self.flights.join(user, || None::<Hit>) {
            self.stats.refreshes.add();
            let wanted = Wanted::NewerThan(current.expires_at());
            self.begin(landing, user, wanted, self.deadline);
        }
    }

    /// Forgets all tokens of `user_id`, here and on every server that shares the cache.
    ///
    /// # Errors
    /// [`Code::InvalidUser`] for an empty id, [`Code::Closed`], and [`Code::Network`] when the shared
    /// cache cannot be told; this process has forgotten them then.
    pub async fn invalidate(self: &Arc<Self>, user_id: &str) -> Result<(), Error> {
        not_blank("userId", Some(user_id))?;
        self.until_closed(async {
            let user_ids = HashSet::from([user_id.to_owned()]);
            self.invalidate_here(&user_ids);
            let Some(shared) = self.shared() else {
                return Ok(());
            };
            shared.invalidate(user_id).await.map_err(|_| {
                Error::transient(
                    Code::Network,
                    "The shared cache could not be told of the invalidation, so other servers may \
                     still serve tokens of this user; call invalidate again.",
                )
            })?;
            // Meanwhile the old ones may have been fetched from there.
            self.invalidate_here(&user_ids);
            Ok(())
        })
        .await
    }

    /// Forgets all tokens of these user ids in this process.
    pub(super) fn invalidate_here(&self, user_ids: &HashSet<String>) {
        self.flights.abandon(user_ids);
        self.cache().invalidate(user_ids);
    }

    /// What this client has done so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many tokens are cached in this process.
    pub fn entries(&self) -> usize {
        self.cache().len()
    }

    /// Ends every call in flight and to come with [`Code::Closed`].
    pub fn close(&self) {
        self.closed.cancel();
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn until_closed<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.closed
            .run_until_cancelled(call)
            .await
            .unwrap_or_else(|| Err(Error::closed()))
    }
}

impl<S: Source> Drop for Client<S> {
    fn drop(&mut self) {
        self.close();
    }
}

fn timed_out(deadline: Duration) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "No token came within {} ms (deadline); raise it if your network needs longer.",
            deadline.as_millis(),
        ),
    )
}
