//! What a client counts.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Code, Error};

/// A number that only grows. The order is relaxed: each counter is exact, but they are not read at the
/// same instant.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds 1.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The current count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts since the client was created.
#[derive(Debug, Default)]
pub struct Stats {
    /// Calls served from this process's cache, without waiting.
    pub hits: Counter,
    /// Calls that started a request, to the shared cache or to Velt.
    pub misses: Counter,
    /// Calls that waited for a request that another call had started.
    pub joins: Counter,
    /// Calls served with less validity than required, because Velt failed or was slow.
    pub stale_served: Counter,
    /// Refreshes started in the background.
    pub refreshes: Counter,
    /// Tokens found in the shared cache.
    pub shared_hits: Counter,
    /// Requests sent to Velt, retries included.
    pub upstream_requests: Counter,
    /// How often Velt refused an auth token. Refusals of the same auth token at the same time count once.
    pub credential_refusals: Counter,
    failures: [Counter; Code::ALL.len()],
}

impl Stats {
    /// Counts the failure of a call that has ended.
    pub fn call_ended<T>(&self, outcome: &Result<T, Error>) {
        if let Err(error) = outcome {
            self.failures[error.code as usize].add();
        }
    }

    /// Calls that failed with `code`.
    pub fn failures(&self, code: Code) -> u64 {
        self.failures[code as usize].get()
    }
}
