//! What happens in a run: calls, faults and the passing of time, all from one seed.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::checks::Faults;
use super::clock::{jump, start_clocks};
use super::fleet::{Fleet, Kind};
use super::world::{AUTH_TOKENS, Health, World};
use crate::core::config::DEFAULT_DEADLINE;

const STEPS: usize = 40;

/// The numbers of a run that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// A hash of all events.
    pub trace: u64,
    pub calls: u64,
    pub requests: u64,
}

struct Run {
    rng: Rng,
    faults: Faults,
    users: usize,
    servers: usize,
    fleet: Fleet,
    world: Arc<World>,
    /// Faults that end by themselves.
    ends: Vec<(Instant, End)>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Outage,
    Slowness,
    Partition(usize),
    Freeze(usize),
}

/// Plays one seed.
///
/// # Errors
/// The promise that was broken, and how.
pub async fn play(seed: u64) -> Result<Summary, String> {
    fastrand::seed(seed);
    start_clocks();
    let mut rng = Rng::with_seed(seed);
    let faults = Faults {
        redis: rng.u8(..10) < 6,
        velt: rng.u8(..10) < 4,
        frozen: rng.u8(..10) < 3,
        clocks: rng.u8(..10) < 2,
    };
    let (servers, users) = (*rng.choice(&[3, 3, 3, 4, 5]).unwrap(), rng.usize(2..=3));
    let world = World::new(rng.fork(), faults, servers, users);
    let mut run = Run {
        rng,
        faults,
        users,
        servers,
        fleet: Fleet::new(Arc::clone(&world), servers),
        world: Arc::clone(&world),
        ends: Vec::new(),
    };
    for _ in 0..STEPS {
        run.act();
        run.pass_time().await;
        run.fleet.join();
        run.fleet.check_hits(users);
        let broken = world.lock().journal.broken.take();
        if let Some((promise, how)) = broken {
            return Err(format!("promise {promise}: {how}"));
        }
    }
    // Dropped tasks lock the world.
    drop(run);
    let journal = &world.lock().journal;
    let summary = Summary {
        trace: journal.trace,
        calls: journal.calls,
        requests: journal.requests.len() as u64,
    };
    Ok(summary)
}

impl Run {
    fn act(&mut self) {
        match self.rng.u8(..100) {
            60..70 => self.invalidate(1),
            70..72 => {
                let burst = self.rng.usize(1..12);
                self.invalidate(burst);
            }
            72..80 => self.change_velt(),
            80..82 => {
                if let Some(server) = self.awake() {
                    self.fleet.restart(server);
                }
            }
            82..94 if self.faults.redis => self.break_redis(),
            94..97 if self.faults.frozen => self.freeze(),
            97.. if self.faults.clocks => {
                let server = self.rng.usize(..self.servers);
                let offsets = [0, 0, -3_000, 3_000, -40_000, 40_000, -400_000, 400_000];
                jump(server, *self.rng.choice(&offsets).unwrap());
                self.world.lock().links[server].last_jump = Some(Instant::now());
            }
            _ => self.calls(),
        }
    }

    fn awake(&mut self) -> Option<usize> {
        let server = self.rng.usize(..self.servers);
        let is_frozen = self.world.lock().links[server].is_frozen;
        (!is_frozen).then_some(server)
    }

    fn calls(&mut self) {
        let user = self.rng.usize(..self.users);
        for _ in 0..self.rng.usize(1..4) {
            let Some(server) = self.awake() else { continue };
            let kind = match self.rng.u8(..10) {
                0 => Kind::Fresh,
                1 => Kind::Generate,
                _ => Kind::Get,
            };
            let deadline = match self.rng.u8(..10) {
                0 => Duration::from_millis(self.rng.u64(50..3000)),
                _ => DEFAULT_DEADLINE,
            };
            let ends = match self.rng.u8(..20) {
                0 => Duration::from_millis(self.rng.u64(1..2000)),
                _ => Duration::from_secs(60),
            };
            self.fleet.call((server, user), kind, deadline, ends);
        }
    }

    /// Invalidates a user, and a number of other user ids.
    fn invalidate(&mut self, count: usize) {
        let Some(server) = self.awake() else { return };
        let user = self.rng.usize(..self.users);
        self.fleet.invalidate(server, user);
        for other in 1..count {
            self.fleet.invalidate(server, 100 + other);
        }
    }

