//! The class behind JavaScript's `VeltAuthClient`.

use std::future::Future;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{
    AsyncBlock, AsyncBlockBuilder, Either, Result, within_runtime_if_available,
};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use super::values::{
    CallOptions, ClientOptions, Failure, Permissions, Stats, Token, User, from_milliseconds,
};
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

/// A token or a failure; `null` when an abort came first.
type Outcome = Option<Either<Token, Failure>>;

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

    /// Asks Velt for a token.
    #[napi(catch_unwind, ts_return_type = "Promise<Token | Failure | null>")]
    pub fn generate_token(
        &self,
        env: Env,
        user: User,
        options: CallOptions,
        cancel: Option<&Cancel>,
    ) -> Result<AsyncBlock<Outcome>> {
        let client = Arc::clone(&self.0);
        let call = async move { client.generate_token(user.into(), options.into()).await };
        promise(env, cancel, call)
    }

    /// A token from the cache, at once; `null` means: call `getToken`. The fields of a user come one
    /// by one, since N-API reads an argument much faster than a property.
    #[napi(catch_unwind)]
    #[allow(
        clippy::too_many_arguments,
        reason = "`expect` fails in the copy that napi makes"
    )]
    pub fn look_up(
        &self,
        min_validity: Option<u32>,
        user_id: String,
        organization_id: Option<String>,
        email: Option<String>,
        name: Option<String>,
        is_admin: Option<bool>,
        permissions: Option<Permissions>,
    ) -> Option<Token> {
        let user = User {
            user_id,
            organization_id,
            email,
            name,
            is_admin,
            permissions,
        };
        let min_validity = min_validity.map(from_milliseconds);
        let (user, hit) = self.0.look_up(user.into(), min_validity)?;
        if hit.is_due {
            let renew = || self.0.refresh(&Arc::new(user), &hit.token);
            within_runtime_if_available(renew);
        }
        Some(hit.token.into())
    }

    /// A token from the cache, or from Velt.
    #[napi(catch_unwind, ts_return_type = "Promise<Token | Failure | null>")]
    pub fn get_token(
        &self,
        env: Env,
        user: User,
        options: CallOptions,
        cancel: Option<&Cancel>,
    ) -> Result<AsyncBlock<Outcome>> {
        let client = Arc::clone(&self.0);
        let call = async move { client.get_token(user.into(), options.into()).await };
        promise(env, cancel, call)
    }

    /// Forgets a user id everywhere: `null`, or a failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Failure | null>")]
    pub fn invalidate(&self, env: Env, user_id: String) -> Result<AsyncBlock<Option<Failure>>> {
        let client = Arc::clone(&self.0);
        let call = async move { Ok(client.invalidate(&user_id).await.err().map(Into::into)) };
        AsyncBlockBuilder::new(call).build(&env)
    }

    /// The counters of this client.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Stats {
        (&*self.0).into()
    }

    /// Ends every call in flight and to come.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}

fn promise(
    env: Env,
    cancel: Option<&Cancel>,
    call: impl Future<Output = std::result::Result<core::Token, core::Error>> + Send + 'static,
) -> Result<AsyncBlock<Outcome>> {
    let cancel = cancel.map_or_else(CancellationToken::new, |cancel| cancel.0.clone());
    let settled = async move {
        let outcome = cancel.run_until_cancelled(call).await;
        Ok(outcome.map(|outcome| match outcome {
            Ok(token) => Either::A(token.into()),
            Err(error) => Either::B(error.into()),
        }))
    };
    AsyncBlockBuilder::new(settled).build(&env)
}

/// Panics as a bug of ours would, for the test that Node survives it.
#[cfg(debug_assertions)]
#[napi(catch_unwind, ts_return_type = "Promise<never>")]
pub fn panic_in_call(env: Env) -> Result<AsyncBlock<()>> {
    AsyncBlockBuilder::new(async { panic!("a bug in a call") }).build(&env)
}
