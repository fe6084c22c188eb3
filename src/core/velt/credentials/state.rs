//! Which auth token is in use.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::core::error::Error;

#[derive(Debug, Default)]
pub struct State {
    /// The auth token, and its place in the list.
    pub current: Option<(Arc<SecretString>, usize)>,
    /// How many trials and answers of the provider there were. A request with an older number was refused
    /// before the last of them ended.
    pub round: u64,
    /// When a provider is asked again in the background.
    pub renew_at: Option<Instant>,
    /// The last answer of the provider was this error.
    pub failure: Option<Error>,
    /// Whether the refusal of the auth token in use was reported in this round.
    is_reported: bool,
}

/// An auth token that is sent in a request.
#[derive(Clone, Debug)]
pub struct InUse {
    /// The auth token.
    pub secret: Arc<SecretString>,
    pub(super) index: usize,
    pub(super) round: u64,
}

impl State {
    pub fn new(first: Option<&SecretString>) -> Self {
        Self {
            current: first.map(|secret| (Arc::new(secret.clone()), 0)),
            ..Self::default()
        }
    }

    pub fn in_use(&self) -> Option<InUse> {
        let (secret, index) = self.current.as_ref()?;
        Some(InUse {
            secret: Arc::clone(secret),
            index: *index,
            round: self.round,
        })
    }

    pub fn failure(&self) -> Error {
        let failure = self.failure.clone();
        failure.unwrap_or_else(Error::leader_panicked)
    }

    /// Whether this is the first refusal of the auth token that was in use in this round.
    pub fn is_first_refusal(&mut self, round: u64) -> bool {
        self.round == round && !std::mem::replace(&mut self.is_reported, true)
    }

    pub fn next_round(&mut self) {
        self.round += 1;
        self.is_reported = false;
    }
}

impl InUse {
    /// Whether this auth token equals `secret`.
    pub(super) fn is_same(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret() == secret.expose_secret()
    }
}