    fn change_velt(&mut self) {
        let state = &mut *self.world.lock();
        let (rng, velt) = (&mut self.rng, &mut state.velt);
        match rng.u8(..if self.faults.velt { 10 } else { 6 }) {
            0 | 1 => {
                let user = rng.usize(..self.users);
                velt.rejected[user] = !velt.rejected[user];
            }
            2..5 => {
                let milliseconds = [20, 300, 1000, 2500];
                velt.latency = Duration::from_millis(*rng.choice(&milliseconds).unwrap());
            }
            5 => velt.auth_token = AUTH_TOKENS[1],
            6 => velt.latency = Duration::from_secs(8),
            7 => velt.failures = *rng.choice(&[0, 30, 100]).unwrap(),
            8 => velt.silences = *rng.choice(&[0, 30, 100]).unwrap(),
            _ => velt.next_rate_limit = Some(Duration::from_secs(rng.u64(1..8))),
        }
    }

    fn break_redis(&mut self) {
        let time = Duration::from_millis(self.rng.u64(100..6000));
        let ends = Instant::now() + time;
        let state = &mut *self.world.lock();
        let (rng, redis) = (&mut self.rng, &mut state.redis);
        match rng.u8(..12) {
            0 | 1 => redis.snapshots.push(redis.database.clone()),
            2 => redis.restart(None),
            3 | 4 => {
                let snapshot = rng.choice(&redis.snapshots).cloned();
                redis.restart(snapshot);
            }
            5 | 6 => {
                let replica = rng.choice(&redis.snapshots).cloned();
                redis.fail_over(replica.unwrap_or_else(|| redis.database.clone()));
                redis.clock_ahead = rng.u64(..200_000);
            }
            7 => drop(redis.database.evict(rng.usize(..))),
            8 => {
                redis.health = Health::Hanging(rng.bool());
                self.ends.push((ends, End::Outage));
            }
            9 => {
                redis.health = Health::Down;
                redis.epoch += 1;
                self.ends.push((ends, End::Outage));
            }
            10 => {
                redis.slow = Duration::from_millis(rng.u64(50..1500));
                self.ends.push((ends, End::Slowness));
            }
            _ => {
                let server = rng.usize(..self.servers);
                state.links[server].is_partitioned = true;
                self.ends.push((ends, End::Partition(server)));
            }
        }
    }

    fn freeze(&mut self) {
        let Some(server) = self.awake() else { return };
        let link = &mut self.world.lock().links[server];
        link.is_frozen = true;
        link.last_jump = Some(Instant::now());
        let time = Duration::from_millis(self.rng.u64(100..20_000));
        self.ends.push((Instant::now() + time, End::Freeze(server)));
    }

    /// Lets some time pass, and ends the faults that end in it.
    async fn pass_time(&mut self) {
        let milliseconds = match self.rng.u8(..10) {
            0 => 0,
            1..4 => self.rng.u64(1..20),
            4..7 => self.rng.u64(20..500),
            7..9 => self.rng.u64(500..2500),
            _ => self.rng.u64(2500..8000),
        };
        let until = Instant::now() + Duration::from_millis(milliseconds);
        loop {
            let next = (0..self.ends.len()).min_by_key(|index| self.ends[*index].0);
            let Some(next) = next.filter(|index| self.ends[*index].0 <= until) else {
                break;
            };
            let (at, end) = self.ends.swap_remove(next);
            sleep(at.saturating_duration_since(Instant::now())).await;
            self.end(end);
        }
        sleep(until.saturating_duration_since(Instant::now())).await;
        // Tasks that are ready run.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    }

    fn end(&mut self, end: End) {
        let mut state = self.world.lock();
        // Whatever ends has hidden Redis until now.
        let hidden_from = match end {
            End::Outage => {
                state.redis.health = Health::Up;
                0..self.servers
            }
            End::Slowness => {
                state.redis.slow = Duration::ZERO;
                state.redis.last_slow = Some(Instant::now());
                0..self.servers
            }
            End::Partition(server) => {
                state.links[server].is_partitioned = false;
                server..server + 1
            }
            End::Freeze(server) => {
                state.links[server].is_frozen = false;
                0..0
            }
        };
        for server in hidden_from {
            state.links[server].last_failure = Some(Instant::now());
        }
        drop(state);
        if let End::Freeze(_) = end {
            // The first thing that a thawed server does is to serve a hit.
            self.fleet.check_hits(self.users);
            self.world.thaw();
        }
    }
}
