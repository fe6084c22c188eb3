//! The connections to Velt: how many there are, and which request is sent on which connection.
//!
//! A request needs a place: a connection of HTTP/1.1 for itself, or a stream of an HTTP/2 connection, or
//! the permission to open a connection. Requests wait for a place in one queue, in their order.
//!
//! The server chooses the protocol when the first connection is opened. Until then, and with HTTP/2, a
//! burst of requests opens one connection for every [`REQUESTS_PER_DIAL`] requests, because one
//! connection carries many. With HTTP/1.1, each request that finds no idle connection opens one.

use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use super::causes;
use super::connector::{BoxError, Connector, Io, Stream};
use crate::core::trace::current;

/// How long an idle connection is kept. Load balancers keep idle connections longer. The time is checked
/// again when a connection is used, so a serverless process that was frozen does not use closed
/// connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// How many requests wait for one connection before another one is opened, unless the server speaks
/// only HTTP/1.1. Servers allow 100 requests at once or more on a connection of HTTP/2.
const REQUESTS_PER_DIAL: usize = 64;
/// How many requests at once are sent on a connection of HTTP/2, if the server allows so many.
const MAX_STREAMS: usize = 100;
/// How many connections of HTTP/2 are opened.
const MAX_HTTP2: usize = 16;
/// How long a request waits for a connection that another request opens. Then it opens one itself: the
/// other connection may hang.
const PATIENCE: Duration = Duration::from_secs(1);
/// A request on an HTTP/2 connection on which nothing has arrived for so long sends a ping.
const PING_AFTER: Duration = Duration::from_secs(2);
/// Without an answer to the ping for so long, the connection is closed. Both times together are shorter
/// than the default timeout of an attempt.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

type Body = Full<Bytes>;

/// The connections of one client to one server.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Pool>);

struct Pool {
    connector: Connector,
    max: usize,
    /// How long a connection may take to open, if no request waits for it alone.
    timeout: Duration,
    state: Mutex<State>,
}

struct State {
    protocol: Protocol,
    /// Connections that are being opened.
    dialing: usize,
    /// Connections of HTTP/1.1 with a request.
    busy: usize,
    /// Connections of HTTP/1.1 without a request. The last one was used last.
    idle: Vec<Idle>,
    /// Connections of HTTP/2.
    shared: Vec<Arc<Shared>>,
    /// How many requests at once the server allows on each of them.
    max_streams: usize,
    waiting: VecDeque<Waiting>,
    has_reaper: bool,
}

/// The protocol of the newest connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

struct Idle {
    sender: http1::SendRequest<Body>,
    since: Instant,
}

/// A connection of HTTP/2.
struct Shared {
    sender: http2::SendRequest<Body>,
    opened: Instant,
    usage: Mutex<Usage>,
}

struct Usage {
    streams: usize,
    idle_since: Instant,
}

/// A request in the queue.
struct Waiting {
    since: Instant,
    /// If set, only a connection that was opened later is good enough.
    opened_after: Option<Instant>,
    place: oneshot::Sender<Place>,
}

/// The permission to send one request.
pub struct Place {
    pool: Arc<Pool>,
    kind: Kind,
}

enum Kind {
    /// To open a connection.
    Dial,
    Http1 {
        sender: http1::SendRequest<Body>,
        is_reusable: bool,
    },
    Http2(Arc<Shared>),
    /// The place was given back.
    None,
}

/// A request that got no response.
pub enum Failure {
    /// The connection could not be opened.
    Connect(BoxError),
    /// The connection was open, but ended before the response began. It had been used before, so the
    /// other side probably closed it when the request was on its way.
    Dead(BoxError),
    /// The server refused the request before it did anything, because it allows fewer requests at once.
    Refused(BoxError),
    /// Any other failure.
    Exchange(BoxError),
}

impl Connections {
    /// At most `max` connections, which `connector` opens.
    pub fn new(connector: Connector, max: NonZeroUsize, timeout: Duration) -> Self {
        let protocol = if connector.can_have_http2() {
            Protocol::Unknown
        } else {
            Protocol::Http1
        };
        Self(Arc::new(Pool {
            connector,
            max: max.get(),
            timeout,
            state: Mutex::new(State {
                protocol,
                dialing: 0,
                busy: 0,
                idle: Vec::new(),
                shared: Vec::new(),
                max_streams: MAX_STREAMS,
                waiting: VecDeque::new(),
                has_reaper: false,
            }),
        }))
    }

    /// Waits for a place.
    pub async fn place(&self) -> Place {
        self.0.place(None).await
    }

    /// Waits for a place on a connection that is opened after `since`, or opens one. It goes before all other
    /// requests that wait.
    pub async fn place_on_newer(&self, since: Instant) -> Place {
        self.0.place(Some(since)).await
    }
}

