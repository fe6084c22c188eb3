//! The model of Redis as one server sees it: a connection that can be slow, break, or hang.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::database::{Database, LogBounds};
use super::journal::Began;
use super::world::{Health, State, World};
use crate::core::cache::shared::store::{
    Begin, CONNECT_TIMEOUT, Ending, EntryKeys, LogPage, Request, Store, Unavailable, View,
};

/// As the deadline of 15 s makes it.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// As `MAX_SILENCE` in `redis_store.rs`: the model has no queue of commands.
const MAX_READ: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub struct ModelRedis {
    pub world: Arc<World>,
    pub server: usize,
}

impl ModelRedis {
    async fn run<T>(
        &self,
        command: impl FnOnce(&mut State, (Instant, u64)) -> T,
    ) -> Result<T, Unavailable> {
        self.run_within(COMMAND_TIMEOUT, command).await
    }

    async fn run_within<T>(
        &self,
        limit: Duration,
        command: impl FnOnce(&mut State, (Instant, u64)) -> T,
    ) -> Result<T, Unavailable> {
        let Self { world, server } = self;
        world.until_thawed(*server).await;
        let times_out = Instant::now() + limit;
        let (epoch, runs_at) = {
            let mut state = world.lock();
            let Some(epoch) = state.links[*server].epoch else {
                return Err(state.failed(*server));
            };
            let runs_at = Instant::now() + state.redis_latency();
            let link = &mut state.links[*server];
            let runs_at = runs_at.max(link.last_command.unwrap_or(runs_at));
            link.last_command = Some(runs_at);
            (epoch, runs_at)
        };
        sleep_until(runs_at.min(times_out)).await;
        let (outcome, responds_at) = {
            let mut state = world.lock();
            if state.links[*server].epoch != Some(epoch) || state.redis.epoch != epoch {
                return Err(state.disconnected(*server, epoch));
            }
            let time = (
                Instant::now(),
                world.microseconds() + state.redis.clock_ahead * 1000,
            );
            let is_partitioned = state.links[*server].is_partitioned;
            let outcome = match state.redis.health {
                Health::Up if !is_partitioned => Some(command(&mut state, time)),
                Health::Hanging(true) if !is_partitioned => {
                    command(&mut state, time);
                    None
                }
                _ => None,
            };
            let latency = state.redis_latency();
            (outcome, Instant::now() + latency)
        };
        let is_late = responds_at > times_out;
        sleep_until(responds_at.min(times_out)).await;
        world.until_thawed(*server).await;
        let is_lost = is_late || {
            let mut state = world.lock();
            if state.redis.epoch != epoch {
                return Err(state.disconnected(*server, epoch));
            }
            state.links[*server].is_partitioned || matches!(state.redis.health, Health::Hanging(_))
        };
        match outcome {
            Some(value) if !is_lost => Ok(value),
            _ => {
                sleep_until(times_out).await;
                world.until_thawed(*server).await;
                Err(world.lock().disconnected(*server, epoch))
            }
        }
    }
}

impl State {
    fn failed(&mut self, server: usize) -> Unavailable {
        self.links[server].last_failure = Some(Instant::now());
        Unavailable
    }

    /// The connection of this epoch is dropped, but not a newer one.
    fn disconnected(&mut self, server: usize, epoch: u64) -> Unavailable {
        if self.links[server].epoch == Some(epoch) {
            self.links[server].epoch = None;
        }
        self.failed(server)
    }

    fn parts(&mut self) -> (String, &mut Database, LogBounds) {
        let process = self.process();
        (process, &mut self.redis.database, self.redis.bounds)
    }
}

impl Store for ModelRedis {
    async fn view(
        &self,
        keys: &EntryKeys,
        new_generation: &str,
        begin: Begin<'_>,
    ) -> Result<View, Unavailable> {
        let task = tokio::task::id();
        self.world.lock().journal.looks(task, begin == Begin::No);
        self.run(|state, time| {
            let (process, database, _) = state.parts();
            let view = database.view(process, keys, new_generation, begin, time);
            if let Some(number) = view.number {
                let numbered = Began {
                    has_lease: matches!(begin, Begin::WithLease(_)),
                    at: time.0,
                };
                let place = (keys.entry.clone(), view.process.clone(), number);
                state.journal.begins(task, place, numbered);
            }
            view
        })
        .await
    }

    async fn renew_lease(&self, request: Request<'_>) -> Result<(), Unavailable> {
        self.run(|state, (now, _)| state.redis.database.renew_lease(request, now))
            .await
    }

    async fn end(&self, request: Request<'_>, ending: Ending<'_>) -> Result<(), Unavailable> {
        self.run(|state, (now, _)| {
            let (process, database, _) = state.parts();
            let is_kept = database.end(process, request, ending, now);
            if is_kept && matches!(ending, Ending::Token(..)) {
                let place = (request.keys.entry.clone(), state.process(), request.number);
                state.journal.published(&place, now);
            }
        })
        .await
    }

    async fn set_generation(&self, key: &str, generation: &str) -> Result<(), Unavailable> {
        self.run(|state, (now, _)| {
            state.redis.database.set_generation(key, generation, now);
        })
        .await
    }

    async fn append(&self, log: &str, user_id: &[u8]) -> Result<(), Unavailable> {
        self.run(|state, time| {
            let bounds = state.redis.bounds;
            state.redis.database.append(log, user_id, bounds, time);
        })
        .await
    }

    async fn read_log(&self, log: &str, after: &str) -> Result<LogPage, Unavailable> {
        let panics = std::mem::take(&mut self.world.lock().links[self.server].panics);
        assert!(!panics, "a bug");
        self.run_within(MAX_READ, |state, time| {
            let (process, database, bounds) = state.parts();
            database.read_log(process, log, after, bounds, time)
        })
        .await
    }

    async fn connect(&self, limit: Duration) -> Result<(), Unavailable> {
        let Self { world, server } = self;
        world.until_thawed(*server).await;
        let connects_at = {
            let mut state = world.lock();
            if state.links[*server].epoch.is_some() {
                return Ok(());
            }
            let is_silent = state.links[*server].is_partitioned
                || matches!(state.redis.health, Health::Hanging(_));
            let latency = state.redis_latency() * 2;
            let time = if is_silent { CONNECT_TIMEOUT } else { latency };
            let link = &mut state.links[*server];
            *link.connects_at.get_or_insert(Instant::now() + time)
        };
        let ends = Instant::now() + limit;
        sleep_until(connects_at.min(ends)).await;
        world.until_thawed(*server).await;
        let mut state = world.lock();
        if connects_at > ends {
            return Err(state.failed(*server));
        }
        state.links[*server].connects_at = None;
        if state.redis.health != Health::Up || state.links[*server].is_partitioned {
            return Err(state.failed(*server));
        }
        let epoch = state.redis.epoch;
        state.links[*server].epoch = Some(epoch);
        Ok(())
    }

    fn close(&self) {}
}
