//! The token client, with no knowledge of JavaScript.

pub mod api;
pub mod cache;
pub mod circuit;
pub mod client;
pub mod clock;
pub mod config;
pub mod error;
mod fetch;
pub mod flight;
pub mod retry;
#[cfg(test)]
mod scenarios;
pub mod shared;
pub mod stats;
pub mod token;
pub mod transport;
pub mod user;
pub mod velt;

pub use client::Client;
pub use config::{ApiVersion, Options};
pub use error::{Code, Error};
pub use token::Token;
pub use user::User;
