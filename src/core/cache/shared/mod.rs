//! One cache for many servers, in Redis or Valkey.
//!
//! | key | holds | for |
//! | --- | --- | --- |
//! | `velt-auth:{user}:claims` | a token, encrypted | the token's life |
//! | `velt-auth:{user}:claims:generation:lease` | somebody asks Velt for it now | seconds |
//! | `velt-auth:{user}:generation` | random text, new with each invalidation | longer than its tokens |
//! | `velt-auth:{scope}:invalidations` | a stream of encrypted user ids | likewise |
//!
//! `user`, `claims` and `scope` are MACs. A token is bound to its key and to the generation that
//! its writer saw before it asked, so that one invalidation voids all tokens of a user, those still
//! on their way too.
//!
//! Redis that is down or answers nonsense is as good as empty: [`Down`] means «ask Velt».

mod redis;
mod seal;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use ::redis::streams::StreamReadReply;
use ::redis::{Cmd, cmd};
use tokio::time::{Instant, sleep_until};

use self::redis::Redis;
pub use self::redis::{Address, Down};
use self::seal::Seal;
use crate::core::config::Config;
use crate::core::error::Error;
use crate::core::token::{LIFETIME, Token};
use crate::core::user::User;

/// How long one server may ask while the others wait.
const LEASE: Duration = Duration::from_secs(5);
/// Those who wait look again after about this long, then twice as long…
const FIRST_POLL: Duration = Duration::from_millis(30);
/// …and at least so often. A cold fleet has thousands who wait.
const MAX_POLL: Duration = Duration::from_millis(500);
/// Invalidations are remembered for longer than any token that they void.
const INVALIDATION_TTL: Duration = Duration::from_secs(LIFETIME.as_secs() + 60 * 60);
/// The stream is bounded; so many users are not invalidated in the time that a server is away.
const MAX_INVALIDATIONS: usize = 10_000;

/// The shared cache of one client.
#[derive(Debug)]
pub struct Shared {
    redis: Redis,
    seal: Seal,
    is_followed: AtomicBool,
}

/// An answer that was asked for before an invalidation must not take the place of a newer one, and a
/// generation must outlive its tokens.
const PUT: &str = "if redis.call('GET', KEYS[2]) == ARGV[1] then \
                   redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
                   redis.call('PEXPIRE', KEYS[2], ARGV[4]) end \
                   redis.call('DEL', KEYS[3])";

/// Of many who begin at once, one does.
const BEGIN: &str = "redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) \
                     return redis.call('GET', KEYS[1])";

/// What the shared cache says to somebody who wants a token.
#[derive(Debug)]
pub enum Found {
    /// Somebody has asked already.
    Token(Token),
    /// Ask, and put the answer here. There may be a token that is not wanted, but better than
    /// nothing.
    Nothing(Slot, Option<Token>),
}

/// A place for one token.
#[derive(Debug)]
pub struct Slot {
    key: String,
    generation_key: String,
    generation: String,
    /// Whether the others wait for us.
    has_lease: bool,
}

impl Slot {
    /// A value opens only under its key, in its generation.
    fn place(&self) -> String {
        format!("{}:{}", self.key, self.generation)
    }

    fn lease(&self) -> String {
        format!("{}:lease", self.place())
    }
}

impl Shared {
    /// Checks the address; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for URLs that cannot be used.
    pub fn new(address: &Address, config: &Config, endpoint: &str) -> Result<Self, Error> {
        let redis = Redis::new(address, config.ca.as_deref(), config.deadline / 4)?;
        Ok(Self {
            redis,
            seal: Seal::new(config, endpoint),
            is_followed: AtomicBool::new(false),
        })
    }

    /// True for the first caller, whose duty it is to call [`Shared::invalidated_since`] from now on.
    pub fn begin_following(&self) -> bool {
        !self.is_followed.swap(true, Ordering::Relaxed)
    }

    /// A token for `user` that is `wanted`, or the right to ask for one. While another server asks,
    /// this waits, but not beyond `patience`.
    ///
    /// # Errors
    /// [`Down`]: ask.
    pub async fn find(
        &self,
        user: &User,
        patience: Instant,
        wanted: impl Fn(&Token) -> bool,
    ) -> Result<Found, Down> {
        let mut pause = FIRST_POLL;
        let mut has_lease = false;
        loop {
            let (token, mut slot) = self.look_up(user).await?;
            slot.has_lease = has_lease;
            if let Some(token) = token.as_ref().filter(|token| wanted(token)) {
                self.release(&slot).await;
                return Ok(Found::Token(token.clone()));
            }
            if has_lease || Instant::now() >= patience {
                return Ok(Found::Nothing(slot, token));
            }
            // Whoever gets the lease looks once more: its last holder may just have answered.
            has_lease = self.lease(&slot).await?;
            if !has_lease {
                let pause_ends = Instant::now() + pause.mul_f64(0.5 + fastrand::f64());
                sleep_until(pause_ends.min(patience)).await;
                pause = MAX_POLL.min(pause * 2);
            }
        }
    }

