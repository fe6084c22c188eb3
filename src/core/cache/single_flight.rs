//! Single flight: however many callers want the same thing, it is asked for once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::User;

type Outcome = Result<Token, Error>;

/// A question under way, to be waited for by any number of callers.
#[derive(Clone, Debug)]
pub struct Flight(watch::Receiver<Option<Outcome>>);

/// All questions under way.
#[derive(Clone, Debug, Default)]
pub struct Flights(Arc<Mutex<HashMap<Arc<User>, Flight>>>);

/// The duty to answer a flight. Dropped without an answer, it ends the flight all the same.
#[derive(Debug)]
pub struct Landing {
    flights: Flights,
    user: Arc<User>,
    answer: watch::Sender<Option<Outcome>>,
}

impl Flights {
    /// The flight for `user`, or the duty to make one. `spare` is asked, with no flight able to
    /// begin or end meanwhile, whether there is an answer already.
    pub fn join<T>(&self, user: &Arc<User>, spare: impl FnOnce() -> Option<T>) -> Joined<T> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(user) {
            return Joined::Underway(flight.clone());
        }
        if let Some(answer) = spare() {
            return Joined::Spared(answer);
        }
        let (sender, receiver) = watch::channel(None);
        let flight = Flight(receiver);
        flights.insert(Arc::clone(user), flight.clone());
        let landing = Landing {
            flights: self.clone(),
            user: Arc::clone(user),
            answer: sender,
        };
        Joined::Begun(flight, landing)
    }

    /// Lets nobody join the flights of these user ids any more; those who wait still get their
    /// answer.
    pub fn abandon(&self, user_ids: &HashSet<String>) {
        self.lock()
            .retain(|user, _| !user_ids.contains(&user.user_id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<User>, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a wish to join.
#[derive(Debug)]
pub enum Joined<T> {
    /// There is an answer already.
    Spared(T),
    /// Somebody asks already.
    Underway(Flight),
    /// Nobody did: whoever gets this must ask, and land.
    Begun(Flight, Landing),
}

impl Flight {
    /// Waits for the answer.
    ///
    /// # Errors
    /// The one that all who wait share.
    pub async fn landed(mut self) -> Outcome {
        let outcome = self
            .0
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(Error::broken_off()))
    }
}

impl Landing {
    /// Answers all who wait.
    pub fn land(self, outcome: Outcome) {
        // The flight ends before it is answered, so that no newcomer joins what has ended.
        self.leave();
        self.answer.send_replace(Some(outcome));
    }

    fn leave(&self) {
        let mut flights = self.flights.lock();
        let is_this = |flight: &Flight| flight.0.same_channel(&self.answer.subscribe());
        if flights.get(&self.user).is_some_and(is_this) {
            flights.remove(&self.user);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.leave();
    }
}
