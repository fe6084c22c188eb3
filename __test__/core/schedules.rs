//! What the locks promise, on many schedules of threads. This file compiles `completions.rs` and
//! `single_flight.rs` with shuttle's mutex, which lets a scheduler decide at each lock and unlock which
//! thread runs next. A thread that waits forever fails the test as a deadlock.
//!
//! A failure prints its schedule. `shuttle::replay` repeats it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use shuttle::future::block_on;
use shuttle::sync::Condvar;
use shuttle::thread;
use velt_auth::core::cache::local::{LocalCache, Lookup};

use crate::completions::Completions;
use crate::core::error::{Code, Error};
use crate::core::token::{Requirement, Token};
use crate::core::user::User;
use crate::single_flight::{Leader, Role, SingleFlight};
use crate::sync::Mutex;

#[path = "../../src/binding/completions.rs"]
mod completions;
#[allow(dead_code, reason = "`forget_all` and `leader` are not used here")]
#[path = "../../src/core/cache/single_flight.rs"]
mod single_flight;

/// Stands for the crate's own module.
mod core {
    pub use velt_auth::core::{error, token, user};
}

/// Stands for the crate's own module.
mod sync {
    pub use shuttle::sync::{Mutex, MutexGuard};
}

/// Random schedules find most faults. Those that need few switches at exact places are found by PCT
/// (probabilistic concurrency testing).
fn check(test: fn()) {
    shuttle::check_random(test, 1_000);
    shuttle::check_pct(test, 1_000, 3);
}

// The queue of outcomes.

/// JavaScript's thread: it sleeps until it is woken.
#[derive(Default)]
struct Sleeper {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Sleeper {
    fn wake(&self) {
        let was_woken = std::mem::replace(&mut *self.is_woken.lock().unwrap(), true);
        assert!(!was_woken, "woken twice");
        self.changed.notify_one();
    }

    fn sleep(&self) {
        let mut is_woken = self.is_woken.lock().unwrap();
        while !*is_woken {
            is_woken = self.changed.wait(is_woken).unwrap();
        }
        *is_woken = false;
    }
}

/// Threads settle two outcomes each, and JavaScript's thread takes them as `lib/calls.js` does.
fn settle_and_take(settlers: u32) {
    let completions = Arc::new(Completions::new());
    let javascript = Arc::new(Sleeper::default());
    for settler in 0..settlers {
        let (completions, javascript) = (Arc::clone(&completions), Arc::clone(&javascript));
        thread::spawn(move || {
            for outcome in [2 * settler, 2 * settler + 1] {
                if completions.settle(outcome) {
                    javascript.wake();
                }
            }
        });
    }
    let mut taken = Vec::new();
    while taken.len() < 2 * settlers as usize {
        javascript.sleep();
        loop {
            let (batch, has_more) = completions.take::<Vec<u32>>(2);
            assert!(!batch.is_empty(), "woken for nothing");
            taken.extend(batch);
            if !has_more {
                break;
            }
            thread::yield_now();
        }
    }
    taken.sort_unstable();
    let settled: Vec<u32> = (0..2 * settlers).collect();
    assert_eq!(taken, settled, "each exactly once");
}

#[test]
fn each_outcome_is_taken_once_and_no_wake_up_is_lost() {
    check(|| settle_and_take(3));
    // All schedules.
    shuttle::check_dfs(|| settle_and_take(1), None);
}

// Singleflight, and the cache that a leader looks in again.

/// A client without Redis, for one user. Its requests are numbered, and so are their outcomes.
struct Client {
    local: Arc<LocalCache>,
    single_flight: SingleFlight,
    user: Arc<User>,
    is_velt_up: bool,
    requests: AtomicU32,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
}

/// The number of a request, in its token or in its error.
type Outcome = Result<u32, u32>;

impl Client {
    fn new(is_velt_up: bool) -> Arc<Self> {
        Arc::new(Self {
            local: Arc::new(LocalCache::new(NonZeroUsize::MIN)),
            single_flight: SingleFlight::default(),
            user: Arc::new(User {
                user_id: "ada".into(),
                ..User::default()
            }),
            is_velt_up,
            requests: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            most_in_flight: AtomicU32::new(0),
        })
    }

    /// As the core's `look_up`, then `get_token`.
    fn get(&self) -> Outcome {
        match self.hit() {
            Some(token) => number_of(Ok(token)),
            None => self.fetch(),
        }
    }

