//! The promises of the package, checked at each request to Velt and at each token that is served.
//!
//! A check looks only at what no fault excuses: `is_connected_since` says when a server counts as one
//! that can reach Redis; a *calm* run has no fault of Redis, no frozen server and no clock that jumps.

use std::time::Duration;

use tokio::time::Instant;

use super::clock::server_clock;
use super::fleet::{Call, Kind};
use super::journal::{Outcome, Request};
use super::world::State;
use crate::core::config::DEFAULT_DEADLINE;
use crate::core::error::{Code, Error};

/// An invalidation holds everywhere after this time.
const SPREAD: Duration = Duration::from_secs(1);
/// A server that can reach Redis again knows the log after this time: a connection that hangs fails
/// after 2 s, and the next one is made 300 ms later.
const CATCH_UP: Duration = Duration::from_millis(2500);
/// So much later a server may have read the log of a slow Redis: two readings of 1.2 s (connecting, reading,
/// and both once more) and the pause between them take 2.7 s, and a token is served for 1 s after the first.
const MAX_DELAY: Duration = Duration::from_millis(1700);
/// The clock of tokio counts in milliseconds.
const TICK: Duration = Duration::from_millis(2);
/// The largest error of the estimated number of a request: the time of a response from Redis.
const MAX_ERROR: Duration = Duration::from_millis(20);
/// Without its number, a request reaches Velt this long after Redis has numbered it.
const NUMBERING: Duration = Duration::from_millis(1900);
/// As `deadlines.rs` makes it of 15 s.
const LEASE_WAIT: Duration = Duration::from_millis(7500);

/// Which faults a run may have.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent")]
pub struct Faults {
    pub redis: bool,
    pub velt: bool,
    pub frozen: bool,
    pub clocks: bool,
}

impl Faults {
    pub fn is_calm(self) -> bool {
        !(self.redis || self.frozen || self.clocks)
    }
}

impl State {
    /// Promise 4: few requests to Velt. The server has begun to send this request while `limit` was the end
    /// of its last `Retry-After`.
    pub fn check_request(&mut self, serial: usize, limit: Option<Instant>) {
        let now = Instant::now();
        let request = self.journal.requests[serial].clone();
        if limit.is_some_and(|until| now + TICK < until) {
            self.broken(4, &format!("a request within Retry-After: {request:?}"));
        }
        if !self.faults.is_calm() || request.fetch.is_generate {
            return;
        }
        let has_lease = |request: &Request| request.fetch.began.is_some_and(|it| it.has_lease);
        if !has_lease(&request) && now < request.fetch.at + LEASE_WAIT {
            self.broken(4, &format!("a request without the lease: {request:?}"));
        }
        let others = self.journal.requests[..serial].iter();
        let mut rivals = others.filter(|other| {
            other.user == request.user
                && other.ended.is_none()
                && has_lease(other)
                && has_lease(&request)
        });
        if let Some(rival) = rivals.next() {
            let text = format!("two requests at once: {rival:?} and {request:?}");
            self.broken(4, &text);
        }
        if self.has_good_token(&request) {
            self.broken(4, &format!("a good token is in Redis: {request:?}"));
        }
    }

    /// Whether Redis had a token that any call would accept when the request began. The lifetimes here are
    /// short, so a token is refreshed after 40 % of its lifetime at the earliest.
    fn has_good_token(&self, request: &Request) -> bool {
        let of_user = &self.journal.users[request.user];
        let (Some((serial, stored)), Some(began)) = (of_user.published, request.fetch.began) else {
            return false;
        };
        let token = &self.journal.requests[serial];
        let lifetime = token.expires - token.began;
        // A refresh requires a token that expires later than the current one.
        let current = self.journal.served[request.server][request.user].last;
        let is_longer = current
            .is_none_or(|(current, _)| self.journal.requests[current].expires < token.expires);
        let wants_newer = of_user.max_age_calls > 0
            || of_user
                .last_max_age_call
                .is_some_and(|end| request.fetch.at <= end);
        let last_rejection = self.journal.last_rejection(request.user, None);
        stored < began.at
            && began.at + lifetime * 3 / 5 + Duration::from_secs(1) < token.expires
            && is_longer
            && !wants_newer
            && last_rejection.is_none_or(|at| at < token.began)
            && self.journal.is_undisturbed(request.user, token.began)
    }

