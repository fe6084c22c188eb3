//! One question on its way: the shared cache, the circuit, Velt, and what becomes of the answer.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, timeout_at};

use super::{Client, Source};
use crate::core::cache::local::Ticket;
use crate::core::cache::shared::{Down, Found, Shared, Slot};
use crate::core::cache::single_flight::Landing;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::user::User;
use crate::core::velt::circuit_breaker::Pass;

/// How often a server asks the shared cache which users were invalidated.
const INVALIDATION_POLL: Duration = Duration::from_millis(400);

/// A call that has less than this part of the client's deadline tells nothing of Velt by running out
/// of time.
const HURRY: u32 = 8;

/// Which of the others' tokens spares us the question.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// One that is good for so long.
    GoodFor(Duration),
    /// One that expires later than ours.
    NewerThan(SystemTime),
}

impl<S: Source> Client<S> {
    /// Asks in a task of its own, so that no caller's end is the others' end: Velt has the client's
    /// deadline, and only the shared cache must leave time for Velt within `deadline`, the caller's.
    pub(super) fn begin(
        self: &Arc<Self>,
        landing: Landing,
        user: &Arc<User>,
        wanted: Wanted,
        deadline: Duration,
    ) {
        let client = Arc::clone(self);
        let user = Arc::clone(user);
        tokio::spawn(async move {
            let fetch = client.fetch(&user, wanted, deadline.min(client.deadline));
            let outcome = client.until_closed(fetch).await;
            landing.land(outcome);
        });
    }

    async fn fetch(
        self: &Arc<Self>,
        user: &Arc<User>,
        wanted: Wanted,
        deadline: Duration,
    ) -> Result<Token, Error> {
        let began = Instant::now();
        let ends = began + self.deadline;
        let ticket = self.cache().ticket();
        let mut slot = None;
        if let Some(shared) = self.shared() {
            let is_wanted = |token: &Token| match wanted {
                Wanted::GoodFor(validity) => token.is_good_for(validity, self.clock.now()),
                Wanted::NewerThan(time) => token.expires_at() > time,
            };
            // Half of the time for the others' answer, and a quarter at the least for asking
            // ourselves, should Redis be slow too.
            let find = Box::pin(shared.find(user, began + deadline / 2, is_wanted));
            match timeout_at(began + deadline * 3 / 4, find)
                .await
                .unwrap_or(Err(Down))
            {
                Ok(Found::Token(token)) => {
                    self.stats.shared_hits.add();
                    self.cache().store(user, token.clone(), ticket);
                    return Ok(token);
                }
                Ok(Found::Nothing(place, leftover)) => {
                    self.cache()
                        .store_last_resort(user, leftover, ticket, self.clock.now());
                    slot = Some(place);
                }
                Err(Down) => {}
            }
        }
        match self
            .circuit
            .admit(ends.saturating_duration_since(Instant::now()))
        {
            Ok(pass) => self.ask(user, ends, pass, ticket, slot).await,
            Err(error) => {
                self.cache()
                    .pause(user, error.retry_after, self.clock.now());
                let outcome = Err(error);
                self.tell_others(slot, &outcome);
                outcome
            }
        }
    }

    /// Asks Velt, and tells all who keep tokens what it said.
    pub(super) async fn ask(
        &self,
        user: &Arc<User>,
        ends: Instant,
        pass: Pass,
        ticket: Ticket,
        slot: Option<Slot>,
    ) -> Result<Token, Error> {
        let deadline = ends.saturating_duration_since(Instant::now());
        let outcome = self.source.ask(user, deadline).await;
        let is_hurried = deadline < self.deadline / HURRY;
        match &outcome {
            Err(error) if error.code == Code::Timeout && is_hurried => {}
            _ => self.learn(user, pass, ticket, &outcome),
        }
        self.tell_others(slot, &outcome);
        outcome
    }

    fn learn(&self, user: &Arc<User>, pass: Pass, ticket: Ticket, outcome: &Result<Token, Error>) {
        self.circuit.record(pass, outcome);
        let now = self.clock.now();
        match outcome {
            Ok(token) => self.cache().store(user, token.clone(), ticket),
            Err(error) if error.is_outage() => self.cache().pause(user, error.retry_after, now),
            Err(_) => self.cache().forget(user, ticket),
        }
    }

    /// Nobody waits for Redis to hear it.
    fn tell_others(&self, slot: Option<Slot>, outcome: &Result<Token, Error>) {
        let (Some(shared), Some(slot)) = (self.shared.clone(), slot) else {
            return;
        };
        let outcome = outcome.clone();
        let now = self.clock.now();
        tokio::spawn(async move {
            match outcome {
                Ok(token) => shared.put(&slot, &token, now).await,
                Err(error) if error.is_outage() => shared.release(&slot).await,
                Err(_) => shared.forget(&slot).await,
            }
        });
    }

    /// The shared cache. Whoever uses it hears of what other servers invalidate, from the first time
    /// on.
    pub(super) fn shared(self: &Arc<Self>) -> Option<&Arc<Shared>> {
        let shared = self.shared.as_ref()?;
        if shared.begin_following() {
            let follow = follow_invalidations(Arc::downgrade(self), Arc::clone(shared));
            let closed = self.closed.clone();
            tokio::spawn(async move { closed.run_until_cancelled(follow).await });
        }
        Some(shared)
    }
}

async fn follow_invalidations<S: Source>(client: Weak<Client<S>>, shared: Arc<Shared>) {
    let mut last = String::from("0");
    loop {
        let invalidated = shared.invalidated_since(&mut last).await;
        let Some(client) = client.upgrade() else {
            return;
        };
        match invalidated {
            Ok(user_ids) if user_ids.is_empty() => {}
            Ok(user_ids) => client.invalidate_here(&user_ids),
            // It may come back without what it held: all that it tells is heard again.
            Err(Down) => last = String::from("0"),
        }
        drop(client);
        sleep(INVALIDATION_POLL).await;
    }
}
