//! The reader of the log: it reads which users other servers have invalidated, and removes the tokens of
//! these users from the cache of this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::core::cache::local::LocalCache;
use crate::core::cache::shared::store::{Store, Unavailable};
use crate::core::cache::shared::{Changes, Position, SharedCache};
use crate::core::cache::single_flight::SingleFlight;
use crate::core::clock::Clock;
use crate::core::trace::journal::Journal;
use crate::core::trace::records::Change;

/// How often the log is read.
const POLL: Duration = Duration::from_millis(300);
/// Cached tokens are served for this time after the log was read. After this time, calls wait until the
/// log is read again, because the process was stopped or is overloaded.
const MAX_LAG: Duration = Duration::from_secs(1);
/// Redis counts as unreachable for this time after a failure, which is longer than two failures are apart.
/// After this time the process was stopped, and Redis may be reachable again.
const MAX_CUT_OFF: Duration = Duration::from_secs(3);

/// Reads the log in a task of its own, from the first call on until the client is closed.
#[derive(Debug)]
pub struct LogReader<S: Store> {
    shared: Arc<SharedCache<S>>,
    local: Arc<LocalCache>,
    single_flight: SingleFlight,
    journal: Arc<Journal>,
    clock: Clock,
    closed: CancellationToken,
    is_started: AtomicBool,
    progress: Mutex<Progress>,
    /// Wakes the calls that wait, in the order in which they came. `watch` wakes them in a random order,
    /// and the simulation could not replay that.
    has_read: Notify,
}

#[derive(Clone, Copy, Debug)]
enum Progress {
    /// The first reading started at this time. If it takes longer than [`MAX_LAG`], Redis counts as
    /// unreachable.
    Starting(Instant, SystemTime),
    /// Redis could not be reached at this time: invalidations of other servers are unknown.
    CutOff(Instant, SystemTime),
    /// The log was read at this time, by both clocks: the monotonic one may stop while the machine is
    /// suspended, and the wall clock may be set back.
    Read(Instant, SystemTime),
}

impl Progress {
    /// Whether Redis can be reached; `None` while this is unknown.
    fn is_reached(self) -> Option<bool> {
        match self {
            Self::Starting(..) => None,
            Self::CutOff(..) => Some(false),
            Self::Read(..) => Some(true),
        }
    }
}

impl<S: Store> LogReader<S> {
    /// Creates a reader that has not read the log yet.
    pub fn new(
        shared: Arc<SharedCache<S>>,
        local: Arc<LocalCache>,
        single_flight: SingleFlight,
        journal: Arc<Journal>,
        clock: Clock,
        closed: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            local,
            single_flight,
            journal,
            clock,
            closed,
            is_started: AtomicBool::new(false),
            progress: Mutex::new(Progress::Starting(Instant::now(), clock.now())),
            has_read: Notify::new(),
        })
    }

    /// Starts the task, if it does not run. Must be called inside a tokio runtime.
    pub fn start(self: &Arc<Self>) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
        self.set(Progress::Starting(Instant::now(), self.clock.now()));
        let log_reader = Arc::clone(self);
        tokio::spawn(async move {
            let closed = log_reader.closed.clone();
            let restarted = async {
                // `read` never returns. After a panic it starts again.
                loop {
                    let _ = tokio::spawn(Arc::clone(&log_reader).read()).await;
                }
            };
            closed.run_until_cancelled(restarted).await;
        });
    }

    /// Whether the log was read a moment ago, so that cached tokens may be served.
    pub fn is_current(&self) -> bool {
        let progress = *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, wall, limit) = match progress {
            Progress::Starting(at, _) if at.elapsed() < MAX_LAG => return false,
            Progress::Starting(at, wall) | Progress::CutOff(at, wall) => (at, wall, MAX_CUT_OFF),
            Progress::Read(at, wall) => (at, wall, MAX_LAG),
        };
        let passed = self.clock.now().duration_since(wall);
        at.elapsed() <= limit && passed.is_ok_and(|passed| passed <= limit)
    }

    /// Waits until [`LogReader::is_current`].
    pub async fn until_current(&self) {
        loop {
            let has_read = self.has_read.notified();
            if self.is_current() {
                return;
            }
            has_read.await;
        }
    }

    fn set(&self, progress: Progress) {
        let mut current = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, progress);
        drop(current);
        if let Some(is_reached) = progress.is_reached()
            && old.is_reached() != Some(is_reached)
        {
            self.journal.change(Change::SharedCache(is_reached));
        }
        self.has_read.notify_waiters();
    }

    async fn read(self: Arc<Self>) {
        let mut position: Option<Position> = None;
        let mut was_connected = false;
        let closed = self.closed.clone();
        while !closed.is_cancelled() {
            let read = Progress::Read(Instant::now(), self.clock.now());
            let changes = self.shared.changes(position.as_ref(), was_connected).await;
            was_connected = changes.is_ok();
            let progress = match changes {
                Ok((changes, reached)) => {
                    let is_all = self.apply(changes, &reached);
                    position = Some(reached);
                    if !is_all {
                        continue;
                    }
                    read
                }
                Err(Unavailable) => Progress::CutOff(Instant::now(), self.clock.now()),
            };
            self.set(progress);
            closed.run_until_cancelled(sleep(POLL)).await;
        }
    }

    /// Removes the tokens that may have been invalidated. Returns whether the log was read to its end.
    fn apply(&self, changes: Changes, reached: &Position) -> bool {
        match changes {
            Changes::Invalidated { user_ids, is_all } => {
                self.local.record_time(reached.time);
                if !user_ids.is_empty() {
                    self.journal.change(Change::Invalidated(user_ids.len()));
                }
                // The order matters: see `Client::invalidate_local`.
                for user_id in user_ids {
                    self.local.invalidate(&user_id);
                    self.single_flight.forget(&user_id);
                }
                is_all
            }
            Changes::Unknown => {
                let removed = self.local.clear(reached.time);
                self.journal.change(Change::Cleared);
                self.single_flight.forget_all();
                tokio::task::spawn_blocking(move || drop(removed));
                true
            }
        }
    }
}
