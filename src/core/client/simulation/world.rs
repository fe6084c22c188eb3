//! What the servers of one run share: the models of Redis and Velt, the journal, the random numbers.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::checks::Faults;
use super::clock::server_clock;
use super::database::{Database, LogBounds};
use super::journal::Journal;

/// The auth token at the start of a run, and the next one.
pub const AUTH_TOKENS: [&str; 2] = ["auth-0", "auth-1"];

/// A healthy Redis answers a command within this time, there and back.
const HEALTHY: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct World {
    state: Mutex<State>,
    thawed: Notify,
    pub start: Instant,
}

#[derive(Debug)]
pub struct State {
    pub rng: Rng,
    pub redis: Redis,
    pub velt: Velt,
    pub journal: Journal,
    pub links: Vec<Link>,
    pub faults: Faults,
    pub start: Instant,
    /// The wall clock at the start.
    pub epoch: SystemTime,
}

/// How Redis responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Up,
    /// Connections are refused.
    Down,
    /// Commands get no response. They run (`true`) or not.
    Hanging(bool),
}

#[derive(Debug)]
pub struct Redis {
    pub database: Database,
    pub snapshots: Vec<Database>,
    /// Names the process.
    pub run_id: u64,
    /// Names the history of writes: a replica that is promoted begins a new one.
    pub replication_id: u64,
    /// The process that would be promoted.
    pub replica_run_id: u64,
    /// Connections from before the last restart or failover are broken.
    pub epoch: u64,
    pub health: Health,
    pub slow: Duration,
    /// When it was last slow.
    pub last_slow: Option<Instant>,
    pub bounds: LogBounds,
    /// Its clock, ahead of the others by this many milliseconds.
    pub clock_ahead: u64,
}

/// The connection of one server to Redis, and the server itself.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// The epoch in which the connection was made.
    pub epoch: Option<u64>,
    pub is_partitioned: bool,
    /// When the connection that is being made is complete.
    pub connects_at: Option<Instant>,
    /// Commands of one connection run in their order.
    pub last_command: Option<Instant>,
    /// When the server last failed to reach Redis.
    pub last_failure: Option<Instant>,
    /// The process makes no progress.
    pub is_frozen: bool,
    /// How often the server was restarted.
    pub incarnation: u32,
    /// When its clock last jumped, or it was last frozen.
    pub last_jump: Option<Instant>,
    /// The next reading of the log panics.
    pub panics: bool,
}

/// How Velt responds.
#[derive(Debug)]
pub struct Velt {
    pub latency: Duration,
    pub lifetime: Duration,
    /// The auth token that it accepts.
    pub auth_token: &'static str,
    pub rejected: Vec<bool>,
    /// In percent.
    pub failures: u8,
    pub silences: u8,
    /// The next request gets a 429 with this `Retry-After`.
    pub next_rate_limit: Option<Duration>,
}

impl World {
    pub fn new(mut rng: Rng, faults: Faults, servers: usize, users: usize) -> Arc<Self> {
        let bounds = if faults.is_calm() {
            // No event is lost.
            LogBounds {
                max_events: 10_000,
                page: rng.usize(1..5),
            }
        } else {
            // A slow Redis needs up to 300 ms for each page. Cached tokens are not served until all pages
            // are read, so a server that is many pages behind breaks promise 5.
            LogBounds {
                max_events: rng.usize(3..8),
                page: rng.usize(3..8),
            }
        };
        let redis = Redis {
            database: Database::default(),
            snapshots: Vec::new(),
            run_id: 1,
            replication_id: 1,
            replica_run_id: 2,
            epoch: 0,
            health: Health::Up,
            slow: Duration::ZERO,
            last_slow: None,
            bounds,
            clock_ahead: 100_000,
        };
        let velt = Velt {
            latency: Duration::from_millis(50),
            lifetime: Duration::from_secs(rng.u64(15..120)),
            auth_token: AUTH_TOKENS[0],
            rejected: vec![false; users],
            failures: 0,
            silences: 0,
            next_rate_limit: None,
        };
        Arc::new(Self {
            state: Mutex::new(State {
                rng,
                redis,
                velt,
                journal: Journal::new(servers, users),
                links: vec![Link::default(); servers],
                faults,
                start: Instant::now(),
                epoch: server_clock(usize::MAX),
            }),
            thawed: Notify::new(),
            start: Instant::now(),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits while the server is frozen.
    pub async fn until_thawed(&self, server: usize) {
        loop {
            let thawed = self.thawed.notified();
            if !self.lock().links[server].is_frozen {
                return;
            }
            thawed.await;
        }
    }

    /// Lets the tasks of thawed servers go on.
    pub fn thaw(&self) {
        self.thawed.notify_waiters();
    }

    /// Microseconds since this world began.
    pub fn microseconds(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap()
    }
}

impl Redis {
    /// Another process, with the data of a snapshot, or without data.
    pub fn restart(&mut self, snapshot: Option<Database>) {
        self.run_id = self.last_id() + 1;
        self.begin(snapshot.unwrap_or_default());
    }

    /// The replica is promoted, with the data that it has. The old master becomes its replica.
    pub fn fail_over(&mut self, replica: Database) {
        std::mem::swap(&mut self.run_id, &mut self.replica_run_id);
        self.replication_id += 1;
        self.begin(replica);
    }

    fn begin(&mut self, database: Database) {
        // Older snapshots of this data may be used later, but not those of a history that is lost.
        self.snapshots = vec![database.clone()];
        self.database = database;
        self.epoch += 1;
    }

    fn last_id(&self) -> u64 {
        self.run_id.max(self.replica_run_id)
    }
}

impl State {
    /// The name of the Redis process, as `redis_store.rs` makes it.
    pub fn process(&self) -> String {
        format!("{:x}{:x}", self.redis.run_id, self.redis.replication_id)
    }

    /// The time of half a round trip to Redis.
    pub fn redis_latency(&mut self) -> Duration {
        let share = self.rng.f64();
        (HEALTHY / 2 + self.redis.slow / 2).mul_f64(share)
    }

    /// Whether Redis has been slow since `time`, or the clock of the server has jumped.
    pub fn delays_readings_since(&self, server: usize, time: Instant) -> bool {
        let is_recent = |last: Option<Instant>| last.is_some_and(|last| last >= time);
        !self.redis.slow.is_zero()
            || is_recent(self.redis.last_slow)
            || is_recent(self.links[server].last_jump)
    }

    /// Whether a server can reach Redis and has been able to for a while: since `before`.
    pub fn is_connected_since(&self, server: usize, before: Instant) -> bool {
        let link = &self.links[server];
        self.redis.health == Health::Up
            && self.redis.slow.is_zero()
            && !link.is_partitioned
            && link.last_failure.is_none_or(|failure| failure < before)
    }
}
