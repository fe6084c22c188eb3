//! The servers of a run: real clients with a model of Redis, a model of Velt, and a clock each.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::clock::{clock, server_clock};
use super::journal::{Invalidation, Served};
use super::redis::ModelRedis;
use super::velt::ModelVelt;
use super::world::{AUTH_TOKENS, World};
use crate::core::cache::shared::SharedCache;
use crate::core::client::{CallOptions, Client};
use crate::core::config::{AuthToken, Config, DEFAULT_DEADLINE, Options};
use crate::core::error::Error;
use crate::core::token::Token;
use crate::core::user::{Resource, ResourceType, User};
use crate::core::velt::credentials::Credentials;

/// Within a run all calls with `max_age` have the same, so that it does not matter which of them leads.
const MAX_AGE: Duration = Duration::from_secs(2);

type Server = Arc<Client<ModelVelt, ModelRedis>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Get,
    /// With `max_age`.
    Fresh,
    Generate,
}

/// A call, as the checks see it.
#[derive(Clone, Debug)]
pub struct Call {
    pub server: usize,
    pub incarnation: u32,
    pub user: usize,
    pub kind: Kind,
    pub deadline: Duration,
    pub began: Instant,
    /// The valid token of the server when the call began, and when it ended.
    pub had_token: Option<usize>,
    pub has_token: Option<usize>,
    /// How often the server had dropped all tokens when the call began, and whether it did so since.
    pub clears: u64,
    pub was_cleared: bool,
    pub clock_jumped: bool,
}

impl Call {
    pub fn is_short(&self) -> bool {
        self.deadline < DEFAULT_DEADLINE
    }
}

#[derive(Debug)]
pub struct Fleet {
    pub world: Arc<World>,
    config: Config,
    servers: Vec<Server>,
    tasks: JoinSet<()>,
}

impl Fleet {
    pub fn new(world: Arc<World>, servers: usize) -> Self {
        let config = Config::new(Options {
            api_key: "key".into(),
            auth_token: AuthToken::List(AUTH_TOKENS.map(SecretString::from).to_vec()),
            ..Options::default()
        });
        let mut fleet = Self {
            world,
            config: config.unwrap(),
            servers: Vec::new(),
            tasks: JoinSet::new(),
        };
        fleet.servers = (0..servers).map(|server| fleet.server(server)).collect();
        fleet
    }

    fn server(&self, server: usize) -> Server {
        let world = Arc::clone(&self.world);
        let redis = ModelRedis { world, server };
        let world = Arc::clone(&self.world);
        let (auth_token, timeout) = (self.config.auth_token.clone(), self.config.timeout);
        let velt = ModelVelt {
            world,
            server,
            credentials: Arc::new(Credentials::new(auth_token, timeout, Arc::default())),
        };
        let shared = SharedCache::with_store(redis, &"secret".into(), &self.config, "endpoint");
        let client = Client::assembled(velt, Some(shared), &self.config, clock(server));
        Arc::new(client)
    }

    /// Ends a server, and starts it with an empty cache.
    pub fn restart(&mut self, server: usize) {
        let fresh = self.server(server);
        std::mem::replace(&mut self.servers[server], fresh).close();
        let state = &mut *self.world.lock();
        state.links[server].epoch = None;
        state.links[server].connects_at = None;
        state.links[server].incarnation += 1;
        state.journal.rate_limited_until[server] = None;
        for served in &mut state.journal.served[server] {
            *served = Served::default();
        }
    }

    /// Starts a call; `ends` is when its caller drops it.
    pub fn call(
        &mut self,
        (server, user): (usize, usize),
        kind: Kind,
        deadline: Duration,
        ends: Duration,
    ) {
        let client = Arc::clone(&self.servers[server]);
        let world = Arc::clone(&self.world);
        self.tasks.spawn(async move {
            let _ = timeout(ends, run(&world, &client, (server, user), kind, deadline)).await;
            let journal = &mut world.lock().journal;
            if kind == Kind::Fresh {
                let of_user = &mut journal.users[user];
                of_user.max_age_calls -= 1;
                of_user.last_max_age_call = Some(Instant::now());
            }
        });
        if kind == Kind::Fresh {
            self.world.lock().journal.users[user].max_age_calls += 1;
        }
    }

