//! Singleflight: of all calls that want the same token at the same time, one is the leader and sends
//! the request; the others are followers and wait for its outcome.
//!
//! No lock is held while other code runs. A caller that becomes the leader must look in the cache again,
//! because the previous leader may have stored a token after the caller's cache miss. A leader stores
//! its token before it leaves this map, so the next leader finds the token in the cache.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::watch;

use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::User;
use crate::sync::{Mutex, MutexGuard};

type Outcome = Result<Token, Error>;

/// The requests in flight: by user id, because [`SingleFlight::forget`] takes a user id, and then by
/// user.
#[derive(Clone, Debug, Default)]
pub struct SingleFlight(Arc<Mutex<Requests>>);

type Requests = HashMap<String, HashMap<Arc<User>, Follower>>;

/// The role of a caller in a request.
#[derive(Debug)]
pub enum Role {
    /// No request was in flight: this caller must make a request, and complete it. The caller waits for
    /// the outcome with the [`Follower`].
    Leader(Leader, Follower),
    /// A request is in flight.
    Follower(Follower),
}

/// Waits for the outcome of a request that another caller makes.
#[derive(Clone, Debug)]
pub struct Follower {
    outcome: watch::Receiver<Option<Outcome>>,
    leader: Option<u32>,
}

/// The duty to complete a request. If it is dropped, the followers get an error.
#[derive(Debug)]
pub struct Leader {
    single_flight: SingleFlight,
    user: Arc<User>,
    outcome: watch::Sender<Option<Outcome>>,
}

impl SingleFlight {
    /// Joins the request in flight for `user`, or registers the caller as the leader of a new one. `call`
    /// is the number of the caller, if it has one.
    #[must_use]
    pub fn join(&self, user: &Arc<User>, call: Option<u32>) -> Role {
        let mut requests = self.lock();
        if let Some(follower) = requests
            .get(&user.user_id)
            .and_then(|requests| requests.get(user))
        {
            return Role::Follower(follower.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let follower = Follower {
            outcome: receiver,
            leader: call,
        };
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

    /// Later callers for this user id start new requests. Calls that already wait still get the outcome
    /// of their request.
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
    /// The number of the call that is the leader, if it has one.
    #[must_use]
    pub fn leader(&self) -> Option<u32> {
        self.leader
    }

    /// Waits until the leader completes the request.
    ///
    /// # Errors
    /// The leader's error, which all followers share.
    pub async fn wait(mut self) -> Outcome {
        let outcome = self
            .outcome
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Error::leader_panicked()))
    }
}

impl Leader {
    /// Hands `outcome` to all followers. Before this call, a token must be stored in the cache.
    pub fn complete(self, outcome: Outcome) {
        // Later callers must find the token in the cache, and not wait for a request that has ended.
        self.leave();
        self.outcome.send_replace(Some(outcome));
    }

    fn leave(&self) {
        let mut requests = self.single_flight.lock();
        let Some(of_user) = requests.get_mut(&self.user.user_id) else {
            return;
        };
        // After `forget`, the map may contain a newer leader for the same user.
        let is_own = |follower: &Follower| follower.outcome.same_channel(&self.outcome.subscribe());
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
