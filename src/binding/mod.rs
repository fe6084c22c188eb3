//! The addon: JavaScript values in, outcomes out. Nothing here decides anything.
//!
//! No napi error ever carries a failure: napi-rs loses custom error codes on the way out of async
//! functions, so a failure is a value like any other, and JavaScript throws it.

mod calls;
mod client;
mod values;

use napi_derive::napi;

/// The version of the package that this addon belongs to.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
