//! The follower of the log: it applies what other servers invalidate to the cache of this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::core::cache::local::LocalCache;
use crate::core::cache::shared::store::{Store, Unavailable};
use crate::core::cache::shared::{Changes, SharedCache};
use crate::core::cache::single_flight::SingleFlight;
use crate::core::clock::Clock;

/// How often the log is read.
const POLL: Duration = Duration::from_millis(400);
/// Cached tokens are served for this time after the log was read. Then the process was stopped, or it
/// is overloaded: calls wait until the log is read again.
const MAX_LAG: Duration = Duration::from_secs(1);
/// After a failure to reach Redis, the next one is known within this time, unless the process was
/// stopped: connecting takes 2 s at most. A stopped process does not know that Redis is back.
const MAX_CUT_OFF: Duration = Duration::from_secs(3);

/// Reads the log in a task of its own, from the first call on until the client is closed.
#[derive(Debug)]
pub struct Follower<S: Store> {
    shared: Arc<SharedCache<S>>,
    local: Arc<LocalCache>,
    single_flight: SingleFlight,
    clock: Clock,
    closed: CancellationToken,
    is_started: AtomicBool,
    progress: Mutex<Progress>,
    /// Calls that wait go on in their order. tokio's `watch` would wake them in a random one.
    read: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// The log has not been read yet.
    Starting,
    /// Redis could not be reached at this time: invalidations of other servers are unknown.
    CutOff(Instant, SystemTime),
    /// The log was read at this time, by both clocks: the monotonic one may stop while the machine is
    /// suspended, and the wall clock may be set back.
    Read(Instant, SystemTime),
}

impl<S: Store> Follower<S> {
    /// Nothing is read yet.
    pub fn new(
        shared: Arc<SharedCache<S>>,
        local: Arc<LocalCache>,
        single_flight: SingleFlight,
        clock: Clock,
        closed: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            local,
            single_flight,
            clock,
            closed,
            is_started: AtomicBool::new(false),
            progress: Mutex::new(Progress::Starting),
            read: Notify::new(),
        })
    }

    /// Starts the task, if it does not run. Must be called inside a tokio runtime.
    pub fn start(self: &Arc<Self>) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let follower = Arc::clone(self);
        tokio::spawn(async move {
            let closed = follower.closed.clone();
            let restarted = async {
                // It never returns. After a panic it starts again.
                loop {
                    let _ = tokio::spawn(Arc::clone(&follower).follow()).await;
                }
            };
            closed.run_until_cancelled(restarted).await;
        });
    }

    /// Whether the log was read a moment ago, so that cached tokens may be served.
    pub fn is_current(&self) -> bool {
        let progress = *self.lock();
        self.is_recent(progress)
    }

    /// Waits until [`Follower::is_current`], but not longer than `limit`.
    pub async fn until_current(&self, limit: Duration) {
        let current = async {
            loop {
                let read = self.read.notified();
                if self.is_current() {
                    return;
                }
                read.await;
            }
        };
        let _ = timeout(limit, current).await;
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_recent(&self, progress: Progress) -> bool {
        let (at, wall, limit) = match progress {
            Progress::Starting => return false,
            Progress::CutOff(at, wall) => (at, wall, MAX_CUT_OFF),
            Progress::Read(at, wall) => (at, wall, MAX_LAG),
        };
        let passed = self.clock.now().duration_since(wall);
        at.elapsed() <= limit && passed.is_ok_and(|passed| passed <= limit)
    }

    async fn follow(self: Arc<Self>) {
        let mut position = None;
        let closed = self.closed.clone();
        while !closed.is_cancelled() {
            let read = Progress::Read(Instant::now(), self.clock.now());
            let progress = match self.shared.changes(&mut position).await {
                Ok(Changes::Invalidated { user_ids, is_all }) => {
                    for user_id in user_ids {
                        self.single_flight.forget(&user_id);
                        self.local.invalidate(&user_id);
                    }
                    if !is_all {
                        continue;
                    }
                    read
                }
                Ok(Changes::Unknown) => {
                    self.single_flight.forget_all();
                    let removed = self.local.clear();
                    tokio::task::spawn_blocking(move || drop(removed));
                    read
                }
                Err(Unavailable) => Progress::CutOff(Instant::now(), self.clock.now()),
            };
            *self.lock() = progress;
            self.read.notify_waiters();
            closed.run_until_cancelled(sleep(POLL)).await;
        }
    }
}
