//! The auth token of each request, and its rotation.
//!
//! A list: the auth token that worked last is used. When Velt refuses it, one call tries the next one, and
//! the other calls wait for the outcome. A provider: it is asked at the first need, after a refusal, and
//! when the auth token is old. It is asked once for all calls that wait.

mod refusals;
mod state;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{self, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

pub use self::refusals::Refusal;
use self::refusals::Refusals;
use self::state::{InUse, State};
use crate::core::config::{AuthToken, AuthTokenProvider, credential};
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;

/// A provider is asked again for an auth token of this age.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// If that fails, the provider is asked again after this time.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);
/// The auth tokens of one client.
#[derive(Debug)]
pub struct Credentials {
    source: AuthToken,
    /// How long a call waits for a provider after a refusal.
    patience: Duration,
    state: Mutex<State>,
    /// Held while an auth token is tried, or while the provider is asked.
    renewal: Arc<sync::Mutex<()>>,
    refusals: Refusals,
}

/// The auth token for the second request of an attempt.
#[derive(Debug)]
enum Second {
    /// It is in use, because another call has tried it.
    InUse(InUse),
    /// It must be tried. The outcome goes to [`Credentials::tried`].
    Trial(InUse, OwnedMutexGuard<()>),
}

impl Credentials {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(source: AuthToken, timeout: Duration, stats: Arc<Stats>) -> Self {
        let first = match &source {
            AuthToken::List(list) => list.first(),
            AuthToken::Provider(_) => None,
        };
        Self {
            patience: timeout / 2,
            state: Mutex::new(State::new(first)),
            renewal: Arc::default(),
            refusals: Refusals::new(stats),
            source,
        }
    }

    /// The auth token for a request. Waits only for the first auth token of a provider.
    ///
    /// # Errors
    /// The error of the provider.
    pub async fn current(self: &Arc<Self>) -> Result<InUse, Error> {
        let round = {
            let mut state = self.lock();
            if let Some(current) = state.in_use() {
                if state.renew_at.is_some_and(|at| at <= Instant::now()) {
                    state.renew_at = Some(Instant::now() + RENEWAL_PAUSE);
                    let round = state.round;
                    drop(tokio::spawn(Arc::clone(self).ask(round)));
                }
                return Ok(current);
            }
            state.round
        };
        let asked = tokio::spawn(Arc::clone(self).ask(round));
        asked.await.map_err(|_| Error::leader_panicked())?;
        let state = self.lock();
        state.in_use().ok_or_else(|| state.failure())
    }

    /// Sends a request from the place `first`, and a second one with another auth token if Velt refuses the
    /// first auth token. `next_place` waits for the place of the second request, or fails.
    ///
    /// # Errors
    /// The error of `exchange`, of `next_place`, or of the provider.
    pub async fn send<P, T, W, F>(
        self: &Arc<Self>,
        first: P,
        next_place: impl Fn() -> W,
        exchange: impl Fn(P, Arc<SecretString>) -> F,
    ) -> Result<T, Error>
    where
        W: Future<Output = Result<P, Error>>,
        F: Future<Output = Result<T, Error>>,
    {
        let refused = self.current().await?;
        let refusal = match exchange(first, Arc::clone(&refused.secret)).await {
            Err(error) if is_refusal(&error) => error,
            outcome => return outcome,
        };
        let (second, trial) = match self.after_refusal(&refused, &refusal).await? {
            None => return Err(refusal),
            Some(Second::InUse(second)) => (second, None),
            Some(Second::Trial(second, turn)) => (second, Some(turn)),
        };
        let outcome = exchange(next_place().await?, Arc::clone(&second.secret)).await;
        let refusal = outcome.as_ref().err().filter(|error| is_refusal(error));
        let is_outage = outcome.as_ref().is_err_and(Error::is_outage);
        match (&trial, refusal) {
            (Some(_), _) if !is_outage => self.tried(&second, refusal),
            (None, Some(error)) => self.report(&second, error),
            _ => {}
        }
        let is_refused = refusal.is_some();
        outcome.map_err(|error| {
            let error = Error {
                attempts: 1,
                ..error
            };
            if is_refused {
                self.final_error(error)
            } else {
                error
            }
        })
    }

