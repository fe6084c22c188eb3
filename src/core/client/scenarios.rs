//! The life of tokens, in paused time: 48 hours pass in milliseconds.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

use super::{CallOptions, Client, Source};
use crate::core::cache::local::Cache;
use crate::core::clock::Clock;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::user::{Resource, ResourceType, User};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// What Velt is like at the moment.
#[derive(Clone, Copy, Debug)]
enum Weather {
    Up,
    Down,
    Refusing,
    /// Takes so long, and no time at all from then on.
    SlowOnce(Duration),
    /// Gives a token that has lived for 40 hours, as another server's may have, and new ones then.
    AgedOnce,
}

/// A Velt whose weather the test makes. Its tokens are `tok-1`, `tok-2`…
struct Script {
    weather: Mutex<Weather>,
    asked: AtomicU32,
}

impl Source for Script {
    async fn ask(&self, _: &User, deadline: Duration) -> Result<Token, Error> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let weather = {
            let mut weather = self.weather.lock().unwrap();
            let now = *weather;
            if matches!(now, Weather::SlowOnce(_) | Weather::AgedOnce) {
                *weather = Weather::Up;
            }
            now
        };
        match weather {
            Weather::Down => return Err(Error::transient(Code::Unavailable, "down")),
            Weather::Refusing => return Err(Error::permanent(Code::Unauthorized, "no")),
            Weather::SlowOnce(time) => sleep(time.min(deadline)).await,
            Weather::AgedOnce => {
                sleep(Duration::from_secs(1)).await;
                let now = Clock::paused().now();
                let (made, ends) = (now - 40 * HOUR, now + 8 * HOUR);
                return Ok(Token::restored(format!("tok-{number}"), made, ends));
            }
            Weather::Up => tokio::task::yield_now().await,
        }
        Ok(Token::new(format!("tok-{number}"), Clock::paused().now()))
    }
}

impl Client<Script> {
    fn asked(&self) -> u32 {
        self.source.asked.load(Ordering::Relaxed)
    }

    fn turn(&self, weather: Weather) {
        *self.source.weather.lock().unwrap() = weather;
    }

    async fn serve(self: &Arc<Self>, user: User) -> Result<String, Code> {
        self.serve_with(user, CallOptions::default()).await
    }

    async fn serve_with(
        self: &Arc<Self>,
        user: User,
        options: CallOptions,
    ) -> Result<String, Code> {
        let outcome = match self.look_up(user.clone(), options.min_validity) {
            Some((user, hit)) => {
                if hit.is_due {
                    self.refresh(&Arc::new(user), &hit.token);
                }
                Ok(hit.token)
            }
            None => self.get_token(user, options).await,
        };
        // What goes on in the background gets its turn.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        outcome
            .map(|token| token.expose().to_owned())
            .map_err(|error| error.code)
    }
}

fn client() -> Arc<Client<Script>> {
    let source = Script {
        weather: Mutex::new(Weather::Up),
        asked: AtomicU32::new(0),
    };
    let cache = Cache::new(NonZeroUsize::new(1000).unwrap());
    Arc::new(Client::assembled(source, Clock::paused(), cache))
}

fn user(id: &str) -> User {
    User {
        user_id: id.into(),
        ..User::default()
    }
}

/// `[hours since the start, the weather, what a call gives, questions asked by then]`
type Story = &'static [(f64, Weather, Result<&'static str, Code>, u32)];

const QUIET_LIFE: Story = &[
    (0.0, Weather::Up, Ok("tok-1"), 1),
    (0.1, Weather::Up, Ok("tok-1"), 1),
    (33.0, Weather::Up, Ok("tok-1"), 1),
    // Between 70 and 80 per cent of its life it is renewed; whoever comes first waits for nothing.
    (38.5, Weather::Up, Ok("tok-1"), 2),
    (38.6, Weather::Up, Ok("tok-2"), 2),
    (71.0, Weather::Up, Ok("tok-2"), 2),
    // Nobody came while it could be renewed.
    (86.0, Weather::Up, Ok("tok-3"), 3),
];

