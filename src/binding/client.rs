//! The class behind JavaScript's `VeltAuthClient`.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{AsyncBlock, AsyncBlockBuilder, Either, Result};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use super::values::{ClientOptions, Failure, Stats, Token, User};
use crate::core;

/// A client of the core. JavaScript keeps it in a private field.
#[napi]
pub struct NativeClient(Arc<core::Client>);

/// What an `AbortSignal` pulls.
#[napi]
#[derive(Default)]
pub struct Cancel(CancellationToken);

#[napi]
impl Cancel {
    /// Not cancelled yet.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops the calls that were given this object.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

#[napi]
impl NativeClient {
    /// A client, or what is wrong with its options.
    #[napi(catch_unwind)]
    pub fn open(options: ClientOptions) -> Either<NativeClient, Failure> {
        match core::Client::new(options.into()) {
            Ok(client) => Either::A(Self(Arc::new(client))),
            Err(error) => Either::B(error.into()),
        }
    }

    /// A token or a failure; `null` when `cancel` came first. `deadline` is in milliseconds.
    #[napi(catch_unwind, ts_return_type = "Promise<Token | Failure | null>")]
    pub fn generate_token(
        &self,
        env: Env,
        user: User,
        deadline: Option<u32>,
        cancel: Option<&Cancel>,
    ) -> Result<AsyncBlock<Option<Either<Token, Failure>>>> {
        let client = Arc::clone(&self.0);
        let cancel = cancel.map_or_else(CancellationToken::new, |cancel| cancel.0.clone());
        let deadline = deadline.map(|ms| Duration::from_millis(ms.into()));
        let call = async move {
            let user = user.into();
            let outcome = cancel
                .run_until_cancelled(client.generate_token(&user, deadline))
                .await;
            Ok(outcome.map(|outcome| match outcome {
                Ok(token) => Either::A(token.into()),
                Err(error) => Either::B(error.into()),
            }))
        };
        AsyncBlockBuilder::new(call).build(&env)
    }

    /// The counters of this client.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Stats {
        self.0.stats().into()
    }

    /// Ends every call in flight and to come.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

/// Panics as a bug of ours would, for the test that Node survives it.
#[cfg(debug_assertions)]
#[napi(catch_unwind, ts_return_type = "Promise<never>")]
pub fn panic_in_call(env: Env) -> Result<AsyncBlock<()>> {
    AsyncBlockBuilder::new(async { panic!("a bug in a call") }).build(&env)
}
