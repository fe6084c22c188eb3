//! The auth token of each request, and its rotation.
//!
//! A list: the auth token that worked last is used. When Velt refuses it, one call tries the next one, and
//! the other calls wait for the outcome. A provider: it is asked at the first need, after a refusal, and
//! when the auth token is old. It is asked once for all calls that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{self, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use crate::core::config::{AuthToken, AuthTokenProvider, credential};
use crate::core::error::{Code, Error};
use crate::core::stats::Stats;

/// A provider is asked again for an auth token of this age.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// If that fails, the provider is asked again after this time.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);
/// How many refusals are kept until they are taken.
const MAX_REFUSALS: usize = 16;

/// The auth tokens of one client.
#[derive(Debug)]
pub struct Credentials {
    source: AuthToken,
    /// How long a call waits for a provider after a refusal.
    patience: Duration,
    state: Mutex<State>,
    /// Held while an auth token is tried, or while the provider is asked.
    renewal: Arc<sync::Mutex<()>>,
    stats: Arc<Stats>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<(Arc<SecretString>, usize)>,
    /// How many trials and answers of the provider there were. A request with an older number was refused
    /// before the last of them ended.
    round: u64,
    /// When a provider is asked again in the background.
    renew_at: Option<Instant>,
    /// The last answer of the provider was this error.
    failure: Option<Error>,
    /// Whether the refusal of this round is in `refusals`, or was taken.
    is_reported: bool,
    refusals: Vec<Refusal>,
}

/// An auth token that is sent in a request.
#[derive(Clone, Debug)]
pub struct InUse {
    /// The auth token.
    pub secret: Arc<SecretString>,
    index: usize,
    round: u64,
}

/// Velt refused an auth token.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its place in the list; 0 if there is no list.
    pub index: usize,
    /// What Velt responded.
    pub error: Error,
}

