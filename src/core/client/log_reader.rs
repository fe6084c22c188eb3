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
/// Cached tokens are served for this time after the log was read, or could not be read. After this time,
/// calls wait for the next reading, because the process was stopped or is overloaded.
const MAX_LAG: Duration = Duration::from_secs(1);
/// A reading takes less time, unless the process was stopped meanwhile.
const MAX_READING: Duration = Duration::from_secs(3);
/// At the start, calls wait this long for the connection.
const FIRST_CONNECT: Duration = Duration::from_secs(1);
/// Later, calls wait until it is known whether Redis can be reached: Redis counts as unreachable after this
/// time.
const RECONNECT: Duration = Duration::from_millis(300);

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
    /// The log was not read yet.
    Starting,
    /// Redis could not be reached at this time: invalidations of other servers are unknown.
    CutOff(Moment),
    /// The log was read at this time.
    Read(Moment),
}

/// A time by both clocks: the monotonic one may stop while the machine is suspended, and the wall clock may
/// be set back.
type Moment = (Instant, SystemTime);

impl Progress {
    /// Whether Redis can be reached; `None` while this is unknown.
    fn is_reached(self) -> Option<bool> {
        match self {
            Self::Starting => None,
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
            progress: Mutex::new(Progress::Starting),
            has_read: Notify::new(),
        })
    }

    /// Starts the task, if it does not run. Must be called inside a tokio runtime.
    pub fn start(self: &Arc<Self>) {
        if self.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
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

    /// Whether the log was read, or could not be read, a moment ago, so that cached tokens may be served.
    pub fn is_current(&self) -> bool {
        let progress = *self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            Progress::Starting => false,
            Progress::CutOff(moment) | Progress::Read(moment) => self.is_within(MAX_LAG, moment),
        }
    }

    fn now(&self) -> Moment {
        (Instant::now(), self.clock.now())
    }

    /// Whether at most the time `limit` has passed since `moment`.
    fn is_within(&self, limit: Duration, (at, wall): Moment) -> bool {
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
        let mut connect_limit = FIRST_CONNECT;
        let closed = self.closed.clone();
        while !closed.is_cancelled() {
            let began = self.now();
            let changes = self.shared.changes(position.as_ref(), connect_limit).await;
            connect_limit = RECONNECT;
            let progress = match changes {
                Ok((changes, reached)) => {
                    let is_all = self.apply(changes, &reached);
                    position = Some(reached);
                    if !is_all {
                        continue;
                    }
                    Progress::Read(began)
                }
                // The process was stopped, so the failure does not show whether Redis can be reached now.
                Err(Unavailable) if !self.is_within(MAX_READING, began) => continue,
                Err(Unavailable) => Progress::CutOff(self.now()),
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
