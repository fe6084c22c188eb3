//! The tokens that are kept: in this process, and in Redis.

pub mod local;
pub mod shared;
pub mod single_flight;