/// The auth token for the second request of an attempt.
#[derive(Debug)]
pub enum Second {
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
        let initial = State {
            current: first.map(|secret| (Arc::new(secret.clone()), 0)),
            ..State::default()
        };
        Self {
            patience: timeout / 2,
            state: Mutex::new(initial),
            renewal: Arc::default(),
            stats,
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

    /// Another auth token after Velt has refused `refused`; `None` if there is none. While another call
    /// tries an auth token, this function waits.
    ///
    /// # Errors
    /// The provider failed, or it has returned no other auth token.
    pub async fn after_refusal(
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

    /// Records how the trial of an auth token ended. A trial without a response of Velt does not count.
    pub fn tried(&self, tried: &InUse, is_accepted: bool) {
        let mut state = self.lock();
        if is_accepted {
            state.current = Some((Arc::clone(&tried.secret), tried.index));
        }
        state.next_round();
    }

    /// The error of a call after Velt has refused all auth tokens. A provider may have another auth token
    /// later, so then the failure is transient, and cached tokens are kept.
    #[must_use]
    pub fn final_error(&self, error: Error) -> Error {
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
        std::mem::take(&mut self.lock().refusals)
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

    /// Reports a refusal once for all calls.
    fn report(&self, refused: &InUse, error: &Error) {
        let mut state = self.lock();
        if state.round != refused.round || std::mem::replace(&mut state.is_reported, true) {
            return;
        }
        self.stats.credential_refusals.add();
        if state.refusals.len() == MAX_REFUSALS {
            state.refusals.remove(0);
        }
        state.refusals.push(Refusal {
            index: refused.index,
            error: error.clone(),
        });
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

impl State {
    fn in_use(&self) -> Option<InUse> {
        let (secret, index) = self.current.as_ref()?;
        Some(InUse {
            secret: Arc::clone(secret),
            index: *index,
            round: self.round,
        })
    }

    fn failure(&self) -> Error {
        let failure = self.failure.clone();
        failure.unwrap_or_else(Error::leader_panicked)
    }

    fn next_round(&mut self) {
        self.round += 1;
        self.is_reported = false;
    }
}

impl InUse {
    fn is_same(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret() == secret.expose_secret()
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::{JoinSet, yield_now};
    use tokio::time::advance;

    use super::*;

    /// Returns `secret-1`, `secret-2`…, or fails.
    #[derive(Debug, Default)]
    struct Vault {
        calls: AtomicU32,
        running: AtomicU32,
        is_down: Mutex<bool>,
    }

    impl AuthTokenProvider for Vault {
        fn auth_token(
            &self,
        ) -> Pin<Box<dyn Future<Output = Result<SecretString, Error>> + Send + '_>> {
            Box::pin(async {
                let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
                assert_eq!(
                    self.running.fetch_add(1, Ordering::Relaxed),
                    0,
                    "one call at a time"
                );
                yield_now().await;
                self.running.fetch_sub(1, Ordering::Relaxed);
                if *self.is_down.lock().unwrap() {
                    return Err(Error::transient(Code::Unauthorized, "down"));
                }
                Ok(format!("secret-{call}").into())
            })
        }
    }

    fn with_vault() -> (Arc<Credentials>, Arc<Vault>) {
        let vault = Arc::new(Vault::default());
        let source = AuthToken::Provider(Arc::<Vault>::clone(&vault));
        let timeout = Duration::from_secs(5);
        (
            Arc::new(Credentials::new(source, timeout, Arc::default())),
            vault,
        )
    }

    async fn secret(credentials: &Arc<Credentials>) -> String {
        let current = credentials.current().await.unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        current.secret.expose_secret().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_is_asked_again_for_an_old_auth_token_and_no_call_waits() {
        let (credentials, vault) = with_vault();
        assert_eq!(secret(&credentials).await, "secret-1");
        advance(MAX_AGE.mul_f64(0.99)).await;
        assert_eq!(secret(&credentials).await, "secret-1");
        assert_eq!(vault.calls.load(Ordering::Relaxed), 1);
        advance(MAX_AGE.mul_f64(0.01)).await;
        assert_eq!(secret(&credentials).await, "secret-1");
        assert_eq!(secret(&credentials).await, "secret-2");

        *vault.is_down.lock().unwrap() = true;
        advance(MAX_AGE).await;
        for _ in 0..3 {
            assert_eq!(secret(&credentials).await, "secret-2", "it is kept");
        }
        assert_eq!(vault.calls.load(Ordering::Relaxed), 3);
        *vault.is_down.lock().unwrap() = false;
        advance(RENEWAL_PAUSE).await;
        assert_eq!(secret(&credentials).await, "secret-2");
        assert_eq!(secret(&credentials).await, "secret-4");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_is_asked_once_for_all_calls() {
        let (credentials, vault) = with_vault();
        let ask = |credentials: &Arc<Credentials>| {
            let mut calls = JoinSet::new();
            for _ in 0..64 {
                let credentials = Arc::clone(credentials);
                calls.spawn(async move { credentials.current().await });
            }
            calls.join_all()
        };
        let in_use: Vec<_> = ask(&credentials)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(vault.calls.load(Ordering::Relaxed), 1);

        let refusal = Error::permanent(Code::Unauthorized, "no");
        let mut calls = JoinSet::new();
        for refused in in_use {
            let (credentials, refusal) = (Arc::clone(&credentials), refusal.clone());
            calls.spawn(async move {
                match credentials.after_refusal(&refused, &refusal).await {
                    Ok(Some(Second::InUse(second))) => second.secret.expose_secret().to_owned(),
                    other => panic!("{other:?}"),
                }
            });
        }
        assert!(
            calls
                .join_all()
                .await
                .iter()
                .all(|secret| secret == "secret-2")
        );
        assert_eq!(vault.calls.load(Ordering::Relaxed), 2);
        assert_eq!(credentials.take_refusals().len(), 1);
        assert!(credentials.take_refusals().is_empty());

        *vault.is_down.lock().unwrap() = true;
        let current = credentials.current().await.unwrap();
        let error = credentials
            .after_refusal(&current, &refusal)
            .await
            .unwrap_err();
        assert!(error.is_outage(), "cached tokens are kept");
        assert_eq!(secret(&credentials).await, "secret-2");
    }

    #[test]
    fn debug_shows_no_secret() {
        let source = AuthToken::List(vec!["auth-1".into(), "auth-2".into()]);
        let credentials = Credentials::new(source, Duration::from_secs(5), Arc::default());
        assert!(!format!("{credentials:?}").contains("auth-"));
    }
}
