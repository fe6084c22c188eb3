//! The token client. It does not depend on napi or JavaScript.

pub mod cache;
pub mod client;
pub mod clock;
pub mod config;
pub mod deadlines;
pub mod error;
pub mod permissions;
pub mod stats;
pub mod token;
pub mod trace;
pub mod user;
pub mod velt;

pub use client::Client;
pub use config::{ApiVersion, Options};
pub use error::{Code, Error};
pub use token::Token;
pub use user::User;
