//! The 48 hours of a token's life, in paused time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, advance, sleep};

use super::{CallOptions, Client};
use crate::core::clock::Clock;
use crate::core::config::{ApiVersion, Config, Options};
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::user::{Resource, ResourceType, User};
use crate::core::velt::circuit_breaker::CircuitBreaker;
use crate::core::velt::upstream::TokenEndpoint;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How Velt responds.
#[derive(Clone, Copy, Debug)]
enum Velt {
    Up,
    Down,
    /// The next request fails, later ones do not.
    DownOnce,
    Rejecting,
    /// The next response takes this time, later ones take none.
    SlowOnce(Duration),
    /// The next token has lived for 40 hours, as one from another server may have.
    AgedOnce,
}

/// A model of Velt. Its tokens are `tok-1`, `tok-2`…
struct Script {
    velt: Mutex<Velt>,
    requests: AtomicU32,
}

impl TokenEndpoint for Script {
    type Place = ();

    async fn place(&self) {}

    async fn request_token(&self, (): (), user: &User, _: &CircuitBreaker) -> Result<Token, Error> {
        let mut resources = user.resources.iter().flatten();
        assert!(
            resources.all(|resource| resource.expires_in.is_none()),
            "Velt does not know `expiresIn`"
        );
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let velt = {
            let mut velt = self.velt.lock().unwrap();
            let now = *velt;
            if matches!(now, Velt::SlowOnce(_) | Velt::AgedOnce | Velt::DownOnce) {
                *velt = Velt::Up;
            }
            now
        };
        match velt {
            Velt::Down | Velt::DownOnce => return Err(Error::transient(Code::Unavailable, "down")),
            Velt::Rejecting => return Err(Error::permanent(Code::Unauthorized, "no")),
            Velt::SlowOnce(time) => sleep(time).await,
            Velt::AgedOnce => {
                sleep(Duration::from_secs(1)).await;
                let now = Clock::paused().now();
                let (made, ends) = (now - 40 * HOUR, now + 8 * HOUR);
                return Ok(Token::restored(format!("tok-{number}"), made, ends));
            }
            Velt::Up => tokio::task::yield_now().await,
        }
        Ok(Token::new(format!("tok-{number}"), Clock::paused().now()))
    }
}

impl Client<Script> {
    fn requests(&self) -> u32 {
        self.fetcher
            .upstream
            .endpoint()
            .requests
            .load(Ordering::Relaxed)
    }

    fn set(&self, velt: Velt) {
        *self.fetcher.upstream.endpoint().velt.lock().unwrap() = velt;
    }

    async fn serve(self: &Arc<Self>, user: User) -> Result<String, Code> {
        self.serve_with(user, CallOptions::default()).await
    }

    fn serve_in_background(self: &Arc<Self>, user: User) -> JoinHandle<Result<String, Code>> {
        let client = Arc::clone(self);
        tokio::spawn(async move { client.serve(user).await })
    }

    fn generate_in_background(self: &Arc<Self>, user: User) -> JoinHandle<Result<Token, Error>> {
        let client = Arc::clone(self);
        tokio::spawn(async move { client.generate_token(user, CallOptions::default()).await })
    }

    async fn serve_with(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<String, Code> {
        let outcome = match self.look_up(user.clone(), options.min_validity) {
            Some((user, hit)) if options.max_age.is_none() => {
                if hit.needs_refresh {
                    self.refresh(&Arc::new(user), &hit.token);
                }
                Ok(hit.token)
            }
            _ => self.get_token(user, options).await,
        };
        // Tasks in the background run.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        outcome
            .map(|token| token.expose().to_owned())
            .map_err(|error| error.code)
    }
}

/// A client that makes one attempt per call.
fn client() -> Arc<Client<Script>> {
    client_with(1)
}

fn client_with(max_attempts: u32) -> Arc<Client<Script>> {
    let config = Config::new(Options {
        api_key: "key".into(),
        auth_token: "auth".into(),
        api_version: ApiVersion::V2,
        max_attempts: Some(max_attempts),
        max_entries: Some(1000),
        ..Options::default()
    });
    let script = Script {
        velt: Mutex::new(Velt::Up),
        requests: AtomicU32::new(0),
    };
    let clock = Clock::paused();
    Arc::new(Client::assembled(script, None, &config.unwrap(), clock))
}

fn user(id: &str) -> User {
    User {
        user_id: id.into(),
        ..User::default()
    }
}

/// `(hours since the start, how Velt responds, what a call returns, requests so far)`
type Story = &'static [(f64, Velt, Result<&'static str, Code>, u32)];