    /// All promises about a call that ends now.
    pub fn check_call(&mut self, call: &Call, outcome: Result<usize, &Error>) {
        self.check_time(call, outcome);
        match outcome {
            Ok(serial) => {
                let request = self.journal.requests[serial].clone();
                self.check_token(call, serial, &request);
                self.serves(call, serial, &request);
            }
            Err(error) => self.check_failure(call, error),
        }
    }

    /// Promises 3 and 5: a call ends by its deadline; one that has a valid token ends within a second.
    fn check_time(&mut self, call: &Call, outcome: Result<usize, &Error>) {
        let time = call.began.elapsed();
        if time > call.deadline + TICK {
            self.broken(3, &format!("{time:?}: {call:?}"));
        }
        let is_same = call.had_token == call.has_token && !call.was_cleared;
        let had_token = is_same && call.had_token.is_some() && call.kind == Kind::Get;
        // A server reads the log before it serves a token. A short deadline may end before, and a server that
        // was stopped may have to ask Velt.
        let delays_readings = self.delays_readings_since(call.server, call.began - MAX_DELAY);
        let limit = SPREAD + 25 * TICK + MAX_DELAY * u32::from(delays_readings);
        let has_failed = outcome.is_err_and(Error::is_outage) && call.deadline >= limit;
        let is_late = time > limit;
        if had_token && !self.faults.frozen && (is_late || has_failed) {
            self.broken(5, &format!("{time:?}, {outcome:?}: {call:?}"));
        }
    }

    fn check_token(&mut self, call: &Call, serial: usize, token: &Request) {
        let text = || format!("token {serial} of {token:?} for {call:?}");
        let Call { server, user, .. } = *call;
        if token.user != user {
            self.broken(2, &format!("another user's token: {}", text()));
        }
        if call.kind == Kind::Generate {
            return;
        }
        // 1: revoked means revoked.
        if self.is_connected_since(server, call.began - CATCH_UP) {
            let invalidations = self.journal.invalidations.iter();
            let mut of_user = invalidations.filter(|it| it.user == user);
            let revoked = of_user.find(|it| {
                let is_known = |time| time + SPREAD + TICK <= call.began;
                token.began < it.called && it.succeeded.is_some_and(is_known)
            });
            if let Some(revoked) = revoked.copied() {
                self.broken(1, &format!("{revoked:?}: {}", text()));
            }
        }
        // 6: the newest outcome counts.
        let rejections = self.journal.requests.iter().filter(|request| {
            request.user == user
                && request.server == server
                && request.incarnation == call.incarnation
                && request
                    .ended
                    .is_some_and(|(at, outcome)| outcome == Outcome::Rejected && at < call.began)
        });
        let newer = rejections.filter(|rejection| token.is_older_than(rejection));
        let mut newer = newer.filter(|rejection| {
            let (ended, _) = rejection.ended.expect("it was rejected");
            rejection.has_its_number() && self.is_connected_since(server, ended - CATCH_UP)
        });
        if let Some(newer) = newer.next_back().cloned() {
            self.broken(6, &format!("rejected by {newer:?}: {}", text()));
        }
        let newest = self.journal.served[server][user].newest;
        if let Some((newer, _)) = newest.filter(|(_, at)| *at < call.began) {
            let newer = self.journal.requests[newer].clone();
            if token.is_older_than(&newer)
                && newer.has_its_number()
                && self.is_connected_since(server, newer.fetch.at - CATCH_UP)
            {
                self.broken(6, &format!("after a token of {newer:?}: {}", text()));
            }
        }
        // 7: no token after its end, by the clock of the server.
        let is_own = token.ended.is_some_and(|(at, _)| at >= call.began);
        let time_left = token.expires.saturating_duration_since(self.start);
        let expires = self.epoch + time_left;
        if !is_own && !call.clock_jumped && server_clock(server) >= expires + TICK {
            self.broken(7, &text());
        }
    }

