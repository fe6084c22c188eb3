//! A user's token, how long it is valid, and what a call requires of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// How long Velt's tokens live: "JWT token expires in 48 hours"
/// (Velt's REST reference, `POST /v1/auth/token/get`).
pub const LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);
/// The clocks of two servers may differ by this much, and a clock may be set back by this much.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A token as Velt made it, for `client.identify()` in the browser.
#[derive(Clone, Debug)]
pub struct Token {
    /// Shared, not copied: to copy a secret and to wipe the copy takes more time than the rest of a
    /// cache hit.
    secret: Arc<SecretString>,
    received_at: SystemTime,
    expires_at: SystemTime,
}

impl Token {
    /// A token that Velt sent at `received_at`.
    ///
    /// It expires at its `exp` claim, and at most 48 hours after it was received: some of Velt's tokens
    /// have no `exp`, and an unreadable or very late `exp` must not make a token valid forever.
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

    /// A token that was stored elsewhere, with its times. It expires at most 48 hours after
    /// `received_at`, whatever the storage says.
    #[must_use]
    pub fn restored(token: String, received_at: SystemTime, expires_at: SystemTime) -> Self {
        let latest = received_at.checked_add(LIFETIME).unwrap_or(received_at);
        Self {
            secret: Arc::new(token.into()),
            received_at,
            expires_at: expires_at.min(latest),
        }
    }

    /// This token, with an end of its validity no later than `end`: a permission in it ends then.
    #[must_use]
    pub fn until(self, end: Option<SystemTime>) -> Self {
        Self {
            expires_at: end.map_or(self.expires_at, |end| end.min(self.expires_at)),
            ..self
        }
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// When the token was received from Velt.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }

    /// When Velt stops accepting the token, or when the first of its permissions ends.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// How long the token was valid when it was received; zero if it had expired by then.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.expires_at
            .duration_since(self.received_at)
            .unwrap_or_default()
    }

    /// Whether Velt accepts the token at `now`.
    ///
    /// If the token was received in the future, the clock was set back after that. Then it is unknown
    /// when the token expires, so the token is also invalid.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        now < self.expires_at && self.received_at <= now + CLOCK_TOLERANCE
    }
}

/// What a call requires of a token.
#[derive(Clone, Copy, Debug)]
pub struct Requirement {
    min_validity: Duration,
    max_age: Option<Duration>,
    expires_after: Option<SystemTime>,
    /// No token of the user is valid for longer.
    latest: Option<SystemTime>,
}

impl Requirement {
    /// A token that is valid for this time.
    ///
    /// At most half of the token's lifetime counts: a new token would not be much better.
    #[must_use]
    pub const fn min_validity(min_validity: Duration) -> Self {
        Self {
            min_validity,
            max_age: None,
            expires_after: None,
            latest: None,
        }
    }

    /// The token must also have been received within the last `max_age`, if one is given.
    #[must_use]
    pub const fn max_age(self, max_age: Option<Duration>) -> Self {
        Self { max_age, ..self }
    }

    /// A token that is valid until `latest` meets the requirement, because a new token would not be valid
    /// for longer.
    #[must_use]
    pub const fn latest(self, latest: Option<SystemTime>) -> Self {
        Self { latest, ..self }
    }

    /// A token that expires later than `token`.
    #[must_use]
    pub fn newer_than(token: &Token) -> Self {
        Self {
            expires_after: Some(token.expires_at),
            ..Self::min_validity(Duration::ZERO)
        }
    }

    /// Whether `token` meets the requirement at `now`.
    #[must_use]
    pub fn is_met_by(&self, token: &Token, now: SystemTime) -> bool {
        let min_validity = self.min_validity.min(token.lifetime() / 2);
        let age = now.duration_since(token.received_at).unwrap_or_default();
        let is_latest = self.latest.is_some_and(|latest| token.expires_at >= latest);
        token.is_valid(now)
            && (is_latest || now + min_validity < token.expires_at)
            && self.max_age.is_none_or(|max_age| age <= max_age)
            && self
                .expires_after
                .is_none_or(|time| token.expires_at > time)
    }

    /// Whether a token with less validity is better than an error. A caller that limits the age has
    /// reason to believe that the cached token does not work.
    #[must_use]
    pub fn accepts_stale(&self) -> bool {
        self.max_age.is_none()
    }
}

/// Reads `exp` (RFC 7519: seconds since the epoch, possibly fractional). The signature is not checked:
/// only Velt has the key.
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
    fn a_token_lives_at_most_48_hours_whatever_the_clocks_say() {
        let hours = |count: u64| Duration::from_secs(count * 3600);
        let start = UNIX_EPOCH + hours(500_000);
        let ahead = Token::new("opaque".into(), start + hours(24 * 365));
        assert!(ahead.is_valid(start + hours(24 * 365)));
        assert!(!ahead.is_valid(start), "the clock was set back");
        assert!(!ahead.is_valid(start + hours(24 * 300)));
        assert!(Token::new("opaque".into(), start + CLOCK_TOLERANCE).is_valid(start));
        let eternal = Token::restored("opaque".into(), start, start + hours(1000));
        assert_eq!(eternal.expires_at(), start + LIFETIME);
    }

    #[test]
    fn a_longer_lifetime_never_means_a_shorter_time_in_the_cache() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let an_hour = Requirement::min_validity(Duration::from_secs(3600));
        let served_for = |lifetime: u64| {
            let token = Token::restored("t".into(), now, now + Duration::from_secs(lifetime));
            (0..lifetime)
                .take_while(|second| an_hour.is_met_by(&token, now + Duration::from_secs(*second)))
                .count()
        };
        for lifetime in [60, 1800, 3599, 3600, 3601, 7199, 7200, 7201, 10_000] {
            let (shorter, longer) = (served_for(lifetime), served_for(lifetime + 1));
            assert!(longer >= shorter && longer - shorter <= 1, "{lifetime} s");
        }
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let token = Token::new("tok-secret".into(), SystemTime::now());
        assert!(!format!("{token:?}").contains("tok-secret"));
        assert_eq!(token.expose(), "tok-secret");
    }
}
