//! The token cache of this process. The caller passes the current time as an argument. No function here
//! waits.
//!
//! The lock is held for a few hash-map operations. No work under the lock takes longer when there are
//! more entries, because the JavaScript thread takes the lock for each cache hit.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use lru::LruCache;

use crate::core::config::DEFAULT_MIN_VALIDITY;
use crate::core::error::MAX_RETRY_AFTER;
use crate::core::token::{Requirement, Token};
use crate::core::user::User;

/// A token is refreshed in the background after this share of its lifetime, plus or minus
/// [`REFRESH_JITTER`].
const REFRESH_SHARE: f64 = 0.75;
/// The largest random deviation from [`REFRESH_SHARE`], so that tokens that were made together are not
/// refreshed together.
const REFRESH_JITTER: f64 = 0.05;
/// A token with a lifetime of a few hours is refreshed after this much more than [`REFRESH_SHARE`] of the
/// time for which calls are served without waiting.
const SHORT_LIFETIME_SHARE: f64 = 0.1;
/// After a refresh of an entry began or failed, its next refresh starts after a random time: at least
/// this time, and at most twice this time.
const REFRESH_PAUSE: Duration = Duration::from_secs(15);
/// The limit of the average size of an entry, in bytes. Tokens with hundreds of permissions are large,
/// so a limit of the number of entries alone does not limit the memory.
const BYTES_PER_ENTRY: usize = 4096;
/// The bytes that an entry takes in addition to its token and its user: hash tables, list links,
/// allocator overhead (measured by __test__/`core/cache_memory.rs`).
const ENTRY_OVERHEAD: usize = 850;

/// The result of a lookup in the cache.
#[derive(Debug)]
pub enum Lookup {
    /// Serve this token.
    Fresh(Token),
    /// Serve this token, and fetch a new one in the background.
    NeedsRefresh(Token),
    /// Serve this token although it has less validity than required: a refresh failed a moment ago.
    Stale(Token),
    /// No token can be served.
    Miss,
}

/// The number of a request, in the order in which requests started. The outcome of an older request
/// never replaces the outcome of a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct SequenceNumber(u64);

#[derive(Debug)]
struct Entry {
    token: Token,
    number: SequenceNumber,
    /// The token is from the shared cache. Its request started before `number`, at an unknown time.
    is_shared: bool,
    refresh_at: SystemTime,
    /// Set if the last refresh failed: the next refresh begins after this time.
    paused_until: Option<SystemTime>,
}

/// The state of one user id. The state exists while the user id has an entry or a request in flight.
#[derive(Debug, Default)]
struct OfUserId {
    /// The users with this id that have an entry. They differ in the other fields. The oldest user is
    /// first, because its entry is usually removed first.
    cached: Vec<Arc<User>>,
    in_flight: usize,
    /// The last request before the last invalidation. Outcomes of this request and of older ones are not
    /// stored.
    invalidated: SequenceNumber,
    /// The users that Velt rejected, and the rejected requests. Outcomes of older requests are not
    /// stored.
    rejected: Vec<(Arc<User>, SequenceNumber)>,
}

#[derive(Debug)]
struct State {
    entries: LruCache<Arc<User>, Entry>,
    user_ids: HashMap<String, OfUserId>,
    bytes: usize,
    last_number: SequenceNumber,
    /// The last request before the last [`LocalCache::clear`]. Outcomes of this request and of older
    /// ones are not stored.
    cleared: SequenceNumber,
}

/// The cached tokens of all users.
#[derive(Debug)]
pub struct LocalCache {
    max_entries: NonZeroUsize,
    state: Mutex<State>,
}

/// A request that has started, and whose outcome may be stored.
#[derive(Debug)]
pub struct InFlight {
    cache: Arc<LocalCache>,
    user: Arc<User>,
    number: SequenceNumber,
}

/// Entries that were removed. To drop a million entries takes long, so drop them where no call waits.
#[derive(Debug)]
#[must_use]
pub struct Removed {
    _entries: LruCache<Arc<User>, Entry>,
    _user_ids: HashMap<String, OfUserId>,
}

impl LocalCache {
    /// An empty cache.
    #[must_use]
    pub fn new(max_entries: NonZeroUsize) -> Self {
        Self {
            max_entries,
            state: Mutex::new(State {
                entries: LruCache::unbounded(),
                user_ids: HashMap::new(),
                bytes: 0,
                last_number: SequenceNumber::default(),
                cleared: SequenceNumber::default(),
            }),
        }
    }

