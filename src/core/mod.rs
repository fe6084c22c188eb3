//! The token client, with no knowledge of JavaScript.

pub mod api;
pub mod client;
pub mod config;
pub mod error;
pub mod retry;
pub mod stats;
pub mod token;
pub mod transport;
pub mod user;

pub use client::Client;
pub use config::{ApiVersion, Options};
pub use error::{Code, Error};
pub use token::Token;
pub use user::User;
