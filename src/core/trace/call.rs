//! The record of a call.

use std::sync::{Arc, Mutex, PoisonError};

use super::journal::Journal;
use super::records::{Call, CallNumber, Source};

/// The record of a call. It is complete when it is dropped.
#[derive(Debug)]
pub struct OpenCall(Option<(Arc<Journal>, Mutex<Call>)>);

impl OpenCall {
    /// Starts to record a call; nothing is recorded for a call without a number.
    #[must_use]
    pub fn new(journal: &Arc<Journal>, number: Option<CallNumber>) -> Self {
        Self(number.map(|number| {
            let call = Call {
                number: Some(number),
                source: None,
                joined: None,
            };
            (Arc::clone(journal), Mutex::new(call))
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

    /// The number of the call.
    #[must_use]
    pub fn number(&self) -> Option<CallNumber> {
        let (_, call) = self.0.as_ref()?;
        call.lock().unwrap_or_else(PoisonError::into_inner).number
    }

    fn set(&self, source: Source, leader: Option<CallNumber>) {
        if let Some((_, call)) = &self.0 {
            let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
            call.source = Some(source);
            call.joined = leader.or(call.joined);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if let Some((journal, call)) = &self.0 {
            let call = *call.lock().unwrap_or_else(PoisonError::into_inner);
            journal.push(|records| &mut records.calls, call);
        }
    }
}
