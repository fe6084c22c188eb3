//! A user's token, and how long it is good for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// How long Velt's tokens live: "JWT token expires in 48 hours"
/// (Velt's REST reference, `POST /v1/auth/token/get`).
pub const LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// A token as Velt gave it, to be handed to `client.identify()` in the browser.
#[derive(Clone, Debug)]
pub struct Token {
    /// Shared, since a clone that has to be wiped costs more than all else that a cache hit does.
    secret: Arc<SecretString>,
    received_at: SystemTime,
    expires_at: SystemTime,
}

impl Token {
    /// Wraps a token that Velt gave at `received_at`.
    ///
    /// It expires at its `exp` claim where it has one, and never later than 48 hours after it was
    /// received: some of Velt's tokens carry no `exp`, and one that is unreadable or far off must
    /// not make a token eternal.
    #[must_use]
    pub fn new(token: String, received_at: SystemTime) -> Self {
        let latest = received_at + LIFETIME;
        let expires_at = expiry_claim(&token).map_or(latest, |claimed| claimed.min(latest));
        Self {
            secret: Arc::new(token.into()),
            received_at,
            expires_at,
        }
    }

    /// A token that was kept elsewhere, with the times that it had.
    #[must_use]
    pub fn restored(token: String, received_at: SystemTime, expires_at: SystemTime) -> Self {
        Self {
            secret: Arc::new(token.into()),
            received_at,
            expires_at,
        }
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// When Velt gave it.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }

    /// When the token stops being accepted.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// How long it was good for when Velt gave it; zero if it had expired by then.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.expires_at
            .duration_since(self.received_at)
            .unwrap_or_default()
    }

    /// Whether it will still be accepted after `validity`. Where not even a new token lives that
    /// long, half of its life must do: asking again would not give a better one.
    #[must_use]
    pub fn is_good_for(&self, validity: Duration, now: SystemTime) -> bool {
        let lifetime = self.lifetime();
        let wanted = if validity < lifetime {
            validity
        } else {
            lifetime / 2
        };
        now + wanted < self.expires_at
    }
}

/// Reads `exp` (RFC 7519: seconds since the epoch, maybe fractional) without checking the
/// signature: only Velt can do that, and only Velt's word is at stake.
fn expiry_claim(token: &str) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&json).ok()?;
    let since_epoch = Duration::try_from_secs_f64(claims.exp).ok()?;
    UNIX_EPOCH.checked_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry_of(payload: &str) -> SystemTime {
        let received = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        Token::new(token, received).expires_at()
    }

    #[test]
    fn expiry_is_the_claim_and_never_later_than_48_hours() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let latest = at(1_000_000 + 48 * 3600);
        assert_eq!(expiry_of(r#"{"exp":1000060}"#), at(1_000_060));
        assert_eq!(
            expiry_of(r#"{"exp":1000060.5}"#),
            at(1_000_060) + Duration::from_millis(500)
        );
        assert_eq!(
            expiry_of(r#"{"exp":999}"#),
            at(999),
            "an expired token is not made valid"
        );
        for payload in [
            r#"{"iat":1}"#,
            r#"{"exp":"1000060"}"#,
            r#"{"exp":null}"#,
            r#"{"exp":-1}"#,
            r#"{"exp":1e300}"#,
            r#"{"exp":9999999999}"#,
            "not json",
        ] {
            assert_eq!(expiry_of(payload), latest, "{payload}");
        }
        assert_eq!(
            Token::new("opaque".into(), at(1_000_000)).expires_at(),
            latest
        );
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = Token::new("tok-secret".into(), SystemTime::now());
        assert!(!format!("{token:?}").contains("tok-secret"));
        assert_eq!(token.expose(), "tok-secret");
    }
}
