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

use super::sequence::{Sequence, SequenceNumber};
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

/// The outcome of the newest request for a user.
#[derive(Debug)]
struct Entry {
    number: SequenceNumber,
    /// `None` if Velt rejected the user, or if the token has expired. This entry keeps older tokens out, such
    /// as a token in Redis.
    token: Option<CachedToken>,
}

#[derive(Debug)]
struct CachedToken {
    token: Token,
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
    /// How often the user id was invalidated while requests were in flight.
    invalidations: u64,
}

#[derive(Debug)]
struct State {
    entries: LruCache<Arc<User>, Entry>,
    user_ids: HashMap<String, OfUserId>,
    tokens: usize,
    bytes: usize,
    sequence: Sequence,
    /// How often all entries were removed.
    clears: u64,
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
    /// [`OfUserId::invalidations`] and [`State::clears`] when the request started. If one of them has
    /// changed, a token is not stored.
    invalidations: u64,
    clears: u64,
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
                tokens: 0,
                bytes: 0,
                sequence: Sequence::starting_at(SequenceNumber::default()),
                clears: 0,
            }),
        }
    }

    /// What to do for a call that requires a token for `user`.
    pub fn look_up(&self, user: &User, requirement: Requirement, now: SystemTime) -> Lookup {
        let mut state = self.lock();
        let entry = state.entries.get_mut(user);
        let Some(cached) = entry.and_then(|entry| entry.token.as_mut()) else {
            return Lookup::Miss;
        };
        if !cached.token.is_valid(now) {
            state.remove_token(user);
            return Lookup::Miss;
        }
        let token = cached.token.clone();
        // No pause is longer than `MAX_RETRY_AFTER`. A pause that ends later than that began before the
        // clock was set back, and is ignored.
        let is_paused = cached
            .paused_until
            .is_some_and(|until| now < until && until <= now + MAX_RETRY_AFTER);
        if !requirement.is_met_by(&token, now) {
            return if is_paused && requirement.accepts_stale() {
                Lookup::Stale(token)
            } else {
                Lookup::Miss
            };
        }
        if is_paused || now < cached.refresh_at {
            return Lookup::Fresh(token);
        }
        cached.refresh_at = now + jittered(REFRESH_PAUSE);
        Lookup::NeedsRefresh(token)
    }

    /// The cached token for `user`, if it has not expired. It may be valid for less time than a call
    /// requires (stale-if-error).
    pub fn stale(&self, user: &User, now: SystemTime) -> Option<Token> {
        let state = self.lock();
        let cached = state.entries.peek(user)?.token.as_ref()?;
        cached.token.is_valid(now).then(|| cached.token.clone())
    }

    /// Registers a request. Call this before anything is sent.
    #[must_use]
    pub fn begin(self: &Arc<Self>, user: &Arc<User>) -> InFlight {
        let mut state = self.lock();
        let number = state.sequence.begin();
        let clears = state.clears;
        let of_user_id = state.user_ids.entry(user.user_id.clone()).or_default();
        of_user_id.in_flight += 1;
        InFlight {
            cache: Arc::clone(self),
            user: Arc::clone(user),
            number,
            invalidations: of_user_id.invalidations,
            clears,
        }
    }

    /// Removes all tokens of a user id. Tokens of its requests in flight are not stored either.
    pub fn invalidate(&self, user_id: &str) {
        let mut state = self.lock();
        let Some(of_user_id) = state.user_ids.get_mut(user_id) else {
            return;
        };
        of_user_id.invalidations += 1;
        for user in std::mem::take(&mut of_user_id.cached) {
            state.remove_entry(&user);
        }
        state.tidy(user_id);
    }

    /// Removes all tokens. Tokens of requests in flight are not stored either. Later requests are
    /// numbered from `time` on, a time of Redis's clock.
    pub fn clear(&self, time: SequenceNumber) -> Removed {
        let mut state = self.lock();
        state.clears += 1;
        state.sequence = Sequence::starting_at(time);
        state.tokens = 0;
        state.bytes = 0;
        Removed {
            _entries: std::mem::replace(&mut state.entries, LruCache::unbounded()),
            _user_ids: std::mem::take(&mut state.user_ids),
        }
    }

    /// Records a time of Redis's clock.
    pub fn record_time(&self, time: SequenceNumber) {
        self.lock().sequence.record(time);
    }

    /// How many tokens are cached.
    pub fn len(&self) -> usize {
        self.lock().tokens
    }

    /// Whether no token is cached.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often all tokens were removed.
    #[cfg(test)]
    pub fn clears(&self) -> u64 {
        self.lock().clears
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// The user that the request is for.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Starts the request anew: nothing was sent for it. Earlier invalidations do not affect its outcome.
    pub fn restart(&mut self) {
        let mut state = self.cache.lock();
        let clears = state.clears;
        let of_user_id = state.user_ids.entry(self.user.user_id.clone()).or_default();
        self.invalidations = of_user_id.invalidations;
        if self.clears != clears {
            // `clear` has removed the state of this user id.
            of_user_id.in_flight += 1;
            self.clears = clears;
        }
    }

    /// Sets the number that Redis gave to the request.
    pub fn set_number(&mut self, number: SequenceNumber) {
        self.number = number;
        let mut state = self.cache.lock();
        // Before the cache was cleared, the number may have come from a Redis process with another clock.
        if self.clears == state.clears {
            state.sequence.record(number);
        }
    }

    /// Stores the token from this request, unless its user was invalidated or a newer request has ended.
    pub fn store(&self, token: Token) {
        self.cache.lock().put(self, self.number, Some(token));
    }

    /// Stores a token from the shared cache, in the same way. `number` is the number of the request for
    /// it. Returns the token to serve: this one, or a newer one. `None` means that Velt has rejected a
    /// newer request, or that the token of a newer request has expired.
    #[must_use]
    pub fn store_shared(&self, token: Token, number: SequenceNumber) -> Option<Token> {
        let mut state = self.cache.lock();
        if let Some(newer) = state.newer(&self.user, number) {
            return newer.token.as_ref().map(|cached| cached.token.clone());
        }
        state.put(self, number, Some(token.clone()));
        Some(token)
    }

    /// Removes the token of the user, because Velt rejected this request. Tokens from older requests are
    /// not stored. This holds even if the user was invalidated, or the cache was cleared, since the request
    /// began: another request may have found an older token in the shared cache meanwhile.
    pub fn reject(&self) {
        let mut state = self.cache.lock();
        // If the number is from a Redis process with another clock, it may be too high for the present one,
        // and would keep new tokens out.
        let number = self.number.min(state.sequence.begin());
        state.put(self, number, None);
    }

    /// Delays the next refresh, because this request failed. The delay is at least `retry_after`, and at
    /// most [`MAX_RETRY_AFTER`].
    pub fn pause_refresh(&self, retry_after: Option<Duration>, now: SystemTime) {
        let mut state = self.cache.lock();
        let entry = state.entries.peek_mut(&self.user);
        if let Some(cached) = entry.and_then(|entry| entry.token.as_mut()) {
            let pause = jittered(REFRESH_PAUSE).max(retry_after.unwrap_or_default());
            cached.paused_until = Some(now + pause.min(MAX_RETRY_AFTER));
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if self.clears != state.clears {
            // `clear` has already removed the state of this user id.
            return;
        }
        if let Some(of_user_id) = state.user_ids.get_mut(&self.user.user_id) {
            of_user_id.in_flight -= 1;
        }
        state.tidy(&self.user.user_id);
    }
}

impl State {
    /// Stores an outcome, unless the outcome of a newer request is known. A token is not stored either if the
    /// user was invalidated since `request` began.
    fn put(&mut self, request: &InFlight, number: SequenceNumber, token: Option<Token>) {
        let InFlight { cache, user, .. } = request;
        let of_user_id = self.user_ids.get(&user.user_id);
        let is_invalidated = request.clears != self.clears
            || of_user_id
                .is_none_or(|of_user_id| of_user_id.invalidations != request.invalidations);
        if (is_invalidated && token.is_some()) || self.newer(user, number).is_some() {
            return;
        }
        let token = token.map(|token| CachedToken::new(user, token));
        self.insert(user, Entry { number, token });
        self.shrink(cache.max_entries.get());
    }

    /// The outcome of a newer request for `user`.
    fn newer(&self, user: &User, number: SequenceNumber) -> Option<&Entry> {
        let entry = self.entries.peek(user)?;
        (entry.number > number).then_some(entry)
    }

    fn insert(&mut self, user: &Arc<User>, entry: Entry) {
        self.count(user, &entry, 1);
        if let Some(old) = self.entries.put(Arc::clone(user), entry) {
            self.count(user, &old, -1);
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

    /// Removes the token of `user`. The entry keeps the number, so an older token is not stored.
    fn remove_token(&mut self, user: &User) {
        if let Some((user, entry)) = self.entries.pop_entry(user) {
            self.count(&user, &entry, -1);
            let number = entry.number;
            let entry = Entry {
                number,
                token: None,
            };
            self.count(&user, &entry, 1);
            self.entries.put(user, entry);
        }
    }

    fn remove_entry(&mut self, user: &User) {
        if let Some(entry) = self.entries.pop(user) {
            self.count(user, &entry, -1);
        }
    }

    /// Adds an entry to the totals, or subtracts it (`sign` is 1 or -1).
    fn count(&mut self, user: &User, entry: &Entry, sign: isize) {
        let bytes = entry.weight(user).cast_signed() * sign;
        self.bytes = self.bytes.wrapping_add_signed(bytes);
        if entry.token.is_some() {
            self.tokens = self.tokens.wrapping_add_signed(sign);
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

impl Entry {
    /// The approximate number of bytes that the entry takes.
    fn weight(&self, user: &User) -> usize {
        let token = self.token.as_ref();
        let token_bytes = token.map_or(0, |cached| cached.token.expose().len());
        ENTRY_OVERHEAD + user.heap_bytes() + token_bytes
    }
}

impl CachedToken {
    fn new(user: &User, token: Token) -> Self {
        Self {
            refresh_at: refresh_at(user, &token),
            token,
            paused_until: None,
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

/// A random time from `pause` to twice `pause`.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64())
}

#[cfg(test)]
mod tests;
