//! One question on its way: the shared cache, the circuit, Velt, and what becomes of the answer.

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::cache::Ticket;
use super::circuit::Pass;
use super::client::{Client, Source};
use super::error::Error;
use super::flight::Landing;
use super::shared::{Found, Shared, Slot};
use super::token::Token;
use super::user::User;

/// How often a server asks the shared cache which users were invalidated.
const INVALIDATION_POLL: Duration = Duration::from_millis(400);

/// Which of the others' tokens spares us the question.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// One that is good for so long.
    GoodFor(Duration),
    /// One that expires later than ours.
    NewerThan(SystemTime),
}

impl<S: Source> Client<S> {
    /// Asks in a task of its own, so that no caller's end is the others' end.
    pub(super) fn begin(self: &Arc<Self>, landing: Landing, user: &Arc<User>, wanted: Wanted) {
        let client = Arc::clone(self);
        let user = Arc::clone(user);
        tokio::spawn(async move {
            let outcome = client.until_closed(client.fetch(&user, wanted)).await;
            landing.land(outcome);
        });
    }

    async fn fetch(self: &Arc<Self>, user: &Arc<User>, wanted: Wanted) -> Result<Token, Error> {
        let ends = Instant::now() + self.deadline;
        let ticket = self.cache().ticket();
        let mut slot = None;
        if let Some(shared) = self.shared() {
            let is_wanted = |token: &Token| match wanted {
                Wanted::GoodFor(validity) => token.is_good_for(validity, self.clock.now()),
                Wanted::NewerThan(time) => token.expires_at() > time,
            };
            // Half of the time for the others' answer, half for asking ourselves.
            let patience = Instant::now() + self.deadline / 2;
            match Box::pin(shared.find(user, patience, is_wanted)).await {
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
                Err(_) => {}
            }
        }
        match self.circuit.admit() {
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
        self.circuit.record(pass, &outcome);
        let now = self.clock.now();
        match &outcome {
            Ok(token) => self.cache().store(user, token.clone(), ticket),
            Err(error) if error.is_outage() => self.cache().pause(user, error.retry_after, now),
            Err(_) => self.cache().forget(user),
        }
        self.tell_others(slot, &outcome);
        outcome
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
        let invalidated = shared
            .invalidated_since(&mut last)
            .await
            .unwrap_or_default();
        let Some(client) = client.upgrade() else {
            return;
        };
        for user_id in invalidated {
            client.invalidate_here(&user_id);
        }
        drop(client);
        sleep(INVALIDATION_POLL).await;
    }
}
