//! Where tokens are cached: in this process ([`local`]), and in Redis ([`shared`]); and
//! [`single_flight`], which sends one request for all concurrent calls that miss.
//! [`sequence`] is the order of their requests.

pub mod local;
pub mod sequence;
pub mod shared;
pub mod single_flight;