    fn fetch(&self) -> Outcome {
        let request = match self.single_flight.join(&self.user, None) {
            Role::Leader(leader, request) => {
                match self.hit() {
                    Some(token) => leader.complete(Ok(token)),
                    None => self.lead(leader),
                }
                request
            }
            Role::Follower(request) => request,
        };
        number_of(block_on(request.wait()))
    }

    fn lead(&self, leader: Leader) {
        let others = self.in_flight.fetch_add(1, Relaxed);
        self.most_in_flight.fetch_max(others + 1, Relaxed);
        let in_flight = self.local.begin(&self.user);
        let number = self.requests.fetch_add(1, Relaxed) + 1;
        thread::yield_now();
        let outcome = if self.is_velt_up {
            let token = Token::new(number.to_string(), SystemTime::now());
            in_flight.store(token.clone());
            Ok(token)
        } else {
            Err(Error::transient(Code::Unavailable, number.to_string()))
        };
        self.in_flight.fetch_sub(1, Relaxed);
        leader.complete(outcome);
    }

    /// The cache has a mutex of `std`: each operation is one step. Threads switch before it.
    fn hit(&self) -> Option<Token> {
        thread::yield_now();
        let requirement = Requirement::min_validity(Duration::ZERO);
        match self
            .local
            .look_up(&self.user, requirement, SystemTime::now())
        {
            Lookup::Fresh(token) => Some(token),
            Lookup::Miss => None,
            other => panic!("{other:?}"),
        }
    }

    /// As the core's `invalidate_local`.
    fn invalidate(&self) {
        thread::yield_now();
        self.local.invalidate(&self.user.user_id);
        self.single_flight.forget(&self.user.user_id);
    }
}

fn number_of(outcome: Result<Token, Error>) -> Outcome {
    match outcome {
        Ok(token) => Ok(token.expose().parse().unwrap()),
        Err(error) => Err(error.message.parse().unwrap()),
    }
}

/// Runs `run` on `count` threads until all have ended.
fn on_threads(count: u32, run: impl Fn() + Clone + Send + 'static) {
    let threads: Vec<_> = (0..count).map(|_| thread::spawn(run.clone())).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn one_request_serves_all_calls() {
    check(|| {
        let client = Client::new(true);
        on_threads(3, move || assert_eq!(client.get(), Ok(1)));
    });
}

#[test]
fn no_call_gets_an_outcome_from_before_it_began() {
    check(|| {
        let client = Client::new(false);
        on_threads(3, {
            let client = Arc::clone(&client);
            move || {
                let (first, second) = (client.get(), client.get());
                assert!(first.unwrap_err() < second.unwrap_err());
            }
        });
        assert_eq!(client.most_in_flight.load(Relaxed), 1);
    });
}

#[test]
fn a_forgotten_leader_does_not_end_the_next_request() {
    check(|| {
        let client = Client::new(true);
        let Role::Leader(forgotten, request) = client.single_flight.join(&client.user, None) else {
            panic!("there is no other leader");
        };
        client.single_flight.forget(&client.user.user_id);
        let completion = thread::spawn(move || {
            forgotten.complete(Ok(Token::new("0".into(), SystemTime::now())));
        });
        let waits = thread::spawn(move || assert_eq!(number_of(block_on(request.wait())), Ok(0)));
        on_threads(3, move || assert_eq!(client.get(), Ok(1)));
        completion.join().unwrap();
        waits.join().unwrap();
    });
}

#[test]
fn followers_of_a_leader_that_panics_get_an_error() {
    check(|| {
        let client = Client::new(true);
        on_threads(3, {
            let client = Arc::clone(&client);
            move || match client.single_flight.join(&client.user, None) {
                Role::Leader(leader, _) => {
                    thread::yield_now();
                    drop(leader);
                }
                Role::Follower(request) => {
                    let error = block_on(request.wait()).unwrap_err();
                    assert_eq!(error.message, Error::leader_panicked().message);
                }
            }
        });
        assert_eq!(client.get(), Ok(1), "the next call is a leader");
    });
}

/// One call invalidates, another one missed the cache before.
fn invalidate_while_another_call_fetches(is_cached: bool) {
    let client = Client::new(true);
    if is_cached {
        assert_eq!(client.get(), Ok(1));
    }
    let other = thread::spawn({
        let client = Arc::clone(&client);
        move || client.fetch()
    });
    thread::yield_now();
    let before = client.requests.load(Relaxed);
    client.invalidate();
    assert!(client.get().unwrap() > before);
    assert!(other.join().unwrap().is_ok());
}

#[test]
fn after_an_invalidation_no_call_gets_an_older_token() {
    check(|| invalidate_while_another_call_fetches(true));
    check(|| invalidate_while_another_call_fetches(false));
}
