//! What the shared cache needs of Redis: a few operations, each of them atomic.

use std::future::Future;
use std::time::Duration;

use crate::core::cache::sequence::SequenceNumber;

/// Redis cannot be used now: no connection, no response in time, or an invalid one.
#[derive(Debug, PartialEq, Eq)]
pub struct Unavailable;

/// The keys of one entry. All keys of a user are in one slot of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKeys {
    /// A hash: the token, encrypted, and the numbers of the requests for it.
    pub entry: String,
    /// The generation of the user's tokens.
    pub generation: String,
    /// The lease: its value names its holder.
    pub lease: String,
}

/// Whether [`Store::view`] begins a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin<'a> {
    /// No: only read the entry.
    No,
    /// If no server holds the lease, take it for this holder, and begin a request.
    WithLease(&'a str),
    /// Begin a request without the lease.
    WithoutLease,
}

/// The state of an entry at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Names the Redis process: a process that was restarted or promoted to master has another name.
    pub process: String,
    /// The generation of the user's tokens. A new one was made if there was none.
    pub generation: String,
    /// The token, encrypted, and the number of the request for it.
    pub value: Option<(Vec<u8>, SequenceNumber)>,
    /// The number of the request that began. `None` if no request began.
    pub number: Option<SequenceNumber>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending<'a> {
    /// A token, encrypted, to be kept for this time.
    Token(&'a [u8], Duration),
    /// Velt rejected the user.
    Rejected,
    /// Neither a token nor a rejection: the entry does not change.
    Failed,
}

/// A request that began, with the data that is needed to end it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its entry.
    pub keys: &'a EntryKeys,
    /// The generation that was current when it began.
    pub generation: &'a str,
    /// The Redis process in which it began.
    pub process: &'a str,
    /// See [`View::number`].
    pub number: SequenceNumber,
    /// The name under which it holds the lease; empty if it does not hold the lease.
    pub holder: &'a str,
}

/// One page of the log of invalidations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// See [`View::process`].
    pub process: String,
    /// The time of Redis's clock.
    pub time: SequenceNumber,
    /// The id of the newest event. The log is never empty: reading it makes a first event.
    pub newest: String,
    /// The events after the position that was asked for, oldest first.
    pub events: Vec<LogEvent>,
}

/// One event of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Its id.
    pub id: String,
    /// The id of the event before this event. If a reader does not know that id as its last event,
    /// events are missing.
    pub previous: String,
    /// The user id, encrypted; empty in the first event of a log.
    pub user_id: Vec<u8>,
}

/// The operations. They run in Redis in production, and in a model of Redis in the simulation.
pub trait Store: Send + Sync + 'static {
    /// Looks at an entry. `new_generation` is used if the user has none.
    fn view(
        &self,
        keys: &EntryKeys,
        new_generation: &str,
        begin: Begin<'_>,
    ) -> impl Future<Output = Result<View, Unavailable>> + Send;

    /// Prolongs the lease, if the request still holds it.
    fn renew_lease(
        &self,
        request: Request<'_>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Ends a request. Ends its lease too, if the request still holds the lease. The entry changes only
    /// if the generation and the Redis process are the same as when the request began, and no newer
    /// request has ended.
    fn end(
        &self,
        request: Request<'_>,
        ending: Ending<'_>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Sets the generation of a user, so that all tokens of older generations are invalid.
    fn set_generation(
        &self,
        key: &str,
        generation: &str,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Appends an event to the log.
    fn append(
        &self,
        log: &str,
        user_id: &[u8],
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Reads the log after the event `after`. If `after` is empty, reads only the newest event.
    fn read_log(
        &self,
        log: &str,
        after: &str,
    ) -> impl Future<Output = Result<LogPage, Unavailable>> + Send;

    /// Connects, if there is no connection. Fails after `limit`; then the next call waits for the same
    /// connection, until [`CONNECT_TIMEOUT`].
    fn connect(&self, limit: Duration) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Ends the connection.
    fn close(&self);
}

/// Connecting fails after this time.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A lease that is not renewed ends after this time.
pub const LEASE: Duration = Duration::from_secs(5);
/// Generations and the log are kept longer than any token.
pub const RETENTION: Duration = Duration::from_secs(49 * 60 * 60);
/// The log is trimmed to about this many events. A server that misses more drops all its tokens.
pub const MAX_LOG: usize = 10_000;
/// How many events are read at once.
pub const LOG_PAGE: usize = 1000;
