//! A simulation of the fleet: real clients on simulated time, with a model of Redis and a model of Velt
//! that can be slow, fail, restart, fail over, evict, hang. A seed makes a schedule of calls and faults;
//! `checks.rs` checks the promises of the package after each step.
//!
//! `VELT_SIM_SEED=N cargo test --no-default-features simulation -- --nocapture` plays one seed, and
//! `VELT_SIM_SEEDS=1000000` plays more than the usual number.
//!
//! Why not a library: proptest's state machines run one operation after the other, and the faults here
//! need operations that overlap. turmoil simulates hosts and TCP, so Redis itself would have to be
//! written for it, with its protocol. madsim replaces tokio and needs a version of each library that
//! uses it. Tokio's paused time, a seed and two models of some hundred lines are enough.

mod checks;
mod clock;
mod conformance;
mod database;
mod fleet;
mod journal;
mod redis;
mod schedule;
mod velt;
mod world;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::runtime::Builder;
use tokio::time::sleep;

use self::checks::Faults;
use self::clock::start_clocks;
use self::fleet::{Fleet, Kind};
use self::schedule::{Summary, play};
use self::world::{Health, World};
use crate::core::config::DEFAULT_DEADLINE;

/// In CI they take less than a minute on two cores.
const SEEDS: u64 = 10_000;
/// A run of many seeds stops after this many failures.
const MAX_FAILURES: u64 = 20;

fn run(seed: u64) -> Result<Summary, String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(play(seed))
}

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().expect("the variable must be a number"))
}

#[test]
fn every_promise_holds_in_each_run_of_the_simulation() {
    if let Some(seed) = variable("VELT_SIM_SEED") {
        match run(seed) {
            Ok(summary) => println!("seed {seed}: {summary:?}"),
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
        return;
    }
    let seeds = variable("VELT_SIM_SEEDS").unwrap_or(SEEDS);
    let [next, calls, requests, failures] = [const { AtomicU64::new(0) }; 4];
    let start = Instant::now();
    let play_seeds = || {
        while failures.load(Ordering::Relaxed) < MAX_FAILURES {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            match run(seed) {
                Ok(summary) => {
                    calls.fetch_add(summary.calls, Ordering::Relaxed);
                    requests.fetch_add(summary.requests, Ordering::Relaxed);
                }
                Err(broken) => {
                    failures.fetch_add(1, Ordering::Relaxed);
                    println!("seed {seed}: {broken}");
                }
            }
        }
    };
    thread::scope(|scope| {
        let threads = available_parallelism().unwrap().get();
        for _ in 0..threads {
            scope.spawn(play_seeds);
        }
    });
    println!(
        "{seeds} seeds, {calls:?} calls and {requests:?} requests to Velt in {:?}",
        start.elapsed()
    );
    let failures = failures.into_inner();
    assert_eq!(failures, 0, "a promise was broken: see the seeds above");
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..300 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_the_log_is_read_again() {
    start_clocks();
    let world = World::new(Rng::with_seed(0), Faults::default(), 1, 1);
    let mut fleet = Fleet::new(Arc::clone(&world), 1);
    let get = |fleet: &mut Fleet| fleet.call((0, 0), Kind::Get, DEFAULT_DEADLINE, DEFAULT_DEADLINE);
    get(&mut fleet);
    sleep(Duration::from_secs(2)).await;
    assert!(fleet.hits(0, 0));
    world.lock().links[0].panics = true;
    sleep(Duration::from_secs(2)).await;
    assert!(!world.lock().links[0].panics);
    // Events may have been missed, so the token was dropped. A new one is kept.
    get(&mut fleet);
    sleep(Duration::from_secs(1)).await;
    assert!(fleet.hits(0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_in_the_log_no_call_joins_an_older_request() {
    start_clocks();
    let world = World::new(Rng::with_seed(0), Faults::default(), 1, 2);
    let mut fleet = Fleet::new(Arc::clone(&world), 1);
    let mut get = |user| fleet.call((0, user), Kind::Get, DEFAULT_DEADLINE, DEFAULT_DEADLINE);
    get(0);
    sleep(Duration::from_secs(2)).await;
    world.lock().velt.latency = Duration::from_secs(40);
    get(1);
    sleep(Duration::from_millis(100)).await;
    world.lock().redis.restart(None);
    sleep(Duration::from_secs(2)).await;
    get(1);
    sleep(Duration::from_millis(100)).await;
    let requests = &world.lock().journal.requests;
    assert_eq!(
        requests.iter().filter(|request| request.user == 1).count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_stopped_while_redis_was_down_reads_the_log_first() {
    start_clocks();
    let world = World::new(Rng::with_seed(0), Faults::default(), 2, 1);
    let mut fleet = Fleet::new(Arc::clone(&world), 2);
    for server in [0, 1] {
        fleet.call((server, 0), Kind::Get, DEFAULT_DEADLINE, DEFAULT_DEADLINE);
    }
    sleep(Duration::from_secs(2)).await;
    world.lock().redis.health = Health::Down;
    world.lock().redis.epoch += 1;
    sleep(Duration::from_secs(1)).await;
    assert!(
        fleet.hits(0, 0),
        "while Redis cannot be reached, tokens are served"
    );
    world.lock().links[0].is_frozen = true;
    world.lock().redis.health = Health::Up;
    sleep(Duration::from_millis(700)).await;
    fleet.invalidate(1, 0);
    sleep(Duration::from_millis(1300)).await;
    world.lock().links[0].is_frozen = false;
    assert!(!fleet.hits(0, 0));
    world.thaw();
    sleep(Duration::from_secs(1)).await;
    assert!(!fleet.hits(0, 0));
}
