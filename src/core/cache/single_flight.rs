//! Singleflight: of all calls that want the same token at the same time, one is the leader and sends
//! the request; the others are followers and wait for its outcome.
//!
//! No lock is held while anything else runs. A caller that becomes the leader must look in the cache
//! again: the previous leader stores its token before it leaves this map, so a token that arrived
//! between the caller's cache miss and its turn as leader is found there.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::User;
use crate::sync::{Mutex, MutexGuard};

type Outcome = Result<Token, Error>;

/// The requests in flight: by user id, since [`SingleFlight::forget`] names one, and then by user.
#[derive(Clone, Debug, Default)]
pub struct SingleFlight(Arc<Mutex<Requests>>);

type Requests = HashMap<String, HashMap<Arc<User>, Follower>>;

/// The part that a caller has in a request.
#[derive(Debug)]
pub enum Role {
    /// No request was in flight: this caller must make one, and complete it. The follower is for its
    /// own use.
    Leader(Leader, Follower),
    /// A request is in flight.
    Follower(Follower),
}

/// Waits for the outcome of a request that another caller makes.
#[derive(Clone, Debug)]
pub struct Follower(watch::Receiver<Option<Outcome>>);

/// The duty to complete a request. If it is dropped, the followers get an error.
#[derive(Debug)]
pub struct Leader {
    single_flight: SingleFlight,
    user: Arc<User>,
    outcome: watch::Sender<Option<Outcome>>,
}

impl SingleFlight {
    /// Joins the request in flight for `user`, or registers the caller as the leader of a new one.
    #[must_use]
    pub fn join(&self, user: &Arc<User>) -> Role {
        let mut requests = self.lock();
        if let Some(follower) = requests
            .get(&user.user_id)
            .and_then(|requests| requests.get(user))
        {
            return Role::Follower(follower.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let follower = Follower(receiver);
        requests
            .entry(user.user_id.clone())
            .or_default()
            .insert(Arc::clone(user), follower.clone());
        let leader = Leader {
            single_flight: self.clone(),
            user: Arc::clone(user),
            outcome: sender,
        };
        Role::Leader(leader, follower)
    }

    /// Later callers for this user id start new requests. Those who wait still get their outcome.
    pub fn forget(&self, user_id: &str) {
        self.lock().remove(user_id);
    }

    /// As [`SingleFlight::forget`], for all user ids.
    pub fn forget_all(&self) {
        *self.lock() = HashMap::new();
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Follower {
    /// Waits until the leader completes the request.
    ///
    /// # Errors
    /// The leader's error, which all followers share.
    pub async fn wait(mut self) -> Outcome {
        let outcome = self
            .0
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Error::leader_panicked()))
    }
}

impl Leader {
    /// Hands `outcome` to all followers. A token must be in the cache by now.
    pub fn complete(self, outcome: Outcome) {
        // Later callers must find the cache, and not a request that has ended.
        self.leave();
        self.outcome.send_replace(Some(outcome));
    }

    fn leave(&self) {
        let mut requests = self.single_flight.lock();
        let Some(of_user) = requests.get_mut(&self.user.user_id) else {
            return;
        };
        // After `forget`, a newer leader may stand in this one's place.
        let is_own = |follower: &Follower| follower.0.same_channel(&self.outcome.subscribe());
        if of_user.get(&self.user).is_some_and(is_own) {
            of_user.remove(&self.user);
        }
        if of_user.is_empty() {
            requests.remove(&self.user.user_id);
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.leave();
    }
}
