//! The addon: it converts JavaScript values to the core's types, and outcomes to JavaScript values. All
//! decisions are in [`crate::core`].
//!
//! A failure is returned as a value, and JavaScript throws it: napi-rs loses the codes of errors that
//! async functions throw (napi-rs#1632).

mod auth_token;
mod calls;
mod client;
mod completions;
mod records;
mod values;

use napi_derive::napi;

/// The version of the package that this addon belongs to.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
