//! One request to Velt: its JSON ([`api`]), its HTTPS exchange ([`transport`]), its
//! retries ([`retry`]), and the [`circuit_breaker`], which makes calls fail at once while Velt fails.

pub mod api;
pub mod circuit_breaker;
pub mod credentials;
pub mod endpoint;
pub mod retry;
pub mod transport;
pub mod upstream;
