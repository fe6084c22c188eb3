//! A provider that is asked again, and that fails.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use secrecy::ExposeSecret as _;
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
    fn auth_token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, Error>> + Send + '_>> {
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
