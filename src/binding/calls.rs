//! Calls in flight: a future on a thread of ours, a number in JavaScript. Outcomes go back many at
//! a time, since waking JavaScript's thread costs it more than all else that a call does there.

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use napi::Status;
use napi::bindgen_prelude::Either3;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::runtime::{Builder, Handle};

use super::values::{Failure, Token};

/// How many outcomes JavaScript takes before it lets others have the event loop: an unbounded
/// number would starve it in a flood.
const MAX_BATCH: usize = 64;

/// What became of a call: a token, a failure, or `true` where nothing else was asked for; `None`
/// when it was cancelled, or ended in a panic.
#[napi]
pub type Outcome = Option<Either3<Token, Failure, bool>>;

/// One thread, for all that this process asks: more of them spend more on waking each other than
/// they gain, and one does tens of thousands of calls per second. It ends with the process.
static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// The runtime that everything runs on.
///
/// # Errors
/// What the system says where it has no thread or file descriptor left; it may have some later.
pub fn runtime() -> io::Result<Handle> {
    let mut running = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*running {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("velt-auth".into())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    *running = Some(handle.clone());
    Ok(handle)
}

/// The calls of one JavaScript thread.
#[napi]
#[derive(Clone)]
pub struct Calls(Arc<Shared>);

struct Shared {
    runtime: Handle,
    settled: Mutex<Settled>,
    /// Weak: whether the process may end is JavaScript's to say, which knows what it waits for.
    wake: ThreadsafeFunction<(), (), (), Status, false, true>,
}

#[derive(Default)]
struct Settled {
    outcomes: VecDeque<(u32, Outcome)>,
    /// JavaScript knows that there are some, and takes them until there are none.
    is_told: bool,
}

/// Outcomes by the numbers of their calls.
#[napi(object, object_from_js = false)]
pub struct Batch {
    pub calls: Vec<u32>,
    pub outcomes: Vec<Outcome>,
    /// Come again, once others have had the event loop.
    pub has_more: bool,
}

#[napi]
impl Calls {
    /// `wake` is called when there is something to take.
    #[napi(constructor, catch_unwind)]
    pub fn new(wake: ThreadsafeFunction<(), (), (), Status, false, true>) -> napi::Result<Self> {
        Ok(Self(Arc::new(Shared {
            runtime: runtime()?,
            settled: Mutex::default(),
            wake,
        })))
    }

    /// The next outcomes.
    #[napi(catch_unwind)]
    pub fn take(&self) -> Batch {
        let mut settled = self.settled();
        let count = settled.outcomes.len().min(MAX_BATCH);
        let (calls, outcomes) = settled.outcomes.drain(..count).unzip();
        settled.is_told = !settled.outcomes.is_empty();
        Batch {
            calls,
            outcomes,
            has_more: settled.is_told,
        }
    }
}

impl Calls {
    /// Starts a call that JavaScript knows as `number`.
    pub fn start(&self, number: u32, call: impl Future<Output = Outcome> + Send + 'static) {
        let open = OpenCall {
            calls: self.clone(),
            number,
            outcome: None,
        };
        self.0.runtime.spawn(async move { open.end(call.await) });
    }

    fn settle(&self, number: u32, outcome: Outcome) {
        let mut settled = self.settled();
        settled.outcomes.push_back((number, outcome));
        if !std::mem::replace(&mut settled.is_told, true) {
            drop(settled);
            let calls = self.clone();
            self.0.runtime.spawn(async move {
                // Once all that is ready has run, so that more may be taken at once.
                tokio::task::yield_now().await;
                // Refused only when JavaScript's thread is ending: then nobody waits any more.
                calls
                    .0
                    .wake
                    .call((), ThreadsafeFunctionCallMode::NonBlocking);
            });
        }
    }

    fn settled(&self) -> MutexGuard<'_, Settled> {
        let lock = self.0.settled.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settles its call when dropped: not even a panic leaves a promise pending.
struct OpenCall {
    calls: Calls,
    number: u32,
    outcome: Outcome,
}

impl OpenCall {
    fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.calls.settle(self.number, self.outcome.take());
    }
}
