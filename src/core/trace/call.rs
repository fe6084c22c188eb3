//! The record of a call.

use std::sync::{Arc, Mutex, PoisonError};

use super::journal::Journal;
use super::records::{Call, CallNumber, Source, TracedCall};

/// The record of a call. It is complete when it is dropped.
#[derive(Debug)]
pub struct OpenCall(Option<Open>);

#[derive(Debug)]
struct Open {
    journal: Arc<Journal>,
    traced: TracedCall,
    call: Mutex<Call>,
}

impl OpenCall {
    /// Starts to record a call; nothing is recorded without `traced`.
    #[must_use]
    pub fn new(journal: &Arc<Journal>, traced: Option<TracedCall>) -> Self {
        Self(traced.map(|traced| Open {
            journal: Arc::clone(journal),
            traced,
            call: Mutex::new(Call {
                number: Some(traced.number),
                source: None,
                joined: None,
            }),
        }))
    }

    /// The token is from the cache of this process.
    pub fn hit(&self, is_stale: bool) {
        self.set(if is_stale { Source::Stale } else { Source::Hit }, None);
    }

    /// The call started a request.
    pub fn missed(&self) {
        self.set(Source::Miss, None);
    }

    /// The call waits for a request that `leader` started.
    pub fn joined(&self, leader: Option<CallNumber>) {
        self.set(Source::Joined, leader);
    }

    /// The call, if it is recorded.
    #[must_use]
    pub fn traced(&self) -> Option<TracedCall> {
        self.0.as_ref().map(|open| open.traced)
    }

    /// The number of the call, if it is recorded.
    #[must_use]
    pub fn number(&self) -> Option<CallNumber> {
        self.traced().map(|traced| traced.number)
    }

    fn set(&self, source: Source, leader: Option<CallNumber>) {
        if let Some(Open { call, .. }) = &self.0 {
            let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
            call.source = Some(source);
            call.joined = leader.or(call.joined);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Some(Open { journal, call, .. }) = &self.0 {
            let call = *call.lock().unwrap_or_else(PoisonError::into_inner);
            journal.push(|records| &mut records.calls, call);
        }
    }
}
