//! The option `authToken` as a JavaScript function.
//!
//! Rust wakes JavaScript, JavaScript calls the function, and passes the auth token with
//! `NativeClient.provide`. The callback is attached only while a call is pending: a permanent reference
//! would keep the function and its realm from being garbage-collected.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::Status;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::core::config::AuthTokenProvider;
use crate::core::{Code, Error};

/// Wakes JavaScript. A weak reference: it does not keep the process alive.
pub type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The function of one client.
#[derive(Default)]
pub struct JsProvider(Mutex<State>);

#[derive(Default)]
struct State {
    wake: Option<Wake>,
    waiting: Option<oneshot::Sender<Option<SecretString>>>,
}

impl JsProvider {
    /// Calls `wake` when an auth token is needed. The last wake-up before `detach` may be lost.
    pub fn attach(&self, wake: Wake) {
        let mut state = self.lock();
        if state.waiting.is_some() {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
        state.wake = Some(wake);
    }

    /// Releases the callback.
    pub fn detach(&self) {
        let wake = self.lock().wake.take();
        drop(wake);
    }

    /// The function has returned an auth token, or failed.
    pub fn provide(&self, auth_token: Option<String>) {
        let waiting = self.lock().waiting.take();
        // If nobody waits any more, the receiver is gone.
        waiting.map(|waiting| waiting.send(auth_token.map(Into::into)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AuthTokenProvider for JsProvider {
    fn auth_token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, Error>> + Send + '_>> {
        Box::pin(async {
            let (sender, answer) = oneshot::channel();
            {
                let mut state = self.lock();
                let Some(wake) = &state.wake else {
                    return Err(failed(
                        "No call is pending, so the function `authToken` was not called.",
                    ));
                };
                // `wake` fails only while the JavaScript thread ends. At that time, no call waits.
                wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
                state.waiting = Some(sender);
            }
            match answer.await {
                Ok(Some(auth_token)) => Ok(auth_token),
                _ => Err(failed(
                    "The function `authToken` failed, so there is no auth token for the request. `cause` is \
                     its error.",
                )),
            }
        })
    }
}

impl fmt::Debug for JsProvider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JsProvider")
    }
}

fn failed(message: &str) -> Error {
    Error::transient(Code::Unauthorized, message)
}
