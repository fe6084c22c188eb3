//! The class behind JavaScript's `VeltAuthClient`.

use std::future::Future;
use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Either, Either4, Function};
use napi_derive::napi;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::auth_token::{JsProvider, Wake};
use super::calls::{Calls, runtime};
use super::records::{Records, TracedCall};
use super::values::{
    CachedToken, CallOptions, ClientOptions, Failure, PermissionsChange, PermissionsQuery, Refusal,
    Stats, Token, User, cached_token, from_milliseconds, token,
};
use crate::core;

/// A client of the core. JavaScript keeps it in a private field.
#[napi]
pub struct NativeClient {
    client: Arc<core::Client>,
    runtime: Handle,
    provider: Arc<JsProvider>,
}

/// Cancels calls when an `AbortSignal` is aborted.
#[napi]
#[derive(Default)]
pub struct Cancel(CancellationToken);

#[napi]
impl Cancel {
    /// Creates an object that is not cancelled.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls that were started with this object.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

#[napi]
impl NativeClient {
    /// A client, or the failure if an option is invalid.
    #[napi(catch_unwind)]
    pub fn open(options: ClientOptions) -> Either<NativeClient, Failure> {
        let provider = Arc::new(JsProvider::default());
        let preconnect = options.preconnect == Some(true);
        let options = options.into_core(&provider);
        let opened = runtime()
            .map_err(|error| {
                core::Error::config(
                    "Could not start velt-auth: the system has no thread or file descriptor left. Raise \
                     its limits.",
                )
                .because(error.to_string())
            })
            .and_then(|runtime| Ok((core::Client::new(options)?, runtime)));
        match opened {
            Ok((client, runtime)) => {
                let client = Arc::new(client);
                if preconnect {
                    let client = Arc::clone(&client);
                    runtime.spawn(async move { client.connect().await });
                }
                Either::A(Self {
                    client,
                    runtime,
                    provider,
                })
            }
            Err(error) => Either::B(error.into()),
        }
    }

    /// `wake` is called when the function `authToken` must be called, until `detach`.
    #[napi(catch_unwind)]
    pub fn attach(&self, wake: Wake) {
        self.provider.attach(wake);
    }

    /// Releases the callback of `attach`.
    #[napi(catch_unwind)]
    pub fn detach(&self) {
        self.provider.detach();
    }

    /// Passes the result of the function `authToken`; without it, the function has failed.
    #[napi(catch_unwind)]
    pub fn provide(&self, auth_token: Option<String>) {
        self.provider.provide(auth_token);
    }

    /// The refusals of auth tokens since the last call of this function, oldest first.
    #[napi(catch_unwind)]
    pub fn take_refusals(&self) -> Vec<Refusal> {
        let refusals = self.client.take_refusals().into_iter();
        refusals.map(Into::into).collect()
    }

    /// Requests a token from Velt. A call with `traced` is recorded.
    #[napi(catch_unwind)]
    pub fn generate_token(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        user: User,
        options: CallOptions,
        traced: Option<TracedCall>,
    ) {
        let client = Arc::clone(&self.client);
        let options = traced_options(options, traced);
        start(calls, call, cancel, async move {
            let outcome = client.generate_token(user.into(), options).await;
            outcome.map(|got| Either4::A(token(&got)))
        });
    }