    /// Invalidates a user, or a user id that no call names.
    pub fn invalidate(&mut self, server: usize, user: usize) {
        let client = Arc::clone(&self.servers[server]);
        let world = Arc::clone(&self.world);
        self.tasks.spawn(async move {
            let index = {
                let journal = &mut world.lock().journal;
                journal.invalidations.push(Invalidation {
                    user,
                    called: Instant::now(),
                    succeeded: None,
                });
                journal.invalidations.len() - 1
            };
            let outcome = client.invalidate(&user_name(user)).await;
            let state = &mut *world.lock();
            state.check_invalidation(index);
            if outcome.is_ok() {
                state.journal.invalidations[index].succeeded = Some(Instant::now());
            }
        });
    }

    /// Looks at what each server would serve at once.
    pub fn check_hits(&self, users: usize) {
        for (server, client) in self.servers.iter().enumerate() {
            if self.world.lock().links[server].is_frozen {
                continue;
            }
            for user in 0..users {
                let call = begin(
                    &self.world,
                    client,
                    (server, user),
                    Kind::Get,
                    DEFAULT_DEADLINE,
                );
                self.world
                    .lock()
                    .check_kept(server, user, call.had_token.is_some());
                if let Some(token) = hit(client, user) {
                    end(&self.world, client, call, &Ok(token));
                }
            }
        }
    }

    /// Whether the server serves a token of its own cache.
    pub fn hits(&self, server: usize, user: usize) -> bool {
        hit(&self.servers[server], user).is_some()
    }

    /// Panics if a task did.
    pub fn join(&mut self) {
        while let Some(task) = self.tasks.try_join_next() {
            task.expect("no task of the simulation panics");
        }
    }
}

async fn run(
    world: &World,
    client: &Server,
    (server, user): (usize, usize),
    kind: Kind,
    deadline: Duration,
) {
    let call = begin(world, client, (server, user), kind, deadline);
    let options = CallOptions {
        deadline: Some(deadline),
        max_age: (kind == Kind::Fresh).then_some(MAX_AGE),
        ..CallOptions::default()
    };
    let hit = hit(client, user).filter(|_| kind == Kind::Get);
    let outcome = match (hit, kind) {
        (Some(token), _) => Ok(token),
        (None, Kind::Generate) => client.generate_token(user_of(user), options).await,
        (None, _) => client.get_token(user_of(user), options).await,
    };
    end(world, client, call, &outcome);
}

fn begin(
    world: &World,
    client: &Server,
    (server, user): (usize, usize),
    kind: Kind,
    deadline: Duration,
) -> Call {
    let state = &mut *world.lock();
    let link = &state.links[server];
    Call {
        server,
        incarnation: link.incarnation,
        user,
        kind,
        deadline,
        began: Instant::now(),
        had_token: has_token(client, server, user),
        has_token: None,
        clears: client.local.clears(),
        was_cleared: false,
        clock_jumped: false,
    }
}

fn end(world: &World, client: &Server, mut call: Call, outcome: &Result<Token, Error>) {
    let state = &mut *world.lock();
    let link = &state.links[call.server];
    if link.incarnation != call.incarnation {
        return;
    }
    call.has_token = has_token(client, call.server, call.user);
    call.was_cleared = client.local.clears() != call.clears;
    call.clock_jumped = link.last_jump.is_some_and(|last| last >= call.began);
    let serial = outcome
        .as_ref()
        .map(|token| token.expose().parse::<usize>().expect("a serial number"));
    state.journal.calls += 1;
    let time = u64::try_from(call.began.elapsed().as_micros()).unwrap();
    state
        .journal
        .note(time ^ serial.map_or(u64::MAX, |serial| serial as u64));
    state.check_call(&call, serial);
}

/// As the binding does for a call without `max_age`.
fn hit(client: &Server, user: usize) -> Option<Token> {
    let (user, hit) = client.look_up(user_of(user), None)?;
    if hit.needs_refresh {
        client.refresh(&Arc::new(user), &hit.token);
    }
    Some(hit.token)
}

fn has_token(client: &Server, server: usize, user: usize) -> Option<usize> {
    let token = client.local.stale(&user_of(user), server_clock(server))?;
    Some(token.expose().parse().expect("a serial number"))
}

/// The first user has a permission that ends some time after the request.
fn user_of(user: usize) -> User {
    let permission = || Resource {
        r#type: ResourceType::Document,
        id: "plan".into(),
        organization_id: Some("acme".into()),
        access_role: None,
        expires_at: None,
        expires_in: Some(30),
    };
    User {
        user_id: user_name(user),
        resources: (user == 0).then(|| vec![permission()]),
        ..User::default()
    }
}

fn user_name(user: usize) -> String {
    format!("user-{user}")
}

pub fn user_index(user: &User) -> usize {
    let index = user.user_id.strip_prefix("user-");
    index
        .and_then(|index| index.parse().ok())
        .expect("a user of the simulation")
}
