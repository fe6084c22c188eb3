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

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// Counted in a [`Gauge`] until it is dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Gauge {
    /// Adds 1 until the result is dropped.
    #[must_use]
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    /// The current number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
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
    /// Requests to Velt that have no complete response yet.
    pub upstream_in_flight: Gauge,
    /// Requests to Velt that wait for a connection.
    pub upstream_waiting: Gauge,
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