    /// What to do for a call that requires a token for `user`.
    pub fn look_up(&self, user: &User, requirement: Requirement, now: SystemTime) -> Lookup {
        let mut state = self.lock();
        let Some(entry) = state.entries.get_mut(user) else {
            return Lookup::Miss;
        };
        if !entry.token.is_valid(now) {
            state.remove(user);
            return Lookup::Miss;
        }
        let token = entry.token.clone();
        // No pause is longer than `MAX_RETRY_AFTER`. A pause that ends later than that began before the
        // clock was set back, and is ignored.
        let is_paused = entry
            .paused_until
            .is_some_and(|until| now < until && until <= now + MAX_RETRY_AFTER);
        if !requirement.is_met_by(&token, now) {
            return if is_paused && requirement.accepts_stale() {
                Lookup::Stale(token)
            } else {
                Lookup::Miss
            };
        }
        if is_paused || now < entry.refresh_at {
            return Lookup::Fresh(token);
        }
        entry.refresh_at = now + jittered(REFRESH_PAUSE);
        Lookup::NeedsRefresh(token)
    }

    /// The cached token for `user`, if it has not expired. It may be valid for less time than a call
    /// requires (stale-if-error).
    pub fn stale(&self, user: &User, now: SystemTime) -> Option<Token> {
        let state = self.lock();
        let token = &state.entries.peek(user)?.token;
        token.is_valid(now).then(|| token.clone())
    }

    /// Registers a request. Call this before anything is sent.
    #[must_use]
    pub fn begin(self: &Arc<Self>, user: &Arc<User>) -> InFlight {
        let mut state = self.lock();
        state.last_number.0 += 1;
        let number = state.last_number;
        let of_user_id = state.user_ids.entry(user.user_id.clone()).or_default();
        of_user_id.in_flight += 1;
        InFlight {
            cache: Arc::clone(self),
            user: Arc::clone(user),
            number,
        }
    }

    /// Removes all tokens of a user id. Outcomes of its requests in flight are not stored either.
    pub fn invalidate(&self, user_id: &str) {
        let mut state = self.lock();
        let last = state.last_number;
        let Some(of_user_id) = state.user_ids.get_mut(user_id) else {
            return;
        };
        of_user_id.invalidated = last;
        for user in std::mem::take(&mut of_user_id.cached) {
            state.remove_entry(&user);
        }
        state.tidy(user_id);
    }

    /// Removes all tokens. Outcomes of requests in flight are not stored either.
    pub fn clear(&self) -> Removed {
        let mut state = self.lock();
        state.cleared = state.last_number;
        state.bytes = 0;
        Removed {
            _entries: std::mem::replace(&mut state.entries, LruCache::unbounded()),
            _user_ids: std::mem::take(&mut state.user_ids),
        }
    }

    /// How many tokens are cached.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether no token is cached.
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Stores the token from this request, unless its user was invalidated or a newer request has ended.
    pub fn store(&self, token: Token) {
        self.put(token, false);
    }

    /// As [`InFlight::store`], for a token from the shared cache. A rejection since this request began
    /// may be newer than the token.
    pub fn store_shared(&self, token: Token) {
        self.put(token, true);
    }

    fn put(&self, token: Token, is_shared: bool) {
        let mut state = self.cache.lock();
        let of_user_id = state.user_ids.get(&self.user.user_id);
        let is_rejected = is_shared
            && of_user_id.is_some_and(|of_user_id| {
                of_user_id
                    .rejected
                    .iter()
                    .any(|(user, _)| *user == self.user)
            });
        if is_rejected || !state.is_newest(self) {
            return;
        }
        let refresh_at = refresh_at(&self.user, &token);
        let entry = Entry {
            token,
            number: self.number,
            is_shared,
            refresh_at,
            paused_until: None,
        };
        state.insert(&self.user, entry);
        state.shrink(self.cache.max_entries.get());
    }

    /// Stores a token that has less validity than required, if the cache has no valid token for the
    /// user.
    pub fn store_stale(&self, token: Token, now: SystemTime) {
        if self.cache.stale(&self.user, now).is_none() {
            self.store_shared(token);
        }
    }

    /// Delays the next refresh, because this request failed. The delay is at least `retry_after`, and at
    /// most [`MAX_RETRY_AFTER`].
    pub fn pause_refresh(&self, retry_after: Option<Duration>, now: SystemTime) {
        let mut state = self.cache.lock();
        if let Some(entry) = state.entries.peek_mut(&self.user) {
            let pause = jittered(REFRESH_PAUSE).max(retry_after.unwrap_or_default());
            entry.paused_until = Some(now + pause.min(MAX_RETRY_AFTER));
        }
    }

