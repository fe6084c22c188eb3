//! What happened in the calls and requests of a client, as data. JavaScript takes the data when a call
//! has ended, and publishes them in `diagnostics_channel`. Nothing is recorded unless JavaScript asks for
//! it, because somebody subscribes to a channel.
//!
//! A record of a request is in a task-local variable while the request runs. So the modules on its way
//! (`upstream`, `retry`, `transport`) add to the record without a parameter in each function.
//!
//! No record holds a user, a token or a credential.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task_local;
use tokio::time::Instant;
use url::Url;

use super::error::{Code, Error};

/// How many records of each kind wait for JavaScript. Later ones are counted, and dropped.
const MAX_RECORDS: usize = 4096;

task_local! {
    static REQUEST: Option<Arc<OpenRequest>>;
}

/// The number that JavaScript gave to a call.
pub type CallNumber = u32;

/// The records of one client that JavaScript has not taken yet.
#[derive(Debug, Default)]
pub struct Journal {
    is_on: AtomicBool,
    records: Mutex<Records>,
}

/// Everything since the records were last taken, oldest first.
#[derive(Debug, Default)]
pub struct Records {
    /// The requests that have ended.
    pub requests: Vec<Request>,
    /// The calls that have ended.
    pub calls: Vec<Call>,
    /// What has changed in the caches and the circuit breaker.
    pub changes: Vec<(Instant, Change)>,
    /// How many records were dropped, because too many waited.
    pub dropped: u32,
}

/// How a call got its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the cache of this process, without waiting.
    Hit,
    /// A token with less validity than required: Velt failed, or did not respond within a second.
    Stale,
    /// The call started a request.
    Miss,
    /// The call waited for the request of another call, or of a refresh.
    Joined,
}

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The call; `None` for a lookup in the cache of this process, which has no number.
    pub number: Option<CallNumber>,
    /// `None` if the call failed before its lookup.
    pub source: Option<Source>,
    /// The call that started the request that this call joined; `None` for a refresh.
    pub joined: Option<CallNumber>,
}

/// All attempts for one token, of a call or of a refresh.
#[derive(Debug)]
pub struct Request {
    /// The call that started the request; `None` for a refresh.
    pub call: Option<CallNumber>,
    /// When the request started.
    pub started: Instant,
    /// When the request ended.
    pub ended: Instant,
    /// Whether the token came from the shared cache. Then there is no attempt.
    pub is_shared: bool,
    /// Why the request failed.
    pub error: Option<Code>,
    /// The attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One HTTP request to Velt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How long the attempt waited for a free connection.
    pub queued: Duration,
    /// When the attempt started, after that wait.
    pub started: Instant,
    /// When the response was complete, or the attempt failed.
    pub ended: Instant,
    /// The URL; `None` if nothing was sent.
    pub url: Option<Url>,
    /// How long it took to open a connection: DNS, TCP, the tunnel through a proxy, and TLS. `None` if
    /// the attempt used an open connection.
    pub connecting: Option<Duration>,
    /// When the headers of the response were complete.
    pub first_byte: Option<Instant>,
    /// The HTTP status of the response.
    pub status: Option<u16>,
    /// The version of HTTP, such as `1.1`.
    pub http_version: Option<&'static str>,
    /// How the attempt ended.
    pub end: End,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// With a token.
    Token,
    /// With a failure, and the time that Velt's `Retry-After` asks to wait.
    Failed(Code, Option<Duration>),
    /// The call was aborted, its deadline passed, or the client was closed.
    Cancelled,
}

/// A change that concerns more than one call.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The circuit breaker.
    CircuitBreaker(BreakerState),
    /// Whether the shared cache can be reached.
    SharedCache(bool),
    /// Other servers have invalidated this many user ids.
    Invalidated(usize),
    /// All tokens of this process were dropped, because events of the log are missing.
    Cleared,
}

/// The state of the circuit breaker.
#[derive(Clone, Copy, Debug)]
pub enum BreakerState {
    /// Requests are sent.
    Closed,
    /// Calls fail at once.
    Open,
    /// One call is a probe.
    HalfOpen,
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

    /// Starts to record a call; nothing is recorded for a call without a number.
    #[must_use]
    pub fn call(self: &Arc<Self>, number: Option<CallNumber>) -> OpenCall {
        OpenCall(number.map(|number| {
            let call = Call {
                number: Some(number),
                source: None,
                joined: None,
            };
            (Arc::clone(self), Mutex::new(call))
        }))
    }