const QUIET_LIFE: Story = &[
    (0.0, Velt::Up, Ok("tok-1"), 1),
    (0.1, Velt::Up, Ok("tok-1"), 1),
    (33.0, Velt::Up, Ok("tok-1"), 1),
    // After 70 to 80 % of its lifetime the token is refreshed. The call does not wait.
    (38.5, Velt::Up, Ok("tok-1"), 2),
    (38.6, Velt::Up, Ok("tok-2"), 2),
    (71.0, Velt::Up, Ok("tok-2"), 2),
    // No call was made while the token could be refreshed.
    (86.0, Velt::Up, Ok("tok-3"), 3),
];

const OUTAGE: Story = &[
    (0.0, Velt::Up, Ok("tok-1"), 1),
    (40.0, Velt::Down, Ok("tok-1"), 2),
    // A refresh failed a moment ago, so there is no new one yet.
    (40.001, Velt::Down, Ok("tok-1"), 2),
    (41.0, Velt::Down, Ok("tok-1"), 3),
    // Less than `minValidity` is left: stale-if-error.
    (47.5, Velt::Down, Ok("tok-1"), 4),
    (47.5, Velt::Down, Ok("tok-1"), 4),
    (47.999, Velt::Down, Ok("tok-1"), 5),
    // It has expired.
    (48.0, Velt::Down, Err(Code::Unavailable), 6),
    (48.1, Velt::Up, Ok("tok-7"), 7),
];

const RECOVERY: Story = &[
    (0.0, Velt::Up, Ok("tok-1"), 1),
    (47.5, Velt::Down, Ok("tok-1"), 2),
    (47.6, Velt::Up, Ok("tok-3"), 3),
];

const REJECTION: Story = &[
    (0.0, Velt::Up, Ok("tok-1"), 1),
    // The refresh in the background is rejected…
    (40.0, Velt::Rejecting, Ok("tok-1"), 2),
    // …so the old token is not served any more.
    (40.1, Velt::Rejecting, Err(Code::Unauthorized), 3),
    (40.2, Velt::Up, Ok("tok-4"), 4),
];

const REJECTION_WHILE_WAITING: Story = &[
    (0.0, Velt::Up, Ok("tok-1"), 1),
    (47.5, Velt::Rejecting, Err(Code::Unauthorized), 2),
    (47.6, Velt::Down, Err(Code::Unavailable), 3),
];

const FAILURE_IS_NOT_CACHED: Story = &[
    (0.0, Velt::Down, Err(Code::Unavailable), 1),
    (0.0, Velt::Rejecting, Err(Code::Unauthorized), 2),
    (0.0, Velt::Up, Ok("tok-3"), 3),
];

#[tokio::test(start_paused = true)]
async fn the_life_of_a_token() {
    let stories = [
        QUIET_LIFE,
        OUTAGE,
        RECOVERY,
        REJECTION,
        REJECTION_WHILE_WAITING,
        FAILURE_IS_NOT_CACHED,
    ];
    for story in stories {
        // Many times, since the time of a refresh is random.
        for _ in 0..50 {
            let client = client();
            let start = Instant::now();
            for &(hours, velt, expected, requests) in story {
                advance(start + HOUR.mul_f64(hours) - Instant::now()).await;
                client.set(velt);
                let given = client.serve(user("ada")).await;
                assert_eq!(
                    given.as_deref().map_err(|code| *code),
                    expected,
                    "at {hours} hours"
                );
                assert_eq!(client.requests(), requests, "requests at {hours} hours");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_calls_that_wait_share_one_request_and_its_failure() {
    let client = client();
    for velt in [Velt::Down, Velt::Up] {
        client.set(velt);
        let before = client.requests();
        let mut calls = JoinSet::new();
        for index in 0..1000 {
            let client = Arc::clone(&client);
            calls.spawn(async move { client.serve(user(&format!("user-{}", index % 4))).await });
        }
        let outcomes: HashSet<_> = calls.join_all().await.into_iter().collect();
        assert_eq!(client.requests() - before, 4);
        match velt {
            Velt::Down => assert_eq!(outcomes, HashSet::from([Err(Code::Unavailable)])),
            _ => assert_eq!(outcomes.len(), 4),
        }
    }
    assert_eq!(client.entries(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_does_not_affect_the_others() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(2)));
    let first = client.serve_in_background(user("ada"));
    tokio::task::yield_now().await;
    let hurried = CallOptions {
        deadline: Some(Duration::from_secs(1)),
        ..CallOptions::default()
    };
    let (second, third) = tokio::join!(client.serve_with(user("ada"), hurried), async {
        sleep(Duration::from_millis(500)).await;
        first.abort();
        client.serve(user("ada")).await
    });
    assert_eq!(second, Err(Code::Timeout), "its own deadline");
    assert_eq!(third.as_deref(), Ok("tok-1"));
    assert_eq!(client.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_older_token_never_replaces_a_newer_one() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let slow = client.generate_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(
        slow.await.unwrap().unwrap().expose(),
        "tok-1",
        "its own call gets it"
    );
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));
}

#[tokio::test(start_paused = true)]
async fn generate_always_sends_a_request_and_fills_the_cache() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    let fresh = client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(fresh.expose(), "tok-2");
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));

    client.set(Velt::Rejecting);
    client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap_err();
    assert_eq!(client.entries(), 0, "a rejection removes the entry");
}