    /// Removes the token of the user, because Velt rejected this request. Tokens from older requests are
    /// not stored.
    pub fn reject(&self) {
        let mut state = self.cache.lock();
        let is_shared = |entry: &Entry| entry.is_shared;
        if state.entries.peek(&self.user).is_some_and(is_shared) {
            state.remove(&self.user);
        }
        if !state.is_newest(self) {
            return;
        }
        state.remove(&self.user);
        // Only a request that is still in flight can return an older token later.
        let of_user_id = state.user_ids.get_mut(&self.user.user_id);
        if let Some(of_user_id) = of_user_id.filter(|of_user_id| of_user_id.in_flight > 1) {
            of_user_id
                .rejected
                .push((Arc::clone(&self.user), self.number));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if self.number <= state.cleared {
            // `clear` has already removed the state of this user id.
            return;
        }
        if let Some(of_user_id) = state.user_ids.get_mut(&self.user.user_id) {
            of_user_id.in_flight -= 1;
            if of_user_id.in_flight == 0 {
                of_user_id.rejected = Vec::new();
            }
        }
        state.tidy(&self.user.user_id);
    }
}

impl State {
    fn is_newest(&self, request: &InFlight) -> bool {
        let newer = |number: SequenceNumber| number > request.number;
        let of_user_id = self.user_ids.get(&request.user.user_id);
        let is_outdated = of_user_id.is_none_or(|of_user_id| {
            of_user_id.invalidated >= request.number
                || of_user_id
                    .rejected
                    .iter()
                    .any(|(user, number)| *user == request.user && newer(*number))
        });
        let is_older = self
            .entries
            .peek(&request.user)
            .is_some_and(|entry| newer(entry.number));
        !(is_outdated || is_older || self.cleared >= request.number)
    }

    fn insert(&mut self, user: &Arc<User>, entry: Entry) {
        self.bytes += weight(user, &entry.token);
        if let Some(old) = self.entries.put(Arc::clone(user), entry) {
            self.bytes -= weight(user, &old.token);
            return;
        }
        let of_user_id = self.user_ids.entry(user.user_id.clone()).or_default();
        of_user_id.cached.push(Arc::clone(user));
    }

    /// Removes the entry of `user`, and its place in the index.
    fn remove(&mut self, user: &User) {
        self.remove_entry(user);
        if let Some(of_user_id) = self.user_ids.get_mut(&user.user_id) {
            let index = of_user_id
                .cached
                .iter()
                .position(|cached| **cached == *user);
            index.map(|index| of_user_id.cached.remove(index));
        }
        self.tidy(&user.user_id);
    }

    fn remove_entry(&mut self, user: &User) {
        if let Some(entry) = self.entries.pop(user) {
            self.bytes -= weight(user, &entry.token);
        }
    }

    /// Removes least recently used entries while there are too many entries, or while all entries
    /// together are too large.
    fn shrink(&mut self, max_entries: usize) {
        let max_bytes = max_entries.saturating_mul(BYTES_PER_ENTRY);
        while self.entries.len() > max_entries || (self.bytes > max_bytes && self.entries.len() > 1)
        {
            let Some((user, _)) = self.entries.peek_lru() else {
                return;
            };
            let user = Arc::clone(user);
            self.remove(&user);
        }
    }

    /// Removes the state of a user id that has neither an entry nor a request in flight.
    fn tidy(&mut self, user_id: &str) {
        let is_unused =
            |of_user_id: &OfUserId| of_user_id.cached.is_empty() && of_user_id.in_flight == 0;
        if self.user_ids.get(user_id).is_some_and(is_unused) {
            self.user_ids.remove(user_id);
        }
    }
}

/// When to fetch a new token in the background. A token that ends with a fixed `expires_at` of a permission
/// is not refreshed, because a new token would end at the same time.
fn refresh_at(user: &User, token: &Token) -> SystemTime {
    if user
        .permissions_end()
        .is_some_and(|end| token.expires_at() >= end)
    {
        return token.expires_at();
    }
    let share = REFRESH_SHARE + REFRESH_JITTER * (2.0 * fastrand::f64() - 1.0);
    let lifetime = token.lifetime();
    // After this time, calls with the default `min_validity` wait for a new token. A token with a short
    // lifetime must be refreshed before.
    let calls_wait_after = lifetime.saturating_sub(DEFAULT_MIN_VALIDITY.min(lifetime / 2));
    let refresh_after = calls_wait_after.mul_f64(share + SHORT_LIFETIME_SHARE);
    token.received_at() + lifetime.mul_f64(share).min(refresh_after)
}

/// The approximate number of bytes that an entry takes.
fn weight(user: &User, token: &Token) -> usize {
    ENTRY_OVERHEAD + user.heap_bytes() + token.expose().len()
}

/// A random time from `pause` to twice `pause`.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64())
}

#[cfg(test)]
mod tests;