    /// A function that returns a token from the cache of this process, without waiting. `null` means:
    /// call `getToken`. See [`CachedToken`] for its result.
    ///
    /// It is a function and not a method, because N-API takes 0.3 µs to find the Rust object of `this`. The
    /// fields of the user are arguments: N-API reads six arguments 0.38 µs faster than six properties of an
    /// object.
    #[napi(
        catch_unwind,
        ts_return_type = "(userId: string, organizationId?: string, email?: string, isAdmin?: boolean, \
                          name?: string, permissions?: Permissions, minValidity?: number) => CachedToken | null"
    )]
    pub fn look_up<'env>(
        &self,
        env: &'env Env,
    ) -> napi::Result<Function<'env, (), Option<CachedToken>>> {
        let client = Arc::clone(&self.client);
        let runtime = self.runtime.clone();
        env.create_function_from_closure("lookUp", move |arguments| {
            let user = User {
                user_id: arguments.get(0)?,
                organization_id: arguments.get(1)?,
                email: arguments.get(2)?,
                is_admin: arguments.get(3)?,
                name: arguments.get(4)?,
                permissions: arguments.get(5)?,
            };
            let min_validity = arguments.get::<Option<u32>>(6)?.map(from_milliseconds);
            let Some((user, hit)) = client.look_up(user.into(), min_validity) else {
                return Ok(None);
            };
            if hit.needs_refresh {
                let _inside = runtime.enter();
                client.refresh(&Arc::new(user), &hit.token);
            }
            Ok(Some(cached_token(&hit.token)))
        })
    }

    /// A token from a cache, or from Velt. A call with `traced` is recorded.
    #[napi(catch_unwind)]
    pub fn get_token(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        user: User,
        options: CallOptions,
        traced: Option<TracedCall>,
    ) {
        let client = Arc::clone(&self.client);
        let options = traced_options(options, traced);
        start(calls, call, cancel, async move {
            let outcome = client.get_token(user.into(), options).await;
            outcome.map(|got| Either4::A(token(&got)))
        });
    }

    /// Invalidates all tokens of a user id, on all servers.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, calls: &Calls, call: u32, user_id: String) {
        let client = Arc::clone(&self.client);
        start(calls, call, None, async move {
            client.invalidate(&user_id).await.map(|()| Either4::C(true))
        });
    }

    /// Adds or removes permissions of a user. A call with `traced` is recorded.
    #[napi(catch_unwind)]
    pub fn change_permissions(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        change: PermissionsChange,
        deadline: Option<u32>,
        traced: Option<TracedCall>,
    ) {
        let client = Arc::clone(&self.client);
        let deadline = deadline.map(from_milliseconds);
        let traced = traced.map(Into::into);
        start(calls, call, cancel, async move {
            let outcome = client
                .change_permissions(change.into(), deadline, traced)
                .await;
            outcome.map(|()| Either4::C(true))
        });
    }

    /// The permissions of users, as JSON. A call with `traced` is recorded.
    #[napi(catch_unwind)]
    pub fn get_permissions(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        query: PermissionsQuery,
        deadline: Option<u32>,
        traced: Option<TracedCall>,
    ) {
        let client = Arc::clone(&self.client);
        let deadline = deadline.map(from_milliseconds);
        let traced = traced.map(Into::into);
        start(calls, call, cancel, async move {
            let outcome = client.permissions(&query.into(), deadline, traced).await;
            outcome.map(|permissions| Either4::D(Value::Object(permissions).to_string()))
        });
    }

    /// Starts or stops to record calls, requests and changes.
    #[napi(catch_unwind)]
    pub fn record(&self, is_on: bool) {
        self.client.journal().record(is_on);
    }

    /// The records since the last call of this function.
    #[napi(catch_unwind)]
    pub fn take_records(&self) -> Records {
        self.client.journal().take().into()
    }

    /// The counters of this client.
    #[napi(catch_unwind)]
    pub fn stats(&self) -> Stats {
        (&*self.client).into()
    }

    /// Ends all calls in flight, and all later calls.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.client.close();
    }
}

fn traced_options(options: CallOptions, traced: Option<TracedCall>) -> core::client::CallOptions {
    core::client::CallOptions {
        traced: traced.map(Into::into),
        ..options.into()
    }
}

/// An [`Outcome`] of a call that has ended without a failure.
type Success = Either4<Token, Failure, bool, String>;

fn start(
    calls: &Calls,
    number: u32,
    cancel: Option<&Cancel>,
    call: impl Future<Output = Result<Success, core::Error>> + Send + 'static,
) {
    let cancel = cancel.map(|cancel| cancel.0.clone());
    // Boxed, because the futures around it would contain it six times.
    let call = Box::pin(call);
    calls.start(number, async move {
        let outcome = match cancel {
            Some(cancel) => cancel.run_until_cancelled(call).await?,
            None => call.await,
        };
        Some(outcome.unwrap_or_else(|error| Either4::B(error.into())))
    });
}

/// Panics in a call. A test checks that this panic does not end the Node process.
#[cfg(debug_assertions)]
#[napi(catch_unwind)]
pub fn panic_in_call(calls: &Calls, call: u32) {
    calls.start(call, async { panic!("a bug in a call") });
}