    /// Starts to record a request. `call` is the call that starts it, and `None` for a refresh.
    #[must_use]
    pub fn request(self: &Arc<Self>, call: Option<CallNumber>) -> RequestRecord {
        let is_on = self.is_on.load(Ordering::Relaxed);
        RequestRecord(is_on.then(|| {
            let now = Instant::now();
            Arc::new(OpenRequest {
                journal: Arc::clone(self),
                request: Mutex::new(Request {
                    call,
                    started: now,
                    ended: now,
                    is_shared: false,
                    error: None,
                    attempts: Vec::new(),
                }),
            })
        }))
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

    fn push<T>(&self, list: fn(&mut Records) -> &mut Vec<T>, record: T) {
        if !self.is_on.load(Ordering::Relaxed) {
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

/// The record of a call. It is complete when it is dropped.
#[derive(Debug)]
pub struct OpenCall(Option<(Arc<Journal>, Mutex<Call>)>);

impl OpenCall {
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

/// The record of a request. It is complete when it is dropped, or at [`RequestRecord::end`].
#[derive(Debug)]
pub struct RequestRecord(Option<Arc<OpenRequest>>);

#[derive(Debug)]
struct OpenRequest {
    journal: Arc<Journal>,
    request: Mutex<Request>,
}

impl RequestRecord {
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

/// The token of the current request came from the shared cache.
pub fn found_in_shared_cache() {
    with_request(|request| request.is_shared = true);
}

/// The circuit breaker changed during the current request.
pub fn breaker_changed(state: BreakerState) {
    if let Some(open) = current() {
        open.journal.change(Change::CircuitBreaker(state));
    }
}

/// Starts to record an attempt of the current request, which has waited for a connection since
/// `waited_since`.
#[must_use]
pub fn attempt(waited_since: Instant) -> OpenAttempt {
    let started = Instant::now();
    with_request(|request| {
        request.attempts.push(Attempt {
            queued: started - waited_since,
            started,
            ended: started,
            url: None,
            connecting: None,
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

/// The last attempt ended by its timeout.
pub fn timed_out() {
    with_attempt(|attempt| attempt.end = End::Failed(Code::Timeout, None));
}

/// An attempt in progress. If it is dropped, it was cancelled.
#[derive(Debug)]
pub struct OpenAttempt;

impl OpenAttempt {
    /// The attempt ended with `outcome`.
    pub fn end<T>(self, outcome: &Result<T, Error>) {
        with_attempt(|attempt| {
            attempt.end = match outcome {
                Ok(_) => End::Token,
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

/// Measures how long it takes to open a connection for the current attempt. `None` if nothing is
/// recorded.
#[must_use]
pub fn connecting() -> Option<impl FnOnce() + Send + 'static> {
    let open = current()?;
    let started = Instant::now();
    let index = open.lock().attempts.len().checked_sub(1)?;
    // The connection may be opened after the request has ended, for later requests.
    let open = Arc::downgrade(&open);
    Some(move || {
        if let Some(open) = open.upgrade() {
            open.lock().attempts[index].connecting = Some(started.elapsed());
        }
    })
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
        let journal = Arc::new(Journal::default());
        journal.record(true);
        journal
    }

    fn unavailable() -> Result<(), Error> {
        Err(Error::transient(Code::Unavailable, "down"))
    }

    #[test]
    fn records_beyond_the_limit_are_counted() {
        let journal = journal();
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
        let journal = journal();
        journal.hit(false);
        journal.record(false);
        journal.change(Change::Cleared);
        drop(journal.call(Some(1)));
        drop(journal.request(Some(1)));
        let records = journal.take();
        assert!(records.calls.is_empty() && records.changes.is_empty());
        assert!(records.requests.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_records_each_attempt_and_its_times() {
        let journal = journal();
        let record = journal.request(Some(7));
        let second = Duration::from_secs(1);
        let outcome = record
            .during(async {
                let waited_since = Instant::now();
                tokio::time::sleep(second).await;
                let failed = attempt(waited_since);
                tokio::time::sleep(2 * second).await;
                failed.end(&unavailable());
                let succeeded = attempt(Instant::now());
                let connected = connecting().expect("an attempt is recorded");
                tokio::time::sleep(3 * second).await;
                connected();
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
        assert!(matches!(last.end, End::Token));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_opens_after_its_request_changes_no_record() {
        let journal = journal();
        let record = journal.request(None);
        let connected = record
            .during(async {
                let cancelled = attempt(Instant::now());
                let connected = connecting();
                drop(cancelled);
                connected
            })
            .await;
        record.end(&Ok::<_, Error>(()));
        connected.expect("an attempt is recorded")();
        let requests = journal.take().requests;
        assert!(matches!(requests[0].attempts[0].end, End::Cancelled));
        assert_eq!(requests[0].attempts[0].connecting, None);
    }
}
