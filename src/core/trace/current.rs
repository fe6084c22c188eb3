//! The request that runs in the current task. Its record is in a task-local variable, so the modules on its
//! way (`upstream`, `retry`, `transport`) add to the record without a parameter in each function. If
//! nothing is recorded, the functions here do nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task_local;
use tokio::time::Instant;
use url::Url;

use super::journal::Journal;
use super::records::{Attempt, BreakerState, Change, End, Request, TracedCall};
use super::traceparent::Traceparent;
use crate::core::error::{Code, Error};

task_local! {
    static REQUEST: Option<Arc<OpenRequest>>;
}

/// The record of a request. It is complete when it is dropped, or at [`RequestRecord::end`].
#[derive(Debug)]
pub struct RequestRecord(Option<Arc<OpenRequest>>);

#[derive(Debug)]
struct OpenRequest {
    journal: Arc<Journal>,
    traceparent: Option<Traceparent>,
    request: Mutex<Request>,
}

impl RequestRecord {
    /// Starts to record a request that a call starts; nothing is recorded without `traced`.
    #[must_use]
    pub fn of_call(journal: &Arc<Journal>, traced: Option<TracedCall>) -> Self {
        Self(traced.and_then(|_| OpenRequest::new(journal, traced)))
    }

    /// Starts to record a request that a refresh starts.
    #[must_use]
    pub fn of_refresh(journal: &Arc<Journal>) -> Self {
        Self(OpenRequest::new(journal, None))
    }

    /// Runs `request`. Meanwhile the functions of this module add to this record.
    pub fn during<F: Future>(&self, request: F) -> impl Future<Output = F::Output> + use<F> {
        REQUEST.scope(self.0.clone(), request)
    }

    /// The request ended with `outcome`.
    pub fn end<T>(self, outcome: &Result<T, Error>) {
        if let Some(open) = &self.0 {
            open.lock().error = outcome.as_ref().err().map(|error| error.code);
        }
    }
}

