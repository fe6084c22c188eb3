//! Counters of what a client has done.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Code, Error};

/// A number that only grows. Relaxed: each is exact, but they are not read at one instant.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts since the client was made.
#[derive(Debug, Default)]
pub struct Stats {
    /// Calls answered from this process's cache, without waiting.
    pub hits: Counter,
    /// Calls that began a question.
    pub misses: Counter,
    /// Calls that joined a question somebody else had asked.
    pub joins: Counter,
    /// Calls answered with less validity than wanted, since Velt could not be asked.
    pub stale_served: Counter,
    /// Renewals begun in the background.
    pub refreshes: Counter,
    /// Questions answered by the shared cache.
    pub shared_hits: Counter,
    /// Requests sent to Velt, retries included.
    pub upstream_requests: Counter,
    failures: [Counter; Code::ALL.len()],
}

impl Stats {
    /// A call has ended.
    pub fn call_ended<T>(&self, outcome: &Result<T, Error>) {
        if let Err(error) = outcome {
            self.failures[error.code as usize].add();
        }
    }

    /// Calls that ended with `code`.
    pub fn failures(&self, code: Code) -> u64 {
        self.failures[code as usize].get()
    }
}