    fn serves(&mut self, call: &Call, serial: usize, token: &Request) {
        let newest = self.journal.served[call.server][call.user].newest;
        let is_newest = newest.is_none_or(|(newest, _)| {
            let newest = &self.journal.requests[newest];
            newest.fetch.at < token.fetch.at
        });
        if is_newest && call.has_token == Some(serial) {
            let newest = Some((serial, Instant::now()));
            self.journal.served[call.server][call.user].newest = newest;
        }
        if call.kind == Kind::Generate {
            return;
        }
        let served = &mut self.journal.served[call.server][call.user];
        served.last = Some((serial, token.began.min(call.began)));
    }

    /// Promise 3: an invalidation ends by the deadline.
    pub fn check_invalidation(&mut self, index: usize) {
        let invalidation = self.journal.invalidations[index];
        // A server that is frozen does not get the response.
        if !self.faults.frozen && invalidation.called.elapsed() > DEFAULT_DEADLINE + TICK {
            self.broken(3, &format!("{invalidation:?}"));
        }
    }

    /// Promise 2: a call fails only for a cause of its own.
    fn check_failure(&mut self, call: &Call, error: &Error) {
        let is_quiet = !(self.faults.velt || self.faults.frozen || self.faults.clocks);
        if !is_quiet || error.code == Code::Closed || call.is_short() {
            return;
        }
        let rejection = self.journal.last_rejection(call.user, Some(call.server));
        let is_rejected = rejection.is_some_and(|at| at >= call.began);
        if error.code != Code::Unauthorized || !is_rejected {
            self.broken(2, &format!("{error:?}: {call:?}"));
        }
    }

    /// Promise 2: a server keeps the token of a user to whom nothing has happened.
    pub fn check_kept(&mut self, server: usize, user: usize, has_token: bool) {
        let Some((serial, since)) = self.journal.served[server][user].last else {
            return;
        };
        let token = &self.journal.requests[serial];
        // Known limit: while requests of a rejected user are in flight, a token from Redis is not kept, since
        // it may be older than the rejection.
        let is_rejected = self.journal.last_rejection(user, Some(server)).is_some();
        // The token of a newer request has replaced it, and has expired first: a retry has the number of its
        // first attempt, and its token lives from the retry on.
        let is_replaced = self.journal.requests.iter().any(|newer| {
            newer.user == user
                && token.numbered() < newer.numbered()
                && newer.expires <= Instant::now() + TICK
        });
        let must_have = self.faults.is_calm()
            && Instant::now() + TICK < token.expires
            && !is_rejected
            && !is_replaced
            && self.journal.is_undisturbed(user, since - 2 * SPREAD);
        if must_have && !has_token {
            let text = format!("server {server} dropped token {serial} of {token:?}");
            self.broken(2, &text);
        }
    }

    fn broken(&mut self, promise: u8, how: &str) {
        let time = self.start.elapsed();
        self.journal
            .broken(promise, || format!("after {time:?}: {how}"));
    }
}

impl Request {
    /// Whether this request was numbered before the other one began, and reached Velt before it: a retry
    /// has the number of its first attempt. A server estimates the number of a request that Redis does not
    /// number.
    fn is_older_than(&self, other: &Request) -> bool {
        self.numbered() + MAX_ERROR < other.fetch.at && self.began < other.began
    }

    /// When the request was numbered, or about when.
    fn numbered(&self) -> Instant {
        self.fetch.began.map_or(self.fetch.at, |began| began.at)
    }

    /// Whether the server got the number from Redis in time. Otherwise Redis does not learn the outcome, and
    /// the server forgets it with all its entries when events of the log are missing.
    fn has_its_number(&self) -> bool {
        let number = self.fetch.began.map(|began| began.at);
        number.is_some_and(|at| self.began < at + NUMBERING)
    }
}