    /// Another auth token after Velt has refused `refused`; `None` if there is none. While another call
    /// tries an auth token, this function waits.
    ///
    /// # Errors
    /// The provider failed, or it has returned no other auth token.
    async fn after_refusal(
        self: &Arc<Self>,
        refused: &InUse,
        error: &Error,
    ) -> Result<Option<Second>, Error> {
        self.report(refused, error);
        match &self.source {
            AuthToken::List(list) if list.len() < 2 => {
                self.end_round(refused.round);
                Ok(None)
            }
            AuthToken::List(list) => {
                let turn = Arc::clone(&self.renewal).lock_owned().await;
                let state = self.lock();
                let current = state
                    .in_use()
                    .filter(|current| current.index != refused.index);
                if let Some(current) = current {
                    return Ok(Some(Second::InUse(current)));
                }
                if state.round != refused.round {
                    // Another call has tried the next auth token: Velt refused that one too.
                    return Ok(None);
                }
                let index = (refused.index + 1) % list.len();
                let next = InUse {
                    secret: Arc::new(list[index].clone()),
                    index,
                    round: state.round,
                };
                Ok(Some(Second::Trial(next, turn)))
            }
            AuthToken::Provider(_) => {
                let asked = tokio::spawn(Arc::clone(self).ask(refused.round));
                match timeout(self.patience, asked).await {
                    Ok(ended) => ended.map_err(|_| Error::leader_panicked())?,
                    Err(_) => return Err(late(self.patience)),
                }
                let state = self.lock();
                match state.in_use() {
                    Some(current) if !current.is_same(&refused.secret) => {
                        Ok(Some(Second::InUse(current)))
                    }
                    _ => Err(state
                        .failure
                        .clone()
                        .unwrap_or_else(|| self.final_error(error.clone()))),
                }
            }
        }
    }

    /// Records how the trial of an auth token ended: Velt accepted it, or refused it with an error. A trial
    /// without a response of Velt does not count.
    fn tried(&self, tried: &InUse, refusal: Option<&Error>) {
        let mut state = self.lock();
        match refusal {
            None => state.current = Some((Arc::clone(&tried.secret), tried.index)),
            Some(error) => self.refusals.add(tried.index, error),
        }
        state.next_round();
    }

    /// The error of a call after Velt has refused all auth tokens. A provider may have another auth token
    /// later, so then the failure is transient, and cached tokens are kept.
    fn final_error(&self, error: Error) -> Error {
        match &self.source {
            AuthToken::List(_) => error,
            AuthToken::Provider(_) => Error {
                retryable: true,
                message: "Velt rejected the auth token that the function `authToken` returned. Compare it \
                          and apiKey with those in the Velt console (console.velt.dev)."
                    .into(),
                ..error
            },
        }
    }

    /// The refusals since the last call of this function, oldest first.
    pub fn take_refusals(&self) -> Vec<Refusal> {
        self.refusals.take()
    }

    /// Asks the provider, unless it has answered since `round`. Runs in a task of its own, so that the
    /// answer is not lost if a call ends.
    async fn ask(self: Arc<Self>, round: u64) {
        let AuthToken::Provider(provider) = &self.source else {
            return;
        };
        let _turn = self.renewal.lock().await;
        if self.lock().round != round {
            return;
        }
        let answer = checked(&**provider).await;
        let mut state = self.lock();
        match answer {
            Ok(secret) => {
                state.failure = None;
                state.renew_at = Some(Instant::now() + MAX_AGE);
                state.current = Some((Arc::new(secret), 0));
            }
            Err(error) => state.failure = Some(error),
        }
        state.next_round();
    }

    /// Reports a refusal of an auth token in use, once for all calls.
    fn report(&self, refused: &InUse, error: &Error) {
        if self.lock().is_first_refusal(refused.round) {
            self.refusals.add(refused.index, error);
        }
    }

    fn end_round(&self, round: u64) {
        let mut state = self.lock();
        if state.round == round {
            state.next_round();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn checked(provider: &dyn AuthTokenProvider) -> Result<SecretString, Error> {
    let secret = provider.auth_token().await?;
    credential("The result of authToken()", None, secret).map_err(|error| Error {
        code: Code::Unauthorized,
        retryable: true,
        ..error
    })
}

fn late(patience: Duration) -> Error {
    Error::transient(
        Code::Unauthorized,
        format!(
            "Velt rejected the auth token, and the function `authToken` has not returned another one within \
             {} ms (half of timeout).",
            patience.as_millis(),
        ),
    )
}

/// Whether Velt has refused the credentials. A refusal without a status of Velt comes from a proxy.
fn is_refusal(error: &Error) -> bool {
    error.code == Code::Unauthorized && error.status.is_some()
}

#[cfg(test)]
mod tests;