const OUTAGE: Story = &[
    (0.0, Weather::Up, Ok("tok-1"), 1),
    (40.0, Weather::Down, Ok("tok-1"), 2),
    // A renewal that failed a moment ago is not tried again yet.
    (40.001, Weather::Down, Ok("tok-1"), 2),
    (41.0, Weather::Down, Ok("tok-1"), 3),
    // Less than `minValidity` is left, and better than nothing.
    (47.5, Weather::Down, Ok("tok-1"), 4),
    (47.5, Weather::Down, Ok("tok-1"), 4),
    (47.999, Weather::Down, Ok("tok-1"), 5),
    // Never past its end.
    (48.0, Weather::Down, Err(Code::Unavailable), 6),
    (48.1, Weather::Up, Ok("tok-7"), 7),
];

const RECOVERY: Story = &[
    (0.0, Weather::Up, Ok("tok-1"), 1),
    (47.5, Weather::Down, Ok("tok-1"), 2),
    (47.6, Weather::Up, Ok("tok-3"), 3),
];

const REFUSAL: Story = &[
    (0.0, Weather::Up, Ok("tok-1"), 1),
    // The renewal is refused behind this call's back…
    (40.0, Weather::Refusing, Ok("tok-1"), 2),
    // …and that is never masked by an old token.
    (40.1, Weather::Refusing, Err(Code::Unauthorized), 3),
    (40.2, Weather::Up, Ok("tok-4"), 4),
];

const REFUSAL_WHILE_WAITING: Story = &[
    (0.0, Weather::Up, Ok("tok-1"), 1),
    (47.5, Weather::Refusing, Err(Code::Unauthorized), 2),
    (47.6, Weather::Down, Err(Code::Unavailable), 3),
];

const FAILURE_IS_NOT_CACHED: Story = &[
    (0.0, Weather::Down, Err(Code::Unavailable), 1),
    (0.0, Weather::Refusing, Err(Code::Unauthorized), 2),
    (0.0, Weather::Up, Ok("tok-3"), 3),
];

