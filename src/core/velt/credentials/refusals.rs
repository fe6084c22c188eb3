//! The refusals of auth tokens that JavaScript has not taken yet.

use std::sync::{Arc, Mutex, PoisonError};

use crate::core::error::Error;
use crate::core::stats::Stats;
use crate::core::trace::current;

/// How many refusals are kept until they are taken.
const MAX_REFUSALS: usize = 16;

/// Velt refused an auth token.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its place in the list; 0 if there is no list.
    pub index: usize,
    /// What Velt responded.
    pub error: Error,
}

#[derive(Debug)]
pub struct Refusals {
    waiting: Mutex<Vec<Refusal>>,
    stats: Arc<Stats>,
}

impl Refusals {
    pub fn new(stats: Arc<Stats>) -> Self {
        Self {
            waiting: Mutex::default(),
            stats,
        }
    }

    /// Counts a refusal of the current request, and records it. If too many wait, the oldest is dropped.
    pub fn add(&self, index: usize, error: &Error) {
        self.stats.credential_refusals.add();
        current::credential_refused(index);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == MAX_REFUSALS {
            waiting.remove(0);
        }
        waiting.push(Refusal {
            index,
            error: error.clone(),
        });
    }

    /// The refusals since the last call of this function, oldest first.
    pub fn take(&self) -> Vec<Refusal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}
