//! The tokens that this process has: which to serve, which to renew. No locks, no clock, no
//! waiting: time comes in as an argument.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lru::LruCache;

use crate::core::error::MAX_TOLD;
use crate::core::token::Token;
use crate::core::user::User;

/// How many tokens are kept; the least recently used goes first. An entry takes about a kilobyte:
/// the token, the claims it was asked for with, and some 200 bytes of bookkeeping.
pub const DEFAULT_MAX_ENTRIES: usize = 10_000;
/// How long a token must still be good for to be served without asking.
pub const DEFAULT_MIN_VALIDITY: Duration = Duration::from_secs(60 * 60);
/// A token is renewed in the background once this share of its life has gone…
const REFRESH_SHARE: f64 = 0.75;
/// …give or take this share, so that tokens made together are not renewed together.
const REFRESH_JITTER: f64 = 0.05;
/// How long a renewal, once begun or failed, is not begun again, at the least; twice at the most.
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);

/// What the cache says of a user.
#[derive(Debug)]
pub enum Lookup {
    /// A token to serve.
    Fresh(Token),
    /// A token to serve, while a new one is fetched in the background.
    Due(Token),
    /// A token with less validity than wanted, to serve because a renewal failed a moment ago.
    Stale(Token),
    /// Ask.
    Miss,
}

/// The order in which questions were asked, so that an older answer never replaces a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Entry {
    token: Token,
    ticket: Ticket,
    refresh_at: SystemTime,
    /// The last renewal failed; the next one waits until then.
    paused_until: Option<SystemTime>,
}

/// Tokens by user.
#[derive(Debug)]
pub struct Cache {
    entries: LruCache<Arc<User>, Entry>,
    max_entries: NonZeroUsize,
    last_ticket: Ticket,
    /// Answers to questions up to this one are not kept: something was invalidated since.
    floor: Ticket,
}

impl Cache {
    /// An empty cache.
    #[must_use]
    pub fn new(max_entries: NonZeroUsize) -> Self {
        Self {
            entries: LruCache::unbounded(),
            max_entries,
            last_ticket: Ticket(0),
            floor: Ticket(0),
        }
    }

    /// What to do for a caller who wants a token for `user` that is good for `min_validity`.
    pub fn look_up(&mut self, user: &User, min_validity: Duration, now: SystemTime) -> Lookup {
        let Some(entry) = self.entries.get_mut(user) else {
            return Lookup::Miss;
        };
        let token = entry.token.clone();
        // One that is further away than any pause was made before the clock was set back.
        let paused = entry
            .paused_until
            .is_some_and(|until| now < until && until <= now + MAX_TOLD);
        if !token.is_good_for(Duration::ZERO, now) {
            self.entries.pop(user);
            return Lookup::Miss;
        }
        if !token.is_good_for(min_validity, now) {
            return if paused {
                Lookup::Stale(token)
            } else {
                Lookup::Miss
            };
        }
        if paused || now < entry.refresh_at {
            return Lookup::Fresh(token);
        }
        entry.refresh_at = now + jittered(RENEWAL_PAUSE);
        Lookup::Due(token)
    }

    /// Whatever there is for `user` that has not expired: better than nothing in an outage.
    #[must_use]
    pub fn last_resort(&self, user: &User, now: SystemTime) -> Option<Token> {
        let token = &self.entries.peek(user)?.token;
        token
            .is_good_for(Duration::ZERO, now)
            .then(|| token.clone())
    }

    /// To be drawn before a question is asked, and given back with its answer.
    pub fn ticket(&mut self) -> Ticket {
        self.last_ticket = Ticket(self.last_ticket.0 + 1);
        self.last_ticket
    }

    /// Keeps an answer, unless a newer one is here already.
    pub fn store(&mut self, user: &Arc<User>, token: Token, ticket: Ticket) {
        let is_older = self
            .entries
            .peek(user)
            .is_some_and(|entry| entry.ticket > ticket);
        if is_older || ticket <= self.floor {
            return;
        }
        let share = REFRESH_SHARE + REFRESH_JITTER * (2.0 * fastrand::f64() - 1.0);
        let refresh_at = token.received_at() + token.lifetime().mul_f64(share);
        let entry = Entry {
            token,
            ticket,
            refresh_at,
            paused_until: None,
        };
        self.entries.put(Arc::clone(user), entry);
        if self.entries.len() > self.max_entries.get() {
            self.entries.pop_lru();
        }
    }