impl OpenRequest {
    fn new(journal: &Arc<Journal>, traced: Option<TracedCall>) -> Option<Arc<Self>> {
        let now = Instant::now();
        journal.is_on().then(|| {
            Arc::new(Self {
                journal: Arc::clone(journal),
                traceparent: traced.and_then(|traced| traced.traceparent),
                request: Mutex::new(Request {
                    call: traced.map(|traced| traced.number),
                    started: now,
                    ended: now,
                    is_shared: false,
                    error: None,
                    waited: Duration::ZERO,
                    attempts: Vec::new(),
                }),
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, Request> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let request = self
            .request
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        request.ended = Instant::now();
        let request = Request {
            attempts: std::mem::take(&mut request.attempts),
            ..*request
        };
        self.journal.push(|records| &mut records.requests, request);
    }
}

/// The header that the call which started the current request passes on.
#[must_use]
pub fn traceparent() -> Option<Traceparent> {
    current()?.traceparent
}

/// The token of the current request came from the shared cache.
pub fn found_in_shared_cache() {
    with_request(|request| request.is_shared = true);
}

/// The circuit breaker changed during the current request.
pub fn breaker_changed(state: BreakerState) {
    change(Change::CircuitBreaker(state));
}

/// Velt refused the auth token at this place of the list, to the current request.
pub fn credential_refused(index: usize) {
    change(Change::CredentialRefused(index));
}

/// The next attempt of the current request has waited for a connection since `since`.
pub fn waited(since: Instant) {
    with_request(|request| request.waited = since.elapsed());
}

/// Starts to record an attempt of the current request.
#[must_use]
pub fn attempt() -> OpenAttempt {
    with_request(|request| {
        let now = Instant::now();
        let queued = std::mem::take(&mut request.waited);
        request.attempts.push(Attempt {
            queued,
            started: now,
            ended: now,
            url: None,
            looking_up: None,
            connecting: None,
            resends: 0,
            first_byte: None,
            status: None,
            http_version: None,
            end: End::Cancelled,
        });
    });
    OpenAttempt
}

/// The attempt in progress is sent to `url`.
pub fn sending(url: &Url) {
    with_attempt(|attempt| attempt.url = Some(url.clone()));
}

/// The attempt in progress has received the headers of its response.
pub fn received(status: u16, http_version: &'static str) {
    with_attempt(|attempt| {
        attempt.first_byte = Some(Instant::now());
        attempt.status = Some(status);
        attempt.http_version = Some(http_version);
    });
}

/// The last attempt ended by its timeout, if it was in progress.
pub fn timed_out() {
    with_attempt(|attempt| {
        if matches!(attempt.end, End::Cancelled) {
            attempt.end = End::Failed(Code::Timeout, None);
        }
    });
}

/// An attempt in progress. If it is dropped, it was cancelled.
#[derive(Debug)]
pub struct OpenAttempt;

impl OpenAttempt {
    /// The attempt ended with `outcome`.
    pub fn end<T>(self, outcome: &Result<T, Error>) {
        with_attempt(|attempt| {
            attempt.end = match outcome {
                Ok(_) => End::Succeeded,
                Err(error) => End::Failed(error.code, error.retry_after),
            };
        });
    }
}

impl Drop for OpenAttempt {
    fn drop(&mut self) {
        with_attempt(|attempt| attempt.ended = Instant::now());
    }
}

/// A DNS lookup for the attempt in progress has ended. The attempt waited for it since `started`.
pub fn looked_up(started: Instant) {
    with_attempt(|attempt| attempt.looking_up = Some(started.elapsed()));
}

/// A connection for the attempt in progress was opened, or failed to open, since `started`.
pub fn connected(started: Instant) {
    with_attempt(|attempt| attempt.connecting = Some(started.elapsed()));
}

/// The attempt in progress is sent once more, on another connection.
pub fn resent() {
    with_attempt(|attempt| attempt.resends += 1);
}

fn change(change: Change) {
    if let Some(open) = current() {
        open.journal.change(change);
    }
}

fn current() -> Option<Arc<OpenRequest>> {
    REQUEST.try_with(Clone::clone).ok().flatten()
}

fn with_request(change: impl FnOnce(&mut Request)) {
    let _ = REQUEST.try_with(|open| {
        if let Some(open) = open {
            change(&mut open.lock());
        }
    });
}

fn with_attempt(change: impl FnOnce(&mut Attempt)) {
    with_request(|request| {
        if let Some(attempt) = request.attempts.last_mut() {
            change(attempt);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Arc<Journal> {
        let journal = Journal::default();
        journal.record(true);
        Arc::new(journal)
    }

    fn unavailable() -> Result<(), Error> {
        Err(Error::transient(Code::Unavailable, "down"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_records_each_attempt_and_its_times() {
        let journal = journal();
        let record = RequestRecord::of_call(
            &journal,
            Some(TracedCall {
                number: 7,
                traceparent: None,
            }),
        );
        let second = Duration::from_secs(1);
        let outcome = record
            .during(async {
                let waited_since = Instant::now();
                tokio::time::sleep(second).await;
                waited(waited_since);
                let failed = attempt();
                tokio::time::sleep(2 * second).await;
                failed.end(&unavailable());
                let succeeded_at = Instant::now();
                let succeeded = attempt();
                tokio::time::sleep(3 * second).await;
                connected(succeeded_at);
                received(200, "1.1");
                succeeded.end(&Ok::<_, Error>(()));
                unavailable()
            })
            .await;
        record.end(&outcome);

        let [request] = &journal.take().requests[..] else {
            panic!("one request")
        };
        assert_eq!(request.call, Some(7));
        assert_eq!(request.error, Some(Code::Unavailable));
        let [first, last] = &request.attempts[..] else {
            panic!("two attempts")
        };
        assert_eq!(first.queued, second);
        assert_eq!(first.ended - first.started, 2 * second);
        assert!(matches!(first.end, End::Failed(Code::Unavailable, None)));
        assert_eq!(
            (last.connecting, last.status),
            (Some(3 * second), Some(200))
        );
        assert!(matches!(last.end, End::Succeeded));
    }
}
