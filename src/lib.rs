//! User tokens for [Velt](https://velt.dev), fetched by your server.
//!
//! This crate is the Rust half of the npm package `velt-auth`: a token client, and the Node.js
//! addon around it.
//!
//! # Layout
//!
//! A call runs down this list, and nothing imports against it:
//!
//! - `binding` (feature `binding`, on by default): the only users of napi. JavaScript values come
//!   in, outcomes go out as data.
//!   - `binding::client`: the class that JavaScript holds.
//!   - `binding::calls`: calls in flight, the thread they run on, and their way back through
//!     `binding::completions`.
//!   - `binding::values`: the JavaScript shapes, and their conversion into the core's.
//! - [`core`]: the token client. It names no napi, and builds and tests without it.
//!   - [`core::client`]: a token for a user, from the cache or from Velt; `core::client::fetch`: one
//!     question on its way through the caches.
//!   - [`core::cache`]: [`local`](core::cache::local), the tokens of this process;
//!     [`single_flight`](core::cache::single_flight), one question for all who wait;
//!     [`shared`](core::cache::shared), the tokens of all servers.
//!   - [`core::velt`]: the one who answers. [`circuit_breaker`](core::velt::circuit_breaker): no
//!     question while Velt is down; [`retry`](core::velt::retry): the only place that decides what is
//!     tried again, and when; [`transport`](core::velt::transport): one HTTPS exchange, and why it
//!     failed; [`api`](core::velt::api): the only place that knows Velt's JSON.
//!   - [`core::config`], [`core::user`], [`core::token`], [`core::clock`], [`core::stats`],
//!     [`core::error`]: what the others pass around.

#[cfg(feature = "binding")]
mod binding;
pub mod core;
mod sync;