    /// The token kept for `user`, if there is one, and the place for a new one.
    ///
    /// # Errors
    /// [`Down`]: ask.
    pub async fn look_up(&self, user: &User) -> Result<(Option<Token>, Slot), Down> {
        // The braces put all keys of a user into one slot of a cluster.
        let user_key = self.user_key(&user.user_id);
        let key = format!("{user_key}:{}", self.seal.claims_name(user));
        let generation_key = generation_key(&user_key);
        let both = cmd("MGET").arg(&[&key, &generation_key]).take();
        let (value, generation): (Option<Vec<u8>>, Option<String>) = self.redis.run(&both).await?;
        let generation = match generation {
            Some(generation) => generation,
            None => self.first_generation(&generation_key).await?,
        };
        let slot = Slot {
            key,
            generation_key,
            generation,
            has_lease: false,
        };
        let token = value.and_then(|value| self.seal.open_token(&value, &slot.place()));
        Ok((token, slot))
    }

    /// A generation that never was before: were it always the same one, a key that Redis evicts would
    /// bring back what it voided.
    async fn first_generation(&self, generation_key: &str) -> Result<String, Down> {
        let begin = cmd("EVAL")
            .arg(BEGIN)
            .arg(1)
            .arg(generation_key)
            .arg(self.seal.nonce())
            .milliseconds(INVALIDATION_TTL);
        self.redis.run(&begin).await
    }

    async fn lease(&self, slot: &Slot) -> Result<bool, Down> {
        let lease = cmd("SET")
            .arg(slot.lease())
            .arg("")
            .arg("NX")
            .arg("PX")
            .milliseconds(LEASE);
        let granted: Option<String> = self.redis.run(&lease).await?;
        Ok(granted.is_some())
    }

    /// Puts an answer where the others look, and ends the lease.
    pub async fn put(&self, slot: &Slot, token: &Token, now: SystemTime) {
        let Ok(ttl) = token.expires_at().duration_since(now) else {
            return self.release(slot).await;
        };
        let put = cmd("EVAL")
            .arg(PUT)
            .arg(3)
            .arg(&[&slot.key, &slot.generation_key, &slot.lease()])
            .arg(&slot.generation)
            .arg(self.seal.seal_token(token, &slot.place()))
            .milliseconds(ttl)
            .milliseconds(INVALIDATION_TTL);
        let _ = self.redis.run::<()>(&put).await;
    }

    /// There was no answer: whoever waits may ask.
    pub async fn release(&self, slot: &Slot) {
        if !slot.has_lease {
            return;
        }
        let _ = self
            .redis
            .run::<()>(&cmd("DEL").arg(slot.lease()).take())
            .await;
    }

    /// Velt refused this very user.
    pub async fn forget(&self, slot: &Slot) {
        let _ = self
            .redis
            .run::<()>(&cmd("DEL").arg(&slot.key).take())
            .await;
        self.release(slot).await;
    }

    /// Voids all tokens of a user id, and tells all servers.
    ///
    /// # Errors
    /// [`Down`]: some server may not have been told.
    pub async fn invalidate(&self, user_id: &str) -> Result<(), Down> {
        let generation = generation_key(&self.user_key(user_id));
        let mut renew = cmd("SET");
        renew.arg(generation).arg(self.seal.nonce()).arg("PX");
        self.redis
            .run::<()>(&renew.milliseconds(INVALIDATION_TTL))
            .await?;

        let stream = self.stream_key();
        let sealed = self.seal.seal(user_id.as_bytes(), &stream);
        let tell = cmd("XADD")
            .arg(&stream)
            .arg(&["MAXLEN", "~"])
            .arg(MAX_INVALIDATIONS)
            .arg(&["*", "user"])
            .arg(sealed)
            .take();
        self.redis.run::<String>(&tell).await?;
        self.redis
            .run::<()>(&cmd("PEXPIRE").arg(&stream).milliseconds(INVALIDATION_TTL))
            .await
    }

    /// The user ids invalidated after the one that `last` names, which it then moves on. Connects,
    /// where there is no connection.
    ///
    /// # Errors
    /// [`Down`]: call again, nothing is missed.
    pub async fn invalidated_since(&self, last: &mut String) -> Result<HashSet<String>, Down> {
        self.redis.connect().await?;
        let stream = self.stream_key();
        let read = cmd("XREAD").arg("STREAMS").arg(&stream).arg(&*last).take();
        let reply: Option<StreamReadReply> = self.redis.run(&read).await?;
        let mut user_ids = HashSet::new();
        for entry in reply
            .into_iter()
            .flat_map(|reply| reply.keys)
            .flat_map(|key| key.ids)
        {
            let sealed: Option<Vec<u8>> = entry.get("user");
            let user_id = sealed.and_then(|sealed| self.seal.open(&sealed, &stream));
            user_ids.extend(user_id.and_then(|user_id| String::from_utf8(user_id).ok()));
            *last = entry.id;
        }
        Ok(user_ids)
    }

    fn user_key(&self, user_id: &str) -> String {
        format!("velt-auth:{{{}}}", self.seal.user_name(user_id))
    }

    fn stream_key(&self) -> String {
        format!(
            "velt-auth:{{{}}}:invalidations",
            self.seal.name(&"invalidations")
        )
    }
}

fn generation_key(user_key: &str) -> String {
    format!("{user_key}:generation")
}

/// The last argument of a command, in the unit that Redis has for `PX`.
trait Milliseconds {
    fn milliseconds(&mut self, time: Duration) -> Cmd;
}

impl Milliseconds for Cmd {
    fn milliseconds(&mut self, time: Duration) -> Cmd {
        self.arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
            .take()
    }
}