    /// Keeps a token that another server left, for want of any other.
    pub fn store_last_resort(
        &mut self,
        user: &Arc<User>,
        token: Option<Token>,
        ticket: Ticket,
        now: SystemTime,
    ) {
        if let Some(token) = token
            && self.last_resort(user, now).is_none()
        {
            self.store(user, token, ticket);
        }
    }

    /// A renewal failed: leave it for a while, `retry_after` at the least, but for no longer than
    /// [`MAX_TOLD`].
    pub fn pause(&mut self, user: &User, retry_after: Option<Duration>, now: SystemTime) {
        if let Some(entry) = self.entries.peek_mut(user) {
            let pause = jittered(RENEWAL_PAUSE).max(retry_after.unwrap_or_default());
            entry.paused_until = Some(now + pause.min(MAX_TOLD));
        }
    }

    /// Velt refused this very user: what it had allowed by then is void.
    pub fn forget(&mut self, user: &User, ticket: Ticket) {
        if self
            .entries
            .peek(user)
            .is_some_and(|entry| entry.ticket <= ticket)
        {
            self.entries.pop(user);
        }
    }

    /// Forgets all tokens of some user ids, those still on their way too.
    pub fn invalidate(&mut self, user_ids: &HashSet<String>) {
        self.floor = self.last_ticket;
        let stale: Vec<_> = self
            .entries
            .iter()
            .filter(|(user, _)| user_ids.contains(&user.user_id))
            .map(|(user, _)| Arc::clone(user))
            .collect();
        for user in stale {
            self.entries.pop(&user);
        }
    }

    /// How many tokens are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// From `pause` to twice as long.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_a_token() -> (Cache, Arc<User>, SystemTime) {
        let mut cache = Cache::new(NonZeroUsize::MIN);
        let user = Arc::new(User::default());
        let now = SystemTime::now();
        let ticket = cache.ticket();
        cache.store(&user, Token::new("t".into(), now), ticket);
        (cache, user, now)
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_no_pause() {
        let (mut cache, user, now) = with_a_token();
        let due = now + Duration::from_secs(40 * 60 * 60);
        cache.pause(&user, Some(Duration::from_secs(24 * 60 * 60)), due);
        let mut is_due = |now| matches!(cache.look_up(&user, Duration::ZERO, now), Lookup::Due(_));
        assert!(!is_due(due));
        assert!(is_due(due - Duration::from_secs(60 * 60)), "set back");
    }

    #[test]
    fn no_pause_is_longer_than_a_minute() {
        let (mut cache, user, now) = with_a_token();
        let due = now + Duration::from_secs(40 * 60 * 60);
        cache.pause(&user, Some(Duration::from_secs(24 * 60 * 60)), due);
        let later = cache.look_up(&user, Duration::ZERO, due + MAX_TOLD);
        assert!(matches!(later, Lookup::Due(_)), "{later:?}");
    }

    #[test]
    fn a_refusal_voids_no_answer_to_a_later_question() {
        let (mut cache, user, now) = with_a_token();
        let (refused, asked_later) = (cache.ticket(), cache.ticket());
        cache.store(&user, Token::new("newer".into(), now), asked_later);
        cache.forget(&user, refused);
        assert_eq!(cache.len(), 1);
        cache.forget(&user, asked_later);
        assert!(cache.is_empty());
    }
}

#[cfg(all(test, target_os = "linux"))]
mod memory {
    use super::*;

    /// The resident memory of this process, in bytes.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[test]
    fn a_hundred_thousand_tokens_in_a_cache_of_ten_thousand_take_what_is_documented() {
        let mut cache = Cache::new(NonZeroUsize::new(DEFAULT_MAX_ENTRIES).unwrap());
        let before = resident();
        for number in 0..100_000 {
            let user = Arc::new(User {
                user_id: format!("user-{number}"),
                organization_id: Some(format!("organization-{number}")),
                email: Some(format!("user-{number}@organization.example")),
                ..User::default()
            });
            let token = Token::new("t".repeat(400), SystemTime::now());
            let ticket = cache.ticket();
            cache.store(&user, token, ticket);
        }
        let each = resident().saturating_sub(before) / cache.len();
        assert_eq!(cache.len(), DEFAULT_MAX_ENTRIES);
        assert!((500..=1200).contains(&each), "{each} bytes each");
    }
}
