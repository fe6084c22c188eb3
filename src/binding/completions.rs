//! The queue of outcomes that JavaScript takes. It is free of napi, so that `__test__/core/schedules.rs` can
//! check it: one lock guards the outcomes together with `is_awake`, so no wake-up is lost.

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::sync::{Mutex, MutexGuard};

/// Outcomes that were not taken yet. Many threads settle, one thread takes.
pub struct Completions<T>(Mutex<State<T>>);

struct State<T> {
    outcomes: VecDeque<T>,
    /// The taker was woken, and takes outcomes until there are none.
    is_awake: bool,
}

impl<T> Completions<T> {
    pub fn new() -> Self {
        Self(Mutex::new(State {
            outcomes: VecDeque::new(),
            is_awake: false,
        }))
    }

    /// Adds an outcome. Returns whether the caller must wake the taker.
    #[must_use]
    pub fn settle(&self, outcome: T) -> bool {
        let mut state = self.lock();
        state.outcomes.push_back(outcome);
        !std::mem::replace(&mut state.is_awake, true)
    }

    /// Takes at most `max` outcomes. Returns also whether there are more: then the taker must take
    /// again, and is not woken for it.
    pub fn take<Batch: FromIterator<T>>(&self, max: usize) -> (Batch, bool) {
        let mut state = self.lock();
        let count = state.outcomes.len().min(max);
        let batch = state.outcomes.drain(..count).collect();
        state.is_awake = !state.outcomes.is_empty();
        (batch, state.is_awake)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
