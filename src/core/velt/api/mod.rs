//! Velt's wire format: its JSON, its headers and its error messages. No other module knows them.
//!
//! Sources: Velt's guide "JWT Authentication Tokens" (v2; older editions show v1), and the REST
//! reference of `POST /v1/auth/token/get` and `POST /v2/auth/generate_token`. The envelope of both is
//! that of Firebase callable functions, so `status` is a `google.rpc.Code` name.

mod request;
mod response;

pub use request::{body, endpoint, headers};
pub use response::read;
