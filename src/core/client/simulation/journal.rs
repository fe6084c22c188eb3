//! What has happened in a run: what no server knows, and the checks need.

use std::collections::HashMap;

use tokio::task::Id as TaskId;
use tokio::time::Instant;

use crate::core::cache::sequence::SequenceNumber;

/// One fetch of a server, in a task of its own: the shared cache first, then Velt.
#[derive(Clone, Copy, Debug)]
pub struct Fetch {
    pub at: Instant,
    pub is_generate: bool,
    pub began: Option<Began>,
}

/// The number of a request, from Redis.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    pub has_lease: bool,
    pub at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Token,
    /// Velt does not accept this user.
    Rejected,
    /// Velt does not accept the auth token of the request.
    Refused,
    RateLimited,
    /// No response, or a transient failure.
    Failed,
}

/// A request that Velt received. Its index is the serial number of its token.
#[derive(Clone, Debug)]
pub struct Request {
    pub user: usize,
    pub server: usize,
    pub incarnation: u32,
    pub fetch: Fetch,
    pub began: Instant,
    pub ended: Option<(Instant, Outcome)>,
    pub expires: Instant,
}

#[derive(Clone, Copy, Debug)]
pub struct Invalidation {
    pub user: usize,
    pub called: Instant,
    pub succeeded: Option<Instant>,
}

/// The place of a request in Redis: entry, process, number.
pub type Place = (String, String, SequenceNumber);

#[derive(Clone, Debug, Default)]
pub struct OfUser {
    /// The last token in Redis: its serial number, and when it was stored.
    pub published: Option<(usize, Instant)>,
    pub max_age_calls: usize,
    pub last_max_age_call: Option<Instant>,
}

/// What a server has done for a user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    /// The last token that a call got, and the earliest time when its request may have started.
    pub last: Option<(usize, Instant)>,
    /// The newest token that a call got and that the server kept, and when the call got it.
    pub newest: Option<(usize, Instant)>,
}

#[derive(Debug)]
pub struct Journal {
    fetches: HashMap<TaskId, Fetch>,
    places: HashMap<Place, TaskId>,
    serials: HashMap<TaskId, usize>,
    pub requests: Vec<Request>,
    pub invalidations: Vec<Invalidation>,
    pub users: Vec<OfUser>,
    /// By server and user.
    pub served: Vec<Vec<Served>>,
    /// By server.
    pub rate_limited_until: Vec<Option<Instant>>,
    /// The first promise that was broken, and how.
    pub broken: Option<(u8, String)>,
    /// A hash of all events: two runs of a seed have the same.
    pub trace: u64,
    pub calls: u64,
}

impl Journal {
    pub fn new(servers: usize, users: usize) -> Self {
        Self {
            fetches: HashMap::new(),
            places: HashMap::new(),
            serials: HashMap::new(),
            requests: Vec::new(),
            invalidations: Vec::new(),
            users: vec![OfUser::default(); users],
            served: vec![vec![Served::default(); users]; servers],
            rate_limited_until: vec![None; servers],
            broken: None,
            trace: 0,
            calls: 0,
        }
    }

    /// The order does not matter: calls that wait for the same request go on in any order.
    pub fn note(&mut self, event: u64) {
        let hash = (event ^ (event >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.trace = self.trace.wrapping_add(hash ^ (hash >> 29));
    }

    pub fn broken(&mut self, promise: u8, how: impl FnOnce() -> String) {
        if self.broken.is_none() {
            self.broken = Some((promise, how()));
        }
    }

    /// A fetch looks into the shared cache. `generate` does not: it begins a request at once.
    pub fn looks(&mut self, task: TaskId, is_look: bool) {
        self.fetches.entry(task).or_insert(Fetch {
            at: Instant::now(),
            is_generate: !is_look,
            began: None,
        });
    }

    /// Redis numbers the request of a fetch.
    pub fn begins(&mut self, task: TaskId, place: Place, began: Began) {
        let fetch = self.fetches.get_mut(&task).expect("it looked before");
        fetch.began = Some(began);
        self.places.insert(place, task);
    }

    /// A request reaches Velt. Returns its serial number.
    pub fn requests(
        &mut self,
        user: usize,
        (server, incarnation): (usize, u32),
        expires: Instant,
    ) -> usize {
        let task = tokio::task::id();
        let serial = self.requests.len();
        self.requests.push(Request {
            user,
            server,
            incarnation,
            fetch: self.fetches[&task],
            began: Instant::now(),
            ended: None,
            expires,
        });
        self.serials.insert(task, serial);
        self.note(serial as u64);
        serial
    }

    /// Redis stores the token of the request at this place.
    pub fn published(&mut self, place: &Place, now: Instant) {
        if let Some(serial) = self
            .places
            .get(place)
            .and_then(|task| self.serials.get(task))
        {
            let user = self.requests[*serial].user;
            self.users[user].published = Some((*serial, now));
        }
    }

    /// Whether a user was not invalidated at or after `since`.
    pub fn is_undisturbed(&self, user: usize, since: Instant) -> bool {
        self.invalidations
            .iter()
            .filter(|invalidation| invalidation.user == user)
            .all(|invalidation| invalidation.succeeded.is_some_and(|time| time < since))
    }

    /// The time of the last rejection of a user, by one server or all.
    pub fn last_rejection(&self, user: usize, server: Option<usize>) -> Option<Instant> {
        let own = self.requests.iter().filter(|request| {
            request.user == user && server.is_none_or(|server| server == request.server)
        });
        // Not the newest request: the one that ended last.
        own.filter_map(|request| match request.ended {
            Some((at, Outcome::Rejected)) => Some(at),
            _ => None,
        })
        .max()
    }
}
