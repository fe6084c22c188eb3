//! Counters of what a client has done.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Code, Error};

/// Counts since the client was made. Relaxed: each number is exact, but they are not read at one
/// instant.
#[derive(Debug, Default)]
pub struct Stats {
    upstream_requests: AtomicU64,
    tokens: AtomicU64,
    failures: [AtomicU64; Code::ALL.len()],
}

impl Stats {
    /// A request is about to be sent.
    pub fn request_sent(&self) {
        self.upstream_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has ended.
    pub fn call_ended<T>(&self, outcome: &Result<T, Error>) {
        let counter = match outcome {
            Ok(_) => &self.tokens,
            Err(error) => &self.failures[error.code as usize],
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests sent to Velt, retries included.
    pub fn upstream_requests(&self) -> u64 {
        self.upstream_requests.load(Ordering::Relaxed)
    }

    /// Calls that ended with a token.
    pub fn tokens(&self) -> u64 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Calls that ended with `code`.
    pub fn failures(&self, code: Code) -> u64 {
        self.failures[code as usize].load(Ordering::Relaxed)
    }
}
