//! The shared cache: many servers share their tokens through one Redis or Valkey.
//!
//! | key | type | holds | for |
//! | --- | --- | --- | --- |
//! | `velt-auth:{user}:fields` | hash | a token, encrypted, and the numbers of the requests for it | the token's life |
//! | `velt-auth:{user}:fields:lease` | string | the name of the server that requests a token now | seconds |
//! | `velt-auth:{user}:generation` | string | a random value, new with each invalidation | 49 hours |
//! | `velt-auth:{scope}:invalidations` | stream | the log: encrypted user ids | 49 hours |
//!
//! `user`, `fields` and `scope` are MACs. `{…}` puts all keys of a user into one slot of a cluster.
//!
//! **Revocation.** A token is bound to its key, to the generation that was current when its request
//! began, and to the Redis process that stored it. An invalidation sets a new generation. So all earlier
//! tokens of the user are invalid, and also the tokens from requests in flight. A token that another
//! Redis process stored is not used, because the data of that process may be an older snapshot.
//!
//! **Continuity.** Tokens in the memory of a server are valid while the server has read the log of the
//! same Redis process without a gap. Each event contains the id of the event before it, so a server
//! notices a log that was trimmed, evicted, flushed or replaced. Then the server drops all its tokens.
//!
//! **Order.** Redis numbers requests when they begin: see [`sequence`](super::sequence). The outcome of an
//! older request, a token or a rejection, never replaces the outcome of a newer one.

mod connection;
pub mod redis_store;
#[cfg(not(fuzzing))]
mod seal;
// `fuzz/` opens values with it.
#[cfg(fuzzing)]
pub mod seal;
pub mod store;

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, sleep_until};

use self::redis_store::RedisStore;
use self::seal::Seal;
use self::store::{Begin, Ending, EntryKeys, LEASE, LogPage, Request, Store, Unavailable, View};
use crate::core::cache::local::InFlight;
use crate::core::cache::sequence::SequenceNumber;
use crate::core::config::{Config, SharedCacheConfig};
use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::User;

/// The first wait of a server for the lease, before it looks again (about this time). Each wait is twice
/// as long as the last one, up to [`MAX_POLL`].
const FIRST_POLL: Duration = Duration::from_millis(30);
/// The longest wait before a server looks again. Thousands of calls may wait when all caches are empty.
const MAX_POLL: Duration = Duration::from_millis(500);

/// The shared cache of one client.
#[derive(Debug)]
pub struct SharedCache<S: Store = RedisStore> {
    store: S,
    seal: Seal,
}

/// What the shared cache has for a call.
#[derive(Debug)]
pub enum Found {
    /// A token that is accepted.
    Token(Token),
    /// No such token. Request a token, and pass the outcome to [`SharedCache::publish`].
    Nothing(SharedRequest),
}

/// A request that began.
#[derive(Debug)]
pub struct SharedRequest {
    keys: EntryKeys,
    generation: String,
    process: String,
    number: SequenceNumber,
    /// The name under which the request holds the lease; empty if it does not hold the lease.
    holder: String,
}

/// A position in the log of invalidations.
#[derive(Clone, Debug)]
pub struct Position {
    process: String,
    event: String,
    /// When the log was read, by the clock of Redis.
    pub time: SequenceNumber,
}

/// What has happened since a position in the log.
#[derive(Debug)]
pub enum Changes {
    /// These user ids were invalidated. If `is_all` is false, more events follow.
    Invalidated {
        /// The user ids, oldest first.
        user_ids: Vec<String>,
        /// Whether the log was read to its end.
        is_all: bool,
    },
    /// The changes are unknown, because events are missing: drop all tokens.
    Unknown,
}

impl SharedCache {
    /// Validates the address; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for invalid URLs.
    pub fn new(shared: &SharedCacheConfig, config: &Config, endpoint: &str) -> Result<Self, Error> {
        let store = RedisStore::new(&shared.address, config)?;
        Ok(Self::with_store(store, &shared.secret, config, endpoint))
    }
}

impl<S: Store> SharedCache<S> {
    /// A shared cache whose data is in `store`.
    pub fn with_store(store: S, secret: &SecretString, config: &Config, endpoint: &str) -> Self {
        Self {
            store,
            seal: Seal::new(
                secret.expose_secret(),
                config.api_key.expose_secret(),
                endpoint,
            ),
        }
    }

