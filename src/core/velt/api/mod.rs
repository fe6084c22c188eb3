//! Velt's wire format: its JSON, its headers and its error messages. No other module knows them.
//!
//! Sources: Velt's guide "JWT Authentication Tokens" (v2; older editions show v1), and the REST
//! reference of `POST /v1/auth/token/get`, `POST /v2/auth/generate_token` and
//! `POST /v2/auth/permissions/{add,remove,get}`. Their envelope is that of Firebase callable functions,
//! so `status` is a `google.rpc.Code` name.

pub mod request;
pub mod response;

pub use response::Context;