#[tokio::test(start_paused = true)]
async fn the_life_of_a_token() {
    let stories = [
        QUIET_LIFE,
        OUTAGE,
        RECOVERY,
        REFUSAL,
        REFUSAL_WHILE_WAITING,
        FAILURE_IS_NOT_CACHED,
    ];
    for story in stories {
        // Each story many times: the moment of a renewal is random.
        for _ in 0..50 {
            let client = client();
            let start = Instant::now();
            for &(hours, weather, expected, asked) in story {
                advance(start + HOUR.mul_f64(hours) - Instant::now()).await;
                client.turn(weather);
                let given = client.serve(user("ada")).await;
                assert_eq!(
                    given.as_deref().map_err(|code| *code),
                    expected,
                    "at {hours} hours"
                );
                assert_eq!(client.asked(), asked, "questions at {hours} hours");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_share_one_question_and_its_failure() {
    let client = client();
    for weather in [Weather::Down, Weather::Up] {
        client.turn(weather);
        let before = client.asked();
        let mut calls = JoinSet::new();
        for index in 0..1000 {
            let client = Arc::clone(&client);
            calls.spawn(async move { client.serve(user(&format!("user-{}", index % 4))).await });
        }
        let outcomes: HashSet<_> = calls.join_all().await.into_iter().collect();
        assert_eq!(client.asked() - before, 4);
        match weather {
            Weather::Down => assert_eq!(outcomes, HashSet::from([Err(Code::Unavailable)])),
            _ => assert_eq!(outcomes.len(), 4),
        }
    }
    assert_eq!(client.entries(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_who_leaves_harms_nobody() {
    let client = client();
    client.turn(Weather::SlowOnce(Duration::from_secs(2)));
    let first = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.serve(user("ada")).await }
    });
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
    assert_eq!(client.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_older_answer_never_replaces_a_newer_one() {
    let client = client();
    client.turn(Weather::SlowOnce(Duration::from_secs(3)));
    let slow = tokio::spawn({
        let client = Arc::clone(&client);
        async move {
            client
                .generate_token(user("ada"), CallOptions::default())
                .await
        }
    });
    sleep(Duration::from_secs(1)).await;
    client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(
        slow.await.unwrap().unwrap().expose(),
        "tok-1",
        "its own caller gets it"
    );
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));
}

#[tokio::test(start_paused = true)]
async fn generate_always_asks_and_refreshes_the_cache() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    let fresh = client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap();
    assert_eq!(fresh.expose(), "tok-2");
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-2"));

    client.turn(Weather::Refusing);
    client
        .generate_token(user("ada"), CallOptions::default())
        .await
        .unwrap_err();
    assert_eq!(client.entries(), 0, "a refusal drops the entry");
}

#[tokio::test(start_paused = true)]
async fn invalidation_voids_what_is_kept_and_what_is_on_its_way() {
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

    client.turn(Weather::SlowOnce(Duration::from_secs(3)));
    let on_its_way = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.serve(user("ada")).await }
    });
    sleep(Duration::from_secs(1)).await;
    client.invalidate("ada").await.unwrap();
    assert_eq!(
        client.serve(user("ada")).await.as_deref(),
        Ok("tok-5"),
        "a new question"
    );
    assert_eq!(
        on_its_way.await.unwrap().as_deref(),
        Ok("tok-4"),
        "it was asked before"
    );
    assert_eq!(
        client.serve(user("ada")).await.as_deref(),
        Ok("tok-5"),
        "and is not kept"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_at_an_invalidation_is_not_kept() {
    let client = client();
    client.turn(Weather::SlowOnce(Duration::from_secs(3)));
    let on_its_way = tokio::spawn({
        let client = Arc::clone(&client);
        async move { client.serve(user("ada")).await }
    });
    sleep(Duration::from_secs(1)).await;
    client.invalidate("ada").await.unwrap();
    assert_eq!(on_its_way.await.unwrap().as_deref(), Ok("tok-1"));
    assert_eq!(client.entries(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_wants_more_than_the_one_who_asked_asks_again() {
    let client = client();
    client.turn(Weather::AgedOnce);
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
async fn in_an_outage_misses_fail_at_once_and_tokens_are_still_served() {
    let client = client();
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    client.turn(Weather::Down);
    for index in 0..100 {
        let outcome = client.serve(user(&format!("user-{index}"))).await;
        assert_eq!(outcome, Err(Code::Unavailable));
    }
    assert_eq!(client.asked(), 1 + 5, "five failures open the circuit");
    let error = client
        .get_token(user("eve"), CallOptions::default())
        .await
        .unwrap_err();
    assert!(error.retryable && error.retry_after.is_some() && error.attempts == 0);
    advance(47 * HOUR + HOUR / 2).await;
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));

    client.turn(Weather::Up);
    advance(Duration::from_secs(60)).await;
    assert!(
        client.serve(user("eve")).await.is_ok(),
        "a probe finds that it is over"
    );
    assert!(client.serve(user("bob")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn min_validity_is_honoured_and_short_lives_are_not_asked_for_in_vain() {
    let client = client();
    let wants = |hours| CallOptions {
        min_validity: Some(hours * HOUR),
        ..CallOptions::default()
    };
    assert_eq!(client.serve(user("ada")).await.as_deref(), Ok("tok-1"));
    advance(2 * HOUR).await;
    assert_eq!(
        client.serve_with(user("ada"), wants(45)).await.as_deref(),
        Ok("tok-1")
    );
    assert_eq!(
        client.serve_with(user("ada"), wants(47)).await.as_deref(),
        Ok("tok-2")
    );
    assert_eq!(
        client.serve_with(user("ada"), wants(1000)).await.as_deref(),
        Ok("tok-2")
    );
}

#[tokio::test(start_paused = true)]
async fn every_claim_makes_another_token_and_their_order_does_not() {
    let client = client();
    let resource = |kind, id: &str| Resource {
        r#type: kind,
        id: id.into(),
        organization_id: Some("acme".into()),
        access_role: None,
        expires_at: None,
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
    assert_eq!(client.asked(), 1500, "user-0 was always there");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_all_who_wait() {
    let client = client();
    client.turn(Weather::SlowOnce(Duration::from_secs(3)));
    let (outcome, ()) = tokio::join!(client.serve(user("ada")), async {
        sleep(Duration::from_secs(1)).await;
        client.close();
    });
    assert_eq!(outcome, Err(Code::Closed));
    assert_eq!(client.serve(user("ada")).await, Err(Code::Closed));
}