    /// Finds a token that is accepted, or begins the request. Stores the token that is in the shared cache
    /// in the cache of this process. While another server holds the lease, this function waits, until
    /// `patience` at the latest.
    ///
    /// # Errors
    /// [`Unavailable`]: request a token without the shared cache.
    pub async fn find(
        &self,
        in_flight: &mut InFlight,
        patience: Instant,
        is_accepted: impl Fn(&Token) -> bool,
    ) -> Result<Found, Unavailable> {
        let keys = self.keys(in_flight.user());
        let holder = self.seal.nonce();
        let mut begin = Begin::No;
        let mut pause = FIRST_POLL;
        loop {
            in_flight.restart();
            let view = self.view(&keys, begin).await?;
            let token = self.open(&view, &keys);
            let newest = token.and_then(|(token, number)| in_flight.store_shared(token, number));
            let accepted = newest.filter(&is_accepted);
            let request = view.number.map(|number| SharedRequest {
                keys: keys.clone(),
                generation: view.generation,
                process: view.process,
                number,
                holder: match begin {
                    Begin::WithLease(holder) => holder.to_owned(),
                    _ => String::new(),
                },
            });
            match (accepted, request) {
                (Some(token), None) => return Ok(Found::Token(token)),
                // The last holder of the lease has just stored this token.
                (Some(token), Some(request)) => {
                    self.end(&request, Ending::Failed).await;
                    return Ok(Found::Token(token));
                }
                (None, Some(request)) => {
                    in_flight.set_number(request.number);
                    return Ok(Found::Nothing(request));
                }
                (None, None) => {}
            }
            if begin != Begin::No {
                let pause_ends = Instant::now() + pause.mul_f64(0.5 + fastrand::f64());
                sleep_until(pause_ends.min(patience)).await;
                pause = MAX_POLL.min(pause * 2);
            }
            begin = if Instant::now() < patience {
                Begin::WithLease(&holder)
            } else {
                Begin::WithoutLease
            };
        }
    }

    /// Begins a request without the lease: other servers do not wait for it.
    ///
    /// # Errors
    /// [`Unavailable`]: request a token without the shared cache.
    pub async fn begin(&self, in_flight: &mut InFlight) -> Result<SharedRequest, Unavailable> {
        let keys = self.keys(in_flight.user());
        let view = self.view(&keys, Begin::WithoutLease).await?;
        let number = view.number.ok_or(Unavailable)?;
        in_flight.set_number(number);
        Ok(SharedRequest {
            keys,
            generation: view.generation,
            process: view.process,
            number,
            holder: String::new(),
        })
    }

    /// Renews the lease of `request` as long as the returned future is polled.
    pub async fn keep_lease(&self, request: &SharedRequest) {
        if request.holder.is_empty() {
            return std::future::pending().await;
        }
        loop {
            sleep(LEASE / 3).await;
            let _ = self.store.renew_lease(request.as_ref()).await;
        }
    }

    /// Publishes the outcome of `request`, and ends its lease. No call waits for this function, so it
    /// returns no error.
    pub async fn publish(
        &self,
        request: &SharedRequest,
        outcome: &Result<Token, Error>,
        now: SystemTime,
    ) {
        match outcome {
            Ok(token) => match token.expires_at().duration_since(now) {
                Ok(time) => {
                    let sealed = self.seal.seal_token(token, &request.place());
                    self.end(request, Ending::Token(&sealed, time)).await;
                }
                Err(_) => self.end(request, Ending::Failed).await,
            },
            Err(error) if error.is_outage() => self.end(request, Ending::Failed).await,
            Err(_) => self.end(request, Ending::Rejected).await,
        }
    }

    /// Invalidates all tokens of a user id, on all servers. If there is no connection, waits for one, at most
    /// `connect_limit`.
    ///
    /// # Errors
    /// [`Unavailable`]: other servers may still serve the tokens.
    pub async fn invalidate(
        &self,
        user_id: &str,
        connect_limit: Duration,
    ) -> Result<(), Unavailable> {
        self.store.connect(connect_limit).await?;
        let generation_key = generation_key(&self.user_key(user_id));
        let generation = self.seal.nonce();
        self.store
            .set_generation(&generation_key, &generation)
            .await?;
        let log = self.log_key();
        let sealed = self.seal.seal(user_id.as_bytes(), &log);
        self.store.append(&log, &sealed).await
    }

