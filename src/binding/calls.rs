//! Calls in flight. A call is a future in Rust, and a number in JavaScript. JavaScript gets the outcomes
//! in batches: a wake-up costs the JavaScript thread more time than the rest of a call.

use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use napi::Status;
use napi::bindgen_prelude::Either4;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::runtime::{Builder, Handle};

use super::completions::Completions;
use super::values::{Failure, Token};

/// How many outcomes JavaScript takes before it yields to the event loop. Without a limit, many outcomes
/// would block the event loop.
const MAX_BATCH: usize = 64;

/// How a call ended: with a token, with a failure, with `true` if it returns nothing, or with JSON; `None`
/// if it was cancelled or panicked.
#[napi]
pub type Outcome = Option<Either4<Token, Failure, bool, String>>;

/// One thread for all clients of this process. More threads spend more time on waking each other than
/// they gain; one thread makes tens of thousands of calls per second. The thread ends with the process.
static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// The runtime of that thread.
///
/// # Errors
/// The system has no thread or no file descriptor left. A later call may succeed.
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
    settled: Completions<(u32, Outcome)>,
    /// A weak reference: it does not keep the process alive. While calls are pending, `lib/calls.js`
    /// keeps the process alive.
    wake: ThreadsafeFunction<(), (), (), Status, false, true>,
}

/// Outcomes, and the numbers of their calls.
#[napi(object, object_from_js = false)]
pub struct Batch {
    pub calls: Vec<u32>,
    pub outcomes: Vec<Outcome>,
    /// Whether there is another batch. JavaScript yields to the event loop before it takes that batch.
    pub has_more: bool,
}

#[napi]
impl Calls {
    /// `wake` is called when there are outcomes to take.
    #[napi(constructor, catch_unwind)]
    pub fn new(wake: ThreadsafeFunction<(), (), (), Status, false, true>) -> napi::Result<Self> {
        Ok(Self(Arc::new(Shared {
            runtime: runtime()?,
            settled: Completions::new(),
            wake,
        })))
    }

    /// The next outcomes.
    #[napi(catch_unwind)]
    pub fn take(&self) -> Batch {
        let ((calls, outcomes), has_more) = self.0.settled.take(MAX_BATCH);
        Batch {
            calls,
            outcomes,
            has_more,
        }
    }
}

impl Calls {
    /// Starts the call with this number.
    pub fn start(&self, number: u32, call: impl Future<Output = Outcome> + Send + 'static) {
        let open = OpenCall {
            calls: self.clone(),
            number,
            outcome: None,
        };
        self.0.runtime.spawn(async move { open.end(call.await) });
    }

    fn settle(&self, number: u32, outcome: Outcome) {
        if self.0.settled.settle((number, outcome)) {
            let calls = self.clone();
            self.0.runtime.spawn(async move {
                // All tasks that are ready run first, so that their outcomes are in the same batch.
                tokio::task::yield_now().await;
                // `wake` fails only while the JavaScript thread ends. At that time, no call waits.
                calls
                    .0
                    .wake
                    .call((), ThreadsafeFunctionCallMode::NonBlocking);
            });
        }
    }
}

/// Settles its call when dropped, so that a panic leaves no promise pending.
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
