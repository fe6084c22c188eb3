//! What happened in the calls and requests of a client, as data. JavaScript takes the data when a call
//! has ended, and publishes them in `diagnostics_channel`. Nothing is recorded unless JavaScript asks for
//! it, because somebody subscribes to a channel.
//!
//! No record holds a user, a token or a credential.

pub mod call;
pub mod current;
pub mod journal;
pub mod records;
pub mod traceparent;