    /// Reads the events after `position`, and returns the position of the last of them. If there is no
    /// connection, waits for one, at most `connect_limit`. If the connection breaks, connects once more,
    /// because Redis may have restarted.
    ///
    /// # Errors
    /// [`Unavailable`]: call again later; no event is missed.
    pub async fn changes(
        &self,
        position: Option<&Position>,
        connect_limit: Duration,
    ) -> Result<(Changes, Position), Unavailable> {
        let log = self.log_key();
        let after = position.map_or_else(String::new, |position| position.event.clone());
        self.store.connect(connect_limit).await?;
        let page = if let Ok(page) = self.store.read_log(&log, &after).await {
            page
        } else {
            self.store.connect(connect_limit).await?;
            self.store.read_log(&log, &after).await?
        };
        let changes = position
            .and_then(|position| self.read_page(&log, position, &page))
            .unwrap_or(Changes::Unknown);
        let event = match (&changes, page.events.last()) {
            (Changes::Invalidated { .. }, Some(last)) => last.id.clone(),
            _ => page.newest,
        };
        let position = Position {
            process: page.process,
            event,
            time: page.time,
        };
        Ok((changes, position))
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.store.close();
    }

    /// `None` if the page does not continue at `position`.
    fn read_page(&self, log: &str, position: &Position, page: &LogPage) -> Option<Changes> {
        if page.process != position.process {
            return None;
        }
        let mut last = &position.event;
        let mut user_ids = Vec::new();
        for event in &page.events {
            if event.previous != *last {
                return None;
            }
            let user_id = self.seal.open(&event.user_id, log)?;
            user_ids.push(String::from_utf8(user_id).ok()?);
            last = &event.id;
        }
        let is_all = *last == page.newest;
        // If the page has no event, the newest event of the log must be the event at `position`.
        (is_all || !page.events.is_empty()).then_some(Changes::Invalidated { user_ids, is_all })
    }

    async fn view(&self, keys: &EntryKeys, begin: Begin<'_>) -> Result<View, Unavailable> {
        // A generation is never used twice. Otherwise old tokens could be valid again after the eviction
        // of a generation.
        self.store.view(keys, &self.seal.nonce(), begin).await
    }

    fn open(&self, view: &View, keys: &EntryKeys) -> Option<(Token, SequenceNumber)> {
        let place = place(&keys.entry, &view.generation, &view.process);
        let (sealed, number) = view.value.as_ref()?;
        Some((self.seal.open_token(sealed, &place)?, *number))
    }

    async fn end(&self, request: &SharedRequest, ending: Ending<'_>) {
        // An error is ignored: the lease of the request ends after a few seconds anyway.
        let _ = self.store.end(request.as_ref(), ending).await;
    }

    fn keys(&self, user: &User) -> EntryKeys {
        let user_key = self.user_key(&user.user_id);
        let entry = format!("{user_key}:{}", self.seal.full_name(user));
        EntryKeys {
            lease: format!("{entry}:lease"),
            generation: generation_key(&user_key),
            entry,
        }
    }

    fn user_key(&self, user_id: &str) -> String {
        format!("velt-auth:{{{}}}", self.seal.user_name(user_id))
    }

    fn log_key(&self) -> String {
        format!(
            "velt-auth:{{{}}}:invalidations",
            self.seal.name(&"invalidations")
        )
    }
}

impl SharedRequest {
    fn as_ref(&self) -> Request<'_> {
        Request {
            keys: &self.keys,
            generation: &self.generation,
            process: &self.process,
            number: self.number,
            holder: &self.holder,
        }
    }

    fn place(&self) -> String {
        place(&self.keys.entry, &self.generation, &self.process)
    }
}

/// The place of a token. The token can be decrypted only with its key, its generation and its Redis
/// process.
fn place(entry: &str, generation: &str, process: &str) -> String {
    format!("{entry}:{generation}:{process}")
}

fn generation_key(user_key: &str) -> String {
    format!("{user_key}:generation")
}
