//! User tokens for [Velt](https://velt.dev), for customers' servers.
//!
//! This crate is the Rust part of the npm package `velt-auth`: a token client ([`core`]), and the
//! Node.js addon around it (`binding`).
//!
//! # Layout
//!
//! A module imports only modules further down in this list. `npm run lint` fails on a circular import.
//!
//! - `binding` (feature `binding`, on by default): converts JavaScript values. Only this module uses
//!   napi.
//!   - `client`: the class that JavaScript calls. `calls`: calls in flight, and the thread they run on.
//!     `completions`: the queue of their outcomes. `auth_token`: the option `authToken` as a function.
//!     `values` and `records`: the types that cross the border.
//! - [`core::client`]: a token for a user. `getToken` begins at
//!   [`Client::get_token`](core::client::Client::get_token).
//!   - `fetch`: fetches a token after a cache miss, from the shared cache or from Velt.
//!   - `log_reader`: reads from Redis which users other servers have invalidated, and removes their tokens
//!     from the cache of this process.
//! - [`core::cache`]: cached tokens.
//!   - [`shared`](core::cache::shared): the tokens in Redis, and the protocol between servers: lease,
//!     generations, log of invalidations.
//!     [`store`](core::cache::shared::store) has its operations, `redis_store` the commands and Lua
//!     scripts for them, `connection` the connection, `seal` the cryptography.
//!   - [`local`](core::cache::local): the tokens of this process. It decides which tokens to serve, and
//!     which to refresh.
//!   - [`single_flight`](core::cache::single_flight): one request for all calls that wait.
//!   - [`sequence`](core::cache::sequence): the order of the requests for a user, on all servers.
//! - [`core::velt`]: a request to Velt.
//!   - [`upstream`](core::velt::upstream): a request with its circuit breaker, retries and counters.
//!   - [`circuit_breaker`](core::velt::circuit_breaker): when no requests are sent, because Velt fails.
//!     [`retry`](core::velt::retry): when and how often a transient failure is retried.
//!   - [`endpoint`](core::velt::endpoint): one attempt, with its HTTPS exchange
//!     ([`transport`](core::velt::transport)) and its auth token
//!     ([`credentials`](core::velt::credentials)).
//!     [`connections`](core::velt::connections): which request is sent on which connection, and when one
//!     is opened. `connector` makes reqwest clients, with the addresses from `dns`. `causes`: errors and
//!     their causes.
//!   - [`api`](core::velt::api): Velt's JSON, headers and statuses. `request` writes requests. `response`
//!     reads responses, and decides which failures are transient.
//! - What all of them use: [`core::config`] (options and defaults), [`core::deadlines`],
//!   [`core::user`], [`core::permissions`], [`core::token`], [`core::clock`], [`core::stats`],
//!   [`core::trace`] (what happened in calls and requests, while JavaScript records it), [`core::error`].

#[cfg(feature = "binding")]
mod binding;
pub mod core;
mod sync;
