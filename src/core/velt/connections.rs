//! The connections to Velt: how many there are, and which request is sent on which connection.
//!
//! A request needs a place. With HTTP/1.1, there is a place for each connection of one reqwest client. With
//! HTTP/2, a reqwest client has one connection for many requests, so there are several clients: lanes.
//!
//! The server chooses the protocol when the first connection is opened. Until then, one request of
//! `REQUESTS_PER_LANE` opens a connection, and the others wait.

use std::cell::Cell;
use std::fmt::{self, Debug, Formatter};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use reqwest::{Client, Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connector::{Connector, HAS_DIALED, Watcher};
use crate::core::error::Error;

/// How many requests share a connection of HTTP/2 before another one is opened.
const REQUESTS_PER_LANE: usize = 64;
/// How many requests share a connection if no other one may be opened. Servers allow 100 or more.
const MAX_REQUESTS_PER_LANE: usize = 100;
/// How many connections of HTTP/2 are opened.
const MAX_LANES: usize = 16;
/// How long a request waits for the first connection, which another request opens. Then it opens one
/// itself: the other connection may hang.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connections of one client to one server.
#[derive(Clone)]
pub struct Connections(Arc<Pool>);

struct Pool {
    connector: Connector,
    max: usize,
    /// A permit for each place.
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    protocol: Protocol,
    /// How many places there are. While the protocol is unknown, the request in a place opens a connection.
    places: usize,
    /// While the protocol is unknown: how many requests have asked for a place.
    asked: usize,
    /// The oldest first. The first lane is used for HTTP/1.1.
    lanes: Vec<Arc<Lane>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Http1,
    Http2,
}

/// A reqwest client. It is referenced by the list of lanes, and by each place in it.
struct Lane {
    client: Client,
    is_http2_only: bool,
    /// Whether the client uses one connection for all requests.
    is_shared: AtomicBool,
    /// The position in the list.
    index: usize,
}

/// The permission to send one request.
pub struct Place {
    pool: Arc<Pool>,
    lane: Arc<Lane>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// At most `max` connections, which `connector` opens. Without TLS, the server cannot choose HTTP/2.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) if no client can be made.
    pub fn new(connector: Connector, max: NonZeroUsize, has_tls: bool) -> Result<Self, Error> {
        let max = max.get().min(Semaphore::MAX_PERMITS);
        let pool = Arc::new(Pool {
            connector,
            max,
            permits: Arc::new(Semaphore::new(0)),
            state: Mutex::new(State {
                protocol: Protocol::Unknown,
                places: 0,
                asked: 0,
                lanes: Vec::new(),
            }),
        });
        let lane = pool.lane(0, false)?;
        pool.lock().lanes.push(lane);
        if !has_tls {
            pool.learn(Protocol::Http1);
        }
        Ok(Self(pool))
    }

    /// Waits for a place. Requests wait in their order.
    ///
    /// # Panics
    /// Never: the semaphore is not closed.
    pub async fn place(&self) -> Place {
        let pool = &self.0;
        pool.ask();
        let mut permit = pin!(Arc::clone(&pool.permits).acquire_owned());
        let soon = timeout(PATIENCE, &mut permit).await;
        let permit = if let Ok(permit) = soon {
            permit
        } else {
            pool.open_another(&mut pool.lock(), pool.max);
            permit.await
        };
        Place {
            pool: Arc::clone(pool),
            lane: pool.pick(),
            _permit: permit.expect("the semaphore is never closed"),
        }
    }
}

impl Debug for Connections {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connections")
            .finish_non_exhaustive()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn max_lanes(&self) -> usize {
        self.max.min(MAX_LANES)
    }

    fn lane(self: &Arc<Self>, index: usize, is_http2_only: bool) -> Result<Arc<Lane>, Error> {
        let watcher = PoolWatcher {
            pool: Arc::downgrade(self),
            is_http2_only,
        };
        Ok(Arc::new(Lane {
            client: self.connector.client(is_http2_only, watcher)?,
            is_http2_only,
            is_shared: AtomicBool::new(is_http2_only),
            index,
        }))
    }

    fn another_lane(self: &Arc<Self>, index: usize, is_http2_only: bool) -> Arc<Lane> {
        self.lane(index, is_http2_only)
            .expect("the first client was made with the same settings")
    }

    /// A request asks for a place.
    fn ask(&self) {
        let mut state = self.lock();
        if state.protocol == Protocol::Unknown {
            if state.asked.is_multiple_of(REQUESTS_PER_LANE) {
                self.open_another(&mut state, self.max_lanes());
            }
            state.asked += 1;
        }
    }

    /// While the protocol is unknown, lets one more request open a connection, if fewer than `max` may.
    fn open_another(&self, state: &mut State, max: usize) {
        if state.protocol == Protocol::Unknown && state.places < max {
            state.places += 1;
            self.permits.add_permits(1);
        }
    }

    /// The oldest lane that has room, so that connections that are no longer needed become idle.
    fn pick(self: &Arc<Self>) -> Arc<Lane> {
        let mut state = self.lock();
        let is_known = state.protocol == Protocol::Http2;
        if state.protocol == Protocol::Http1 {
            return Arc::clone(&state.lanes[0]);
        }
        let most = if is_known { REQUESTS_PER_LANE } else { 1 };
        let lanes = || {
            let all = state.lanes.iter();
            all.filter(|lane| !is_known || lane.is_shared.load(Ordering::Relaxed))
        };
        let with_room = lanes().find(|lane| lane.requests() < most);
        if with_room.is_none() && state.lanes.len() < self.max_lanes() {
            let lane = self.another_lane(state.lanes.len(), true);
            state.lanes.push(Arc::clone(&lane));
            return lane;
        }
        let lane = with_room.or_else(|| lanes().min_by_key(|lane| lane.requests()));
        Arc::clone(lane.unwrap_or(&state.lanes[0]))
    }

    /// Has the `protocol` of a new connection.
    fn learn(self: &Arc<Self>, protocol: Protocol) {
        let mut state = self.lock();
        if state.protocol == protocol {
            return;
        }
        state.protocol = protocol;
        let places = match protocol {
            Protocol::Http2 => self.max_lanes() * MAX_REQUESTS_PER_LANE,
            _ => self.max,
        };
        let before = std::mem::replace(&mut state.places, places);
        if let Some(more) = places.checked_sub(before) {
            self.permits.add_permits(more);
        } else {
            // The places that are in use go when they are given back.
            let fewer = u32::try_from(before - places).unwrap_or(u32::MAX);
            let taking = Arc::clone(&self.permits).acquire_many_owned(fewer);
            tokio::spawn(async move { taking.await.map(OwnedSemaphorePermit::forget) });
        }
        if protocol == Protocol::Http1 {
            state.lanes.truncate(1);
            if state.lanes[0].is_http2_only {
                state.lanes[0] = self.another_lane(0, false);
            }
        }
    }
}

impl Lane {
    fn requests(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }
}

impl Place {
    /// Sends `request`, and waits until the response begins. Tells also whether the request was certainly
    /// sent on a connection that it opened: while it opens one, it may get another one that becomes free.
    pub async fn send(&self, request: Request) -> (reqwest::Result<Response>, bool) {
        let was_alone = self.lane.requests() == 1;
        let sending = async {
            let outcome = self.lane.client.execute(request).await;
            let is_alone = self.lane.requests() == 1;
            (outcome, HAS_DIALED.with(Cell::get) && was_alone && is_alone)
        };
        HAS_DIALED.scope(Cell::new(false), sending).await
    }

    /// Moves to a connection that is not open yet, because the one of this place has ended.
    pub fn renew(&mut self) {
        let pool = &self.pool;
        let mut state = pool.lock();
        let is_http2 = state.protocol == Protocol::Http2;
        let index = self.lane.index;
        self.lane = match state.lanes.get_mut(index) {
            Some(lane) if is_http2 => {
                if Arc::ptr_eq(lane, &self.lane) {
                    *lane = pool.another_lane(index, true);
                }
                Arc::clone(lane)
            }
            // Not the pool of the lane: it may have more connections that have ended.
            _ => pool.another_lane(index, false),
        };
    }
}

#[derive(Clone)]
struct PoolWatcher {
    pool: Weak<Pool>,
    is_http2_only: bool,
}

impl Watcher for PoolWatcher {
    /// A client that is not for HTTP/2 only would open a connection for each request. It does that until
    /// the protocol is known.
    fn may_open(&self) -> bool {
        let protocol = self.pool.upgrade().map(|pool| pool.lock().protocol);
        match protocol {
            Some(Protocol::Http1) => !self.is_http2_only,
            Some(Protocol::Http2) => self.is_http2_only,
            _ => true,
        }
    }

    fn has_opened(&self, is_http2: bool) -> bool {
        let protocol = if is_http2 {
            Protocol::Http2
        } else {
            Protocol::Http1
        };
        if let Some(pool) = self.pool.upgrade() {
            if is_http2 && !self.is_http2_only {
                let state = pool.lock();
                state.lanes[0].is_shared.store(true, Ordering::Relaxed);
            }
            pool.learn(protocol);
        }
        is_http2 || !self.is_http2_only
    }
}
