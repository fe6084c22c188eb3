//! The model of Velt: slow, failing, silent, rejecting a user, limiting the rate, or refusing an old auth
//! token.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};

use super::clock::server_clock;
use super::fleet::user_index;
use super::journal::Outcome;
use super::world::World;
use crate::core::error::{Code, Error};
use crate::core::token::Token;
use crate::core::user::User;
use crate::core::velt::circuit_breaker::CircuitBreaker;
use crate::core::velt::credentials::Credentials;
use crate::core::velt::upstream::TokenEndpoint;

#[derive(Debug)]
pub struct ModelVelt {
    pub world: Arc<World>,
    pub server: usize,
    pub credentials: Arc<Credentials>,
}

/// A request that ends by its response, or because its server drops it.
struct InFlight<'a> {
    world: &'a World,
    serial: usize,
    outcome: Outcome,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let journal = &mut self.world.lock().journal;
        journal.requests[self.serial].ended = Some((Instant::now(), self.outcome));
    }
}

impl TokenEndpoint for ModelVelt {
    type Place = ();

    async fn place(&self) {}

    async fn request_token(
        &self,
        (): (),
        user: &User,
        breaker: &CircuitBreaker,
    ) -> Result<Token, Error> {
        let next_place = async || breaker.check_rate_limit();
        let exchange = async |(), auth_token: Arc<SecretString>| {
            self.exchange(user, auth_token.expose_secret()).await
        };
        self.credentials.send((), next_place, exchange).await
    }
}

impl ModelVelt {
    async fn exchange(&self, user: &User, auth_token: &str) -> Result<Token, Error> {
        let Self { world, server, .. } = self;
        // A server that is frozen now sends the request after it thaws, whatever it learns then.
        let limit = world.lock().journal.rate_limited_until[*server];
        world.until_thawed(*server).await;
        let permissions_end = user.permissions_end();
        let user = user_index(user);
        let mut rate_limit = None;
        let (serial, latency, outcome, lifetime) = {
            let mut state = world.lock();
            let lifetime = state.velt.lifetime;
            let mut expires = Instant::now() + lifetime;
            if let Some(end) = permissions_end {
                let time = end.duration_since(state.epoch).unwrap_or_default();
                expires = expires.min(world.start + time);
            }
            let place = (*server, state.links[*server].incarnation);
            let serial = state.journal.requests(user, place, expires);
            state.check_request(serial, limit);
            let state = &mut *state;
            let mut latency = state.velt.latency.mul_f64(0.1 + 0.9 * state.rng.f64());
            let chance = state.rng.u8(..100);
            let outcome = if state.velt.auth_token != auth_token {
                Outcome::Refused
            } else if state.velt.rejected[user] {
                Outcome::Rejected
            } else if let Some(wait) = state.velt.next_rate_limit.take() {
                rate_limit = Some(wait);
                Outcome::RateLimited
            } else if chance < state.velt.silences {
                latency = Duration::from_secs(3600);
                Outcome::Failed
            } else if chance < state.velt.failures {
                Outcome::Failed
            } else {
                Outcome::Token
            };
            (serial, latency, outcome, lifetime)
        };
        let expires = server_clock(usize::MAX) + lifetime;
        let mut in_flight = InFlight {
            world,
            serial,
            outcome: Outcome::Failed,
        };
        sleep(latency).await;
        world.until_thawed(*server).await;
        in_flight.outcome = outcome;
        drop(in_flight);
        match outcome {
            Outcome::Token => Ok(Token::restored(
                serial.to_string(),
                server_clock(*server),
                expires,
            )),
            Outcome::Refused => Err(Error {
                status: Some("UNAUTHENTICATED".into()),
                ..Error::permanent(Code::Unauthorized, "refused")
            }),
            Outcome::Rejected => Err(Error::permanent(Code::Unauthorized, "rejected")),
            Outcome::RateLimited => {
                let limits = &mut world.lock().journal.rate_limited_until;
                let until = rate_limit.map(|wait| Instant::now() + wait);
                limits[*server] = limits[*server].max(until);
                Err(Error {
                    retry_after: rate_limit,
                    ..Error::transient(Code::RateLimited, "slow down")
                })
            }
            Outcome::Failed => Err(Error::transient(Code::Unavailable, "failing")),
        }
    }
}