impl Debug for Pool {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    async fn place(self: &Arc<Self>, opened_after: Option<Instant>) -> Place {
        if let Some(kind) = self.lock().find_at_once(opened_after, self.max) {
            let pool = Arc::clone(self);
            return Place { pool, kind };
        }
        let (sender, mut place) = oneshot::channel();
        let waiting = Waiting {
            since: Instant::now(),
            opened_after,
            place: sender,
        };
        self.update(|state| match opened_after {
            Some(_) => state.waiting.push_front(waiting),
            None => state.waiting.push_back(waiting),
        });
        if let Ok(place) = timeout(PATIENCE, &mut place).await {
            return place.expect("the pool lives as long as its queue");
        }
        self.update(|_| {});
        place.await.expect("the pool lives as long as its queue")
    }

    /// Changes the state, and then gives places to requests that wait.
    fn update<T>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> T) -> T {
        // Requests that ended while they waited. Their places are given back without the lock.
        let mut refused = Vec::new();
        let mut state = self.lock();
        let outcome = change(&mut state);
        while let Some(first) = state.waiting.front() {
            if first.place.is_closed() {
                state.waiting.pop_front();
                continue;
            }
            let (since, opened_after) = (first.since, first.opened_after);
            let Some(kind) = state.find(since, opened_after, self.max) else {
                break;
            };
            let first = state.waiting.pop_front().expect("it is the front");
            let pool = Arc::clone(self);
            refused.extend(first.place.send(Place { pool, kind }).err());
        }
        if state.needs_more_streams(self.max) {
            state.dialing += 1;
            self.dial_in_background();
        }
        drop(state);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a connection of HTTP/2 beside those that have no free stream. Nobody waits for this one
    /// alone, so a failure has no consequence.
    fn dial_in_background(self: &Arc<Self>) {
        let mut place = Place {
            pool: Arc::clone(self),
            kind: Kind::Dial,
        };
        tokio::spawn(async move {
            let _ = timeout(place.pool.timeout, place.open()).await;
        });
    }

    /// Closes connections that are idle for too long, until there is no connection.
    fn reap(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(IDLE_TIMEOUT / 5).await;
                let Some(pool) = Weak::upgrade(&pool) else {
                    return;
                };
                let mut state = pool.lock();
                state.remove_expired();
                if state.connections() == 0 {
                    state.has_reaper = false;
                    return;
                }
            }
        });
    }
}

impl State {
    /// A place for a new request, if no other one waits.
    fn find_at_once(&mut self, opened_after: Option<Instant>, max: usize) -> Option<Kind> {
        if !self.waiting.is_empty() {
            return None;
        }
        self.find(Instant::now(), opened_after, max)
    }

    /// A place for the first request that waits.
    fn find(&mut self, since: Instant, opened_after: Option<Instant>, max: usize) -> Option<Kind> {
        while opened_after.is_none()
            && let Some(Idle { sender, since }) = self.idle.pop()
        {
            if !sender.is_closed() && since.elapsed() < IDLE_TIMEOUT {
                self.busy += 1;
                return Some(Kind::Http1 {
                    sender,
                    is_reusable: false,
                });
            }
        }
        self.shared.retain(|shared| !shared.is_expired());
        let shared = || {
            self.shared.iter().filter(|shared| match opened_after {
                Some(time) => shared.opened >= time,
                None => true,
            })
        };
        // The oldest connection that has room, so that connections that are no longer needed become idle.
        let most = REQUESTS_PER_DIAL.min(self.max_streams);
        let oldest = shared().find(|shared| shared.streams() < most);
        let freest = oldest.or_else(|| shared().min_by_key(|shared| shared.streams()));
        if let Some(freest) = freest
            && freest.streams() < self.max_streams
        {
            freest.usage().streams += 1;
            return Some(Kind::Http2(Arc::clone(freest)));
        }
        let must_wait = freest.is_some();
        let is_impatient = since.elapsed() >= PATIENCE;
        let may_dial = match self.protocol {
            Protocol::Http1 => true,
            _ if must_wait => false,
            _ if is_impatient => true,
            _ => {
                self.dialing < self.waiting.len().div_ceil(REQUESTS_PER_DIAL)
                    && self.shared.len() + self.dialing < MAX_HTTP2
            }
        };
        if !may_dial {
            return None;
        }
        if self.connections() >= max {
            // A request that needs a new connection goes before an idle one.
            if self.idle.is_empty() {
                return None;
            }
            self.idle.remove(0);
        }
        self.dialing += 1;
        Some(Kind::Dial)
    }

    /// Whether requests wait although there is an HTTP/2 connection, and another one may be opened.
    fn needs_more_streams(&self, max: usize) -> bool {
        self.protocol == Protocol::Http2
            && !self.shared.is_empty()
            && self.dialing < self.waiting.len().div_ceil(REQUESTS_PER_DIAL)
            && self.shared.len() + self.dialing < MAX_HTTP2
            && self.connections() < max
    }

    fn connections(&self) -> usize {
        self.dialing + self.busy + self.idle.len() + self.shared.len()
    }

    fn remove_expired(&mut self) {
        self.idle
            .retain(|Idle { sender, since }| !sender.is_closed() && since.elapsed() < IDLE_TIMEOUT);
        self.shared.retain(|shared| !shared.is_expired());
    }
}

impl Shared {
    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> usize {
        self.usage().streams
    }