#[tokio::test(start_paused = true)]
async fn invalidation_removes_tokens_and_ignores_requests_in_flight() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    let admin = User {
        is_admin: Some(true),
        ..user("ada")
    };
    assert_eq!(client.serve(admin).await.as_deref(), Ok("tok-2"));
    assert_eq!(client.serve(user("bob")).await.as_deref(), Ok("tok-3"));
    client.invalidate("ada").await.unwrap();
    assert_eq!(client.entries(), 1);

    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let on_its_way = client.serve_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    client.invalidate("ada").await.unwrap();
    assert_eq!(
        client.serve(user("ada")).await.as_deref(),
        Ok("tok-5"),
        "a new request"
    );
    assert_eq!(
        on_its_way.await.unwrap().as_deref(),
        Ok("tok-4"),
        "it began before"
    );
    assert_eq!(
        client.serve(user("ada")).await.as_deref(),
        Ok("tok-5"),
        "it is not kept"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_requested_before_an_invalidation_is_not_kept() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let on_its_way = client.serve_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    client.invalidate("ada").await.unwrap();
    assert_eq!(on_its_way.await.unwrap().as_deref(), Ok("tok-1"));
    assert_eq!(client.entries(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_requires_more_sends_a_request_of_its_own() {
    let client = client();
    client.set(Velt::AgedOnce);
    let wants_more = CallOptions {
        min_validity: Some(20 * HOUR),
        ..CallOptions::default()
    };
    let (modest, demanding) = tokio::join!(client.serve(user("ada")), async {
        tokio::task::yield_now().await;
        client.serve_with(user("ada"), wants_more).await
    });
    assert_eq!(modest.as_deref(), Ok("tok-1"));
    assert_eq!(demanding.as_deref(), Ok("tok-2"));
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_misses_fail_at_once_and_valid_tokens_are_served() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    client.set(Velt::Down);
    for index in 0..100 {
        let outcome = client.serve(user(&format!("user-{index}"))).await;
        assert_eq!(outcome, Err(Code::Unavailable));
    }
    assert_eq!(
        client.requests(),
        1 + 5,
        "five failures open the circuit breaker"
    );
    let error = client
        .get_token(user("eve"), CallOptions::default())
        .await
        .unwrap_err();
    assert!(error.retryable && error.retry_after.is_some() && error.attempts == 0);
    advance(47 * HOUR + HOUR / 2).await;
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));

    client.set(Velt::Up);
    advance(Duration::from_secs(60)).await;
    assert!(
        client.serve(user("eve")).await.is_ok(),
        "a probe closes the circuit breaker"
    );
    assert!(client.serve(user("bob")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn min_validity_counts_up_to_half_of_the_lifetime() {
    let client = client();
    let wants = |hours| CallOptions {
        min_validity: Some(hours * HOUR),
        ..CallOptions::default()
    };
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    advance(2 * HOUR).await;
    assert_eq!(
        client.serve_with(user("ada"), wants(1000)).await.as_deref(),
        Ok("tok-1")
    );
    advance(23 * HOUR).await;
    assert_eq!(
        client.serve_with(user("ada"), wants(22)).await.as_deref(),
        Ok("tok-1")
    );
    assert_eq!(
        client.serve_with(user("ada"), wants(24)).await.as_deref(),
        Ok("tok-2")
    );
    assert_eq!(
        client.serve_with(user("ada"), wants(1000)).await.as_deref(),
        Ok("tok-2")
    );
}

#[tokio::test(start_paused = true)]
async fn every_field_makes_another_token_and_the_order_of_resources_does_not() {
    let client = client();
    let resource = |kind, id: &str| Resource {
        r#type: kind,
        id: id.into(),
        organization_id: Some("acme".into()),
        access_role: None,
        expires_at: None,
        expires_in: None,
    };
    let folder = resource(ResourceType::Folder, "f");
    let document = resource(ResourceType::Document, "d");
    let with = |resources: &[&Resource]| User {
        resources: Some(resources.iter().copied().cloned().collect()),
        ..user("ada")
    };
    let users = [
        user("ada"),
        user("Ada"),
        User {
            organization_id: Some("acme".into()),
            ..user("ada")
        },
        User {
            organization_id: Some("ecma".into()),
            ..user("ada")
        },
        User {
            email: Some("acme".into()),
            ..user("ada")
        },
        User {
            name: Some("acme".into()),
            ..user("ada")
        },
        User {
            is_admin: Some(true),
            ..user("ada")
        },
        User {
            is_admin: Some(false),
            ..user("ada")
        },
        with(&[&folder]),
        with(&[&folder, &document]),
    ];
    let mut tokens = HashSet::new();
    for user in &users {
        tokens.insert(client.serve(user.clone()).await.unwrap());
    }
    assert_eq!(tokens.len(), users.len());
    let reordered = client.serve(with(&[&document, &folder])).await.unwrap();
    assert!(tokens.contains(&reordered));
}

#[tokio::test(start_paused = true)]
async fn the_bound_drops_the_least_recently_used() {
    let client = client();
    for index in 0..1500 {
        client.serve(user(&format!("user-{index}"))).await.unwrap();
        client.serve(user("user-0")).await.unwrap();
    }
    assert_eq!(client.entries(), 1000);
    assert_eq!(client.requests(), 1500, "user-0 was always cached");
}

#[tokio::test(start_paused = true)]
async fn close_ends_all_calls_that_wait() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let (outcome, ()) = tokio::join!(client.serve(user("ada")), async {
        sleep(Duration::from_secs(1)).await;
        client.close();
    });
    assert_eq!(outcome, Err(Code::Closed));
    assert_eq!(client.serve(user("ada")).await, Err(Code::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_valid_token_is_served_after_a_second_while_velt_is_silent() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    advance(47 * HOUR + HOUR / 2).await;
    client.set(Velt::SlowOnce(Duration::from_secs(4)));
    let began = Instant::now();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    assert!(began.elapsed() <= Duration::from_secs(1), "{began:?}");
    sleep(Duration::from_secs(4)).await;
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));
    assert_eq!(client.requests(), 2, "the request goes on");
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_does_not_affect_requests_for_other_users() {
    let client = client();
    let calls = async {
        for _ in 0..10 {
            client.set(Velt::SlowOnce(Duration::from_millis(300)));
            client.serve(user("ada")).await.unwrap();
        }
    };
    let invalidations = async {
        loop {
            client.invalidate("bob").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! { () = calls => {}, () = invalidations => unreachable!() }
    assert_eq!(client.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn max_age_brings_a_new_token_once_for_all_calls() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    advance(HOUR).await;
    let fresh = CallOptions {
        max_age: Some(Duration::from_secs(10)),
        ..CallOptions::default()
    };
    for _ in 0..500 {
        let token = client.serve_with(user("ada"), fresh).await;
        assert_eq!(token.as_deref(), Ok("tok-2"));
    }
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));
    assert_eq!(client.requests(), 2);
    advance(HOUR).await;
    client.set(Velt::Down);
    let outcome = client.serve_with(user("ada"), fresh).await;
    assert_eq!(
        outcome,
        Err(Code::Unavailable),
        "an old token is not served"
    );
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));
}

#[tokio::test(start_paused = true)]
async fn an_older_token_does_not_survive_a_newer_rejection() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let slow = client.generate_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    client.set(Velt::Rejecting);
    assert_eq!(client.serve(user("ada")).await, Err(Code::Unauthorized));
    slow.await.unwrap().unwrap();
    assert_eq!(client.serve(user("ada")).await, Err(Code::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_join_a_request_that_is_older_than_a_rejection() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let slow = client.serve_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    client.set(Velt::Rejecting);
    let generated = client.generate_token(user("ada"), CallOptions::default());
    assert_eq!(generated.await.unwrap_err().code, Code::Unauthorized);
    assert_eq!(client.serve(user("ada")).await, Err(Code::Unauthorized));
    assert_eq!(slow.await.unwrap().as_deref(), Ok("tok-1"));
}

#[tokio::test(start_paused = true)]
async fn a_call_does_not_join_a_request_that_is_older_than_a_generated_token() {
    let client = client();
    client.set(Velt::SlowOnce(Duration::from_secs(3)));
    let slow = client.serve_in_background(user("ada"));
    sleep(Duration::from_secs(1)).await;
    let generated = client.generate_token(user("ada"), CallOptions::default());
    assert_eq!(generated.await.unwrap().expose(), "tok-2");
    sleep(Duration::from_secs(1)).await;
    let options = CallOptions {
        max_age: Some(Duration::from_millis(500)),
        ..CallOptions::default()
    };
    let token = client.serve_with(user("ada"), options).await;
    assert_eq!(token.as_deref(), Ok("tok-3"));
    assert_eq!(slow.await.unwrap().as_deref(), Ok("tok-1"));
}

/// A user with a permission for a document, which ends at a fixed time or some seconds after the request.
fn permitted(expires_at: Option<i64>, expires_in: Option<i64>) -> User {
    User {
        resources: Some(vec![Resource {
            r#type: ResourceType::Document,
            id: "plan".into(),
            organization_id: Some("acme".into()),
            access_role: None,
            expires_at,
            expires_in,
        }]),
        ..user("ada")
    }
}

fn unix_seconds() -> i64 {
    let since = Clock::paused().now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn calls_with_the_same_duration_of_a_permission_share_a_token() {
    let client = client();
    for _ in 0..100 {
        let token = client.serve(permitted(None, Some(3600))).await;
        assert_eq!(token.as_deref(), Ok("tok-1"));
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(client.requests(), 1);
    let other = client.serve(permitted(None, Some(3601))).await;
    assert_eq!(other.as_deref(), Ok("tok-2"), "another duration");
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_first_permission() {
    let client = client();
    let user = permitted(None, Some(600));
    let now = unix_seconds();
    let token = client.generate_token(user.clone(), CallOptions::default());
    let end = UNIX_EPOCH + Duration::from_secs((now + 600).try_into().unwrap());
    assert_eq!(token.await.unwrap().expires_at(), end);

    // The refresh begins before calls wait for a new token, which is at half of the lifetime.
    sleep(Duration::from_secs(235)).await;
    assert_eq!(client.serve(user.clone()).await.as_deref(), Ok("tok-1"));
    assert_eq!(client.requests(), 1);
    sleep(Duration::from_secs(40)).await;
    assert_eq!(client.serve(user.clone()).await.as_deref(), Ok("tok-1"));
    assert_eq!(client.serve(user.clone()).await.as_deref(), Ok("tok-2"));
    assert_eq!(client.requests(), 2);

    client.set(Velt::Down);
    sleep(Duration::from_secs(598)).await;
    assert_eq!(client.serve(user.clone()).await.as_deref(), Ok("tok-2"));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(client.serve(user).await, Err(Code::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_permission_that_ends_at_a_fixed_time_is_served_until_then() {
    let client = client();
    let user = permitted(Some(unix_seconds() + 600), None);
    for _ in 0..599 {
        assert_eq!(client.serve(user.clone()).await.as_deref(), Ok("tok-1"));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(
        client.requests(),
        1,
        "a new token would end at the same time"
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!(client.serve(user.clone()).await, Err(Code::InvalidUser));
    assert_eq!(client.requests(), 1, "nothing is sent");
}

#[tokio::test(start_paused = true)]
async fn a_permission_lasts_from_the_last_attempt_on() {
    let client = client_with(2);
    client.set(Velt::DownOnce);
    let before = unix_seconds();
    let call = client.generate_token(permitted(None, Some(60)), CallOptions::default());
    let token = call.await.unwrap();
    assert_eq!(token.expose(), "tok-2");
    let lasts = token
        .expires_at()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(i64::try_from(lasts).unwrap() >= before + 60);
    assert!(token.lifetime() > Duration::from_secs(58));
}
