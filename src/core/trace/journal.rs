//! The records of a client that wait for JavaScript.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::records::{Call, Change, Records, Source};

/// How many records of each kind wait for JavaScript. Later ones are counted, and dropped.
const MAX_RECORDS: usize = 4096;

/// The records of one client that JavaScript has not taken yet.
#[derive(Debug, Default)]
pub struct Journal {
    is_on: AtomicBool,
    records: Mutex<Records>,
}

impl Journal {
    /// Starts or stops to record. The records that wait are dropped when recording stops.
    pub fn record(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
        if !is_on {
            *self.lock() = Records::default();
        }
    }

    /// The records that wait.
    pub fn take(&self) -> Records {
        std::mem::take(&mut *self.lock())
    }

    /// Records a token from the cache of this process.
    pub fn hit(&self, is_stale: bool) {
        let source = if is_stale { Source::Stale } else { Source::Hit };
        let call = Call {
            number: None,
            source: Some(source),
            joined: None,
        };
        self.push(|records| &mut records.calls, call);
    }

    /// Records a change.
    pub fn change(&self, change: Change) {
        self.push(|records| &mut records.changes, (Instant::now(), change));
    }

    /// Whether something is recorded.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Adds a record to a list of the records that wait.
    pub(super) fn push<T>(&self, list: fn(&mut Records) -> &mut Vec<T>, record: T) {
        if !self.is_on() {
            return;
        }
        let mut records = self.lock();
        if list(&mut records).len() < MAX_RECORDS {
            list(&mut records).push(record);
        } else {
            records.dropped = records.dropped.saturating_add(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_beyond_the_limit_are_counted() {
        let journal = Journal::default();
        journal.record(true);
        for _ in 0..MAX_RECORDS + 3 {
            journal.hit(false);
        }
        let records = journal.take();
        assert_eq!((records.calls.len(), records.dropped), (MAX_RECORDS, 3));
        let records = journal.take();
        assert_eq!((records.calls.len(), records.dropped), (0, 0));
    }

    #[test]
    fn nothing_waits_after_recording_stops() {
        let journal = Journal::default();
        journal.record(true);
        journal.hit(false);
        journal.record(false);
        journal.change(Change::Cleared);
        let records = journal.take();
        assert!(records.calls.is_empty() && records.changes.is_empty());
    }
}
