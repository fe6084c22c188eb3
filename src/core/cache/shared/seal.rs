//! The cryptography of the shared cache. A person who reads Redis sees only key names that are MACs, and
//! ciphertext. Each ciphertext is bound to its place, such as its key.
//!
//! Both keys are derived from one secret by HKDF-SHA-256. By default the secret is the auth token: a person
//! who knows the auth token can request tokens anyway. Then the old entries are unreadable after a
//! rotation of the auth token. With an own secret (`cache.secret`), the keys do not depend on the auth
//! token. HKDF does not reveal the secret.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Serialize;

use crate::core::token::Token;
use crate::core::user::User;

/// The first byte of every value: the number of its layout. A different layout has a different number.
const LAYOUT: u8 = 1;
/// A name is the first 128 bits of a MAC: short, and free of collisions.
const NAME_BYTES: usize = 16;
/// Two times in milliseconds precede the token.
const TIMES_BYTES: usize = 16;

/// Names and seals for one secret, API key, API version and endpoint.
pub struct Seal {
    name_key: hmac::Key,
    value_key: LessSafeKey,
    scope: Scope,
    random: SystemRandom,
}

/// Clients with different values do not share tokens.
#[derive(Serialize)]
struct Scope {
    endpoint: String,
    api_key: String,
}

impl Seal {
    /// The URL of the endpoint includes the API version.
    #[must_use]
    pub fn new(secret: &str, api_key: &str, endpoint: &str) -> Self {
        let root = Salt::new(HKDF_SHA256, b"velt-auth shared cache").extract(secret.as_bytes());
        let expand = |purpose: &[u8]| {
            let mut key = [0; 32];
            let purpose = [purpose];
            let material = root
                .expand(&purpose, HKDF_SHA256)
                .expect("HKDF-SHA-256 can produce 32 bytes");
            material.fill(&mut key).expect("32 bytes were requested");
            key
        };
        let value_key = UnboundKey::new(&AES_256_GCM, &expand(b"values"));
        Self {
            name_key: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"names")),
            value_key: LessSafeKey::new(value_key.expect("the key has 32 bytes")),
            scope: Scope {
                endpoint: endpoint.to_owned(),
                api_key: api_key.to_owned(),
            },
            random: SystemRandom::new(),
        }
    }

    /// A name for `subject`. It does not reveal the subject.
    pub fn name(&self, subject: &impl Serialize) -> String {
        let text =
            serde_json::to_vec(&(&self.scope, subject)).expect("these types always serialize");
        let mac = hmac::sign(&self.name_key, &text);
        URL_SAFE_NO_PAD.encode(&mac.as_ref()[..NAME_BYTES])
    }

    /// The name of a user id.
    #[must_use]
    pub fn user_name(&self, user_id: &str) -> String {
        self.name(&("user", user_id))
    }

    /// The name of a user with all fields.
    #[must_use]
    pub fn full_name(&self, user: &User) -> String {
        self.name(&("user and fields", user))
    }

    /// A random string.
    #[must_use]
    pub fn nonce(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random_bytes::<NAME_BYTES>())
    }

    /// Encrypts `plain`. The result can be decrypted only with the same `place`.
    #[must_use]
    pub fn seal(&self, plain: &[u8], place: &str) -> Vec<u8> {
        let nonce = self.random_bytes::<NONCE_LEN>();
        let mut text = plain.to_vec();
        self.value_key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut text,
            )
            .expect("a cache value is far below the limit of AES-GCM");
        [&[LAYOUT], &nonce[..], &text].concat()
    }

    /// Decrypts a sealed value. `None` if it was cut, altered, or sealed for another place.
    #[must_use]
    pub fn open(&self, sealed: &[u8], place: &str) -> Option<Vec<u8>> {
        let (&LAYOUT, sealed) = sealed.split_first()? else {
            return None;
        };
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(place.as_bytes());
        let plain = self
            .value_key
            .open_in_place(nonce, aad, &mut text)
            .ok()?
            .len();
        text.truncate(plain);
        Some(text)
    }

    /// Encrypts a token and its times.
    #[must_use]
    pub fn seal_token(&self, token: &Token, place: &str) -> Vec<u8> {
        let times = [token.received_at(), token.expires_at()].map(|time| {
            let since = time
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis();
            u64::try_from(since).unwrap_or(u64::MAX).to_be_bytes()
        });
        self.seal(
            &[&times[0], &times[1], token.expose().as_bytes()].concat(),
            place,
        )
    }

    /// Decrypts a token and its times.
    #[must_use]
    pub fn open_token(&self, sealed: &[u8], place: &str) -> Option<Token> {
        let plain = self.open(sealed, place)?;
        let (times, token) = plain.split_at_checked(TIMES_BYTES)?;
        let (received_at, expires_at) = times.split_at(TIMES_BYTES / 2);
        let token = String::from_utf8(token.to_vec()).ok()?;
        Some(Token::restored(
            token,
            time(received_at)?,
            time(expires_at)?,
        ))
    }

    fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random
            .fill(&mut bytes)
            .expect("the system has random numbers");
        bytes
    }
}

fn time(bytes: &[u8]) -> Option<SystemTime> {
    let milliseconds = u64::from_be_bytes(bytes.try_into().ok()?);
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
}

impl fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Seal")
            .field("endpoint", &self.scope.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(auth_token: &str, api_key: &str, endpoint: &str) -> Seal {
        Seal::new(auth_token, api_key, endpoint)
    }

    fn token() -> Token {
        Token::new(
            "tok-secret".into(),
            UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        )
    }

    #[test]
    fn a_token_can_be_opened_in_its_place() {
        let seal = seal("auth", "key", "v1");
        let sealed = seal.seal_token(&token(), "place");
        let opened = seal.open_token(&sealed, "place").unwrap();
        assert_eq!(opened.expose(), "tok-secret");
        assert_eq!(opened.received_at(), token().received_at());
        assert_eq!(opened.expires_at(), token().expires_at());
        assert_ne!(
            sealed,
            seal.seal_token(&token(), "place"),
            "each seal has its own nonce"
        );
    }

    #[test]
    fn a_moved_cut_or_altered_value_does_not_open() {
        let seal = seal("auth", "key", "v1");
        let sealed = seal.seal_token(&token(), "place");
        assert!(seal.open_token(&sealed, "other").is_none());
        for length in 0..sealed.len() {
            assert!(seal.open_token(&sealed[..length], "place").is_none());
        }
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(seal.open_token(&altered, "place").is_none(), "bit {bit}");
        }
        assert!(
            seal.open_token(&seal.seal(b"short", "place"), "place")
                .is_none()
        );
    }

    #[test]
    fn names_differ_by_credentials_endpoint_and_user() {
        let user = User {
            user_id: "ada".into(),
            ..User::default()
        };
        let admin = User {
            is_admin: Some(true),
            ..user.clone()
        };
        let seals = [
            seal("auth", "key", "v1"),
            seal("auth", "key", "v2"),
            seal("auth", "yek", "v1"),
            seal("htua", "key", "v1"),
        ];
        let mut names: Vec<_> = seals
            .iter()
            .flat_map(|seal| {
                [
                    seal.full_name(&user),
                    seal.full_name(&admin),
                    seal.user_name("ada"),
                ]
            })
            .collect();
        assert_eq!(names[0], seals[0].full_name(&user), "a name is stable");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 12);
        let sealed = seals[0].seal_token(&token(), "place");
        assert!(seals[3].open_token(&sealed, "place").is_none());
    }
}