    /// Whether the connection accepts no more requests, or was idle for too long.
    fn is_expired(&self) -> bool {
        let usage = self.usage();
        let is_idle = usage.streams == 0;
        self.sender.is_closed() || (is_idle && usage.idle_since.elapsed() >= IDLE_TIMEOUT)
    }
}

impl Place {
    /// Sends `request`, and waits until the response begins. Call [`Place::keep`] after its end.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn send(
        mut self,
        mut request: Request<Body>,
    ) -> Result<(Self, Response<Incoming>), Failure> {
        let is_new = matches!(self.kind, Kind::Dial);
        if is_new {
            let started = Instant::now();
            let opened = self.open().await;
            current::connected(started);
            opened.map_err(Failure::Connect)?;
        }
        let outcome = match &mut self.kind {
            Kind::Http1 { sender, .. } => {
                to_http1(&mut request);
                match sender.ready().await {
                    Ok(()) => sender.send_request(request).await,
                    Err(error) => Err(error),
                }
            }
            Kind::Http2(shared) => shared.sender.clone().send_request(request).await,
            Kind::Dial | Kind::None => unreachable!("the connection is open"),
        };
        let response = outcome.map_err(|error| {
            let http2 = causes::find::<h2::Error>(&error);
            let is_refused = http2.is_some_and(|error| {
                error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
            });
            // A reset ends one request only, and not the connection.
            let is_dead = !error.is_parse() && !http2.is_some_and(h2::Error::is_reset);
            if is_refused {
                Failure::Refused(error.into())
            } else if is_dead && !is_new {
                Failure::Dead(error.into())
            } else {
                Failure::Exchange(error.into())
            }
        })?;
        Ok((self, response))
    }

    /// The complete response has arrived, so the connection can be used again.
    pub fn keep(mut self) {
        if let Kind::Http1 { is_reusable, .. } = &mut self.kind {
            *is_reusable = true;
        }
    }

    /// Opens the connection that this place permits.
    async fn open(&mut self) -> Result<(), BoxError> {
        let Stream { io, is_http2 } = self.pool.connector.open().await?;
        let (kind, protocol) = if is_http2 {
            let max_streams = self.pool.lock().max_streams;
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                // Until the server has sent its own limit.
                .initial_max_send_streams(max_streams)
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_AFTER)
                .keep_alive_timeout(PING_TIMEOUT)
                .handshake(io)
                .await?;
            let now = Instant::now();
            let shared = Arc::new(Shared {
                sender,
                opened: now,
                usage: Mutex::new(Usage {
                    streams: 1,
                    idle_since: now,
                }),
            });
            drive(connection, &self.pool);
            (Kind::Http2(shared), Protocol::Http2)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            let is_reusable = false;
            let kind = Kind::Http1 {
                sender,
                is_reusable,
            };
            (kind, Protocol::Http1)
        };
        self.pool.update(|state| {
            state.protocol = protocol;
            state.dialing -= 1;
            match &kind {
                Kind::Http2(shared) => state.shared.push(Arc::clone(shared)),
                _ => state.busy += 1,
            }
            if !std::mem::replace(&mut state.has_reaper, true) {
                self.pool.reap();
            }
            self.kind = kind;
        });
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let kind = std::mem::replace(&mut self.kind, Kind::None);
        self.pool.update(|state| match kind {
            Kind::Dial => state.dialing -= 1,
            Kind::Http1 {
                sender,
                is_reusable,
            } => {
                state.busy -= 1;
                if is_reusable && !sender.is_closed() {
                    let since = Instant::now();
                    state.idle.push(Idle { sender, since });
                }
            }
            Kind::Http2(shared) => {
                let mut usage = shared.usage();
                usage.streams -= 1;
                usage.idle_since = Instant::now();
            }
            Kind::None => {}
        });
    }
}

/// Runs an HTTP/2 connection until it ends, or until the server accepts no more requests on it.
fn drive(connection: http2::Connection<Box<dyn Io>, Body, TokioExecutor>, pool: &Arc<Pool>) {
    let pool = Arc::downgrade(pool);
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let mut max_streams = connection.current_max_send_streams();
        poll_fn(|context| {
            let polled = connection.as_mut().poll(context).map(drop);
            let current = connection.current_max_send_streams();
            if std::mem::replace(&mut max_streams, current) != current {
                change(&pool, |state| {
                    state.max_streams = current.clamp(1, MAX_STREAMS);
                });
            }
            polled
        })
        .await;
        change(&pool, State::remove_expired);
    });
}

fn change(pool: &Weak<Pool>, change: impl FnOnce(&mut State)) {
    if let Some(pool) = pool.upgrade() {
        pool.update(change);
    }
}

/// HTTP/1.1 has the host in a header, and not in the first line.
fn to_http1(request: &mut Request<Body>) {
    let uri = std::mem::take(request.uri_mut());
    let host = uri
        .authority()
        .map(|host| HeaderValue::from_str(host.as_str()));
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(path) = uri.into_parts().path_and_query {
        *request.uri_mut() = path.into();
    }
}
