//! The class behind JavaScript's `VeltAuthClient`.

use std::future::Future;
use std::sync::Arc;

use napi::bindgen_prelude::{Either, Either3};
use napi_derive::napi;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::calls::{Calls, runtime};
use super::records::Records;
use super::values::{
    CallOptions, ClientOptions, Failure, Permissions, Stats, Token, User, from_milliseconds, token,
};
use crate::core;

/// A client of the core. JavaScript keeps it in a private field.
#[napi]
pub struct NativeClient {
    client: Arc<core::Client>,
    runtime: Handle,
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
        let opened = runtime()
            .map_err(|error| {
                core::Error::config(
                    "Could not start velt-auth: the system has no thread or file descriptor left. Raise \
                     its limits.",
                )
                .because(error.to_string())
            })
            .and_then(|runtime| Ok((core::Client::new(options.into())?, runtime)));
        match opened {
            Ok((client, runtime)) => Either::A(Self {
                client: Arc::new(client),
                runtime,
            }),
            Err(error) => Either::B(error.into()),
        }
    }

    /// Requests a token from Velt. A call with a `number` is recorded under this number.
    #[napi(catch_unwind)]
    pub fn generate_token(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        user: User,
        options: CallOptions,
        number: Option<u32>,
    ) {
        let client = Arc::clone(&self.client);
        let options = numbered(options, number);
        start(calls, call, cancel, async move {
            client.generate_token(user.into(), options).await
        });
    }

    /// A token from the cache of this process, without waiting. `null` means: call `getToken`.
    ///
    /// The fields of the user come as arguments: N-API reads six arguments 0.38 µs faster than six
    /// properties of an object. A whole hit takes 2.3 µs (commit fb7d470).
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
        let (user, hit) = self.client.look_up(user.into(), min_validity)?;
        if hit.needs_refresh {
            let _inside = self.runtime.enter();
            self.client.refresh(&Arc::new(user), &hit.token);
        }
        Some(token(&hit.token))
    }

    /// A token from a cache, or from Velt. A call with a `number` is recorded under this number.
    #[napi(catch_unwind)]
    pub fn get_token(
        &self,
        calls: &Calls,
        call: u32,
        cancel: Option<&Cancel>,
        user: User,
        options: CallOptions,
        number: Option<u32>,
    ) {
        let client = Arc::clone(&self.client);
        let options = numbered(options, number);
        start(calls, call, cancel, async move {
            client.get_token(user.into(), options).await
        });
    }

    /// Invalidates all tokens of a user id, on all servers.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, calls: &Calls, call: u32, user_id: String) {
        let client = Arc::clone(&self.client);
        calls.start(call, async move {
            Some(match client.invalidate(&user_id).await {
                Ok(()) => Either3::C(true),
                Err(error) => Either3::B(error.into()),
            })
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

fn numbered(options: CallOptions, number: Option<u32>) -> core::client::CallOptions {
    core::client::CallOptions {
        number,
        ..options.into()
    }
}

fn start(
    calls: &Calls,
    number: u32,
    cancel: Option<&Cancel>,
    call: impl Future<Output = Result<core::Token, core::Error>> + Send + 'static,
) {
    let cancel = cancel.map(|cancel| cancel.0.clone());
    calls.start(number, async move {
        let outcome = match cancel {
            Some(cancel) => cancel.run_until_cancelled(call).await?,
            None => call.await,
        };
        Some(match outcome {
            Ok(got) => Either3::A(token(&got)),
            Err(error) => Either3::B(error.into()),
        })
    });
}

/// Panics in a call. A test checks that this panic does not end the Node process.
#[cfg(debug_assertions)]
#[napi(catch_unwind)]
pub fn panic_in_call(calls: &Calls, call: u32) {
    calls.start(call, async { panic!("a bug in a call") });
}
