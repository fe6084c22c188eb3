//! The permissions that Velt stores for users: the calls `client.permissions`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Client;
use crate::core::cache::shared::store::Store;
use crate::core::error::{Code, Error};
use crate::core::permissions::{Permissions, PermissionsChange, PermissionsQuery};
use crate::core::trace::current::RequestRecord;
use crate::core::trace::records::TracedCall;
use crate::core::velt::endpoint::VeltEndpoint;

impl<S: Store> Client<VeltEndpoint, S> {
    /// Adds or removes permissions of a user, and invalidates the tokens of this user, here and on every
    /// server that shares the cache.
    ///
    /// The request runs in a task of its own: if the returned future is dropped, the change goes on. Must
    /// be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Client::get_token`]. If the outcome of the request is unknown, such as after a timeout, the
    /// tokens are invalidated nevertheless. If Velt has changed the permissions, but the shared cache is
    /// unavailable, the error is that of [`Client::invalidate`].
    pub async fn change_permissions(
        self: &Arc<Self>,
        change: PermissionsChange,
        deadline: Option<Duration>,
        traced: Option<TracedCall>,
    ) -> Result<(), Error> {
        let deadline = deadline.unwrap_or(self.deadline);
        let outcome = match change.check(self.clock.now()) {
            Ok(()) => {
                let client = Arc::clone(self);
                let task =
                    tokio::spawn(async move { client.change(&change, deadline, traced).await });
                match timeout(deadline, task).await {
                    Ok(ended) => ended.unwrap_or_else(|_| Err(Error::leader_panicked())),
                    Err(_) => Err(timed_out(deadline)),
                }
            }
            Err(error) => Err(error),
        };
        self.stats.call_ended(&outcome);
        outcome
    }

    async fn change(
        self: &Arc<Self>,
        change: &PermissionsChange,
        deadline: Duration,
        traced: Option<TracedCall>,
    ) -> Result<(), Error> {
        let upstream = &self.fetcher.upstream;
        let (endpoint, breaker) = (upstream.endpoint(), upstream.breaker());
        let attempt = |place| endpoint.change_permissions(place, change, breaker);
        let record = RequestRecord::of_call(&self.journal, traced);
        let call = self.until_closed(upstream.call(deadline, attempt));
        let changed = record.during(call).await;
        record.end(&changed);
        if changed.as_ref().is_err_and(|error| !error.is_outage()) {
            return changed;
        }
        let invalidated = self.invalidate(&change.user_id).await;
        changed.and(invalidated)
    }

    /// The permissions of users, as Velt sent them.
    ///
    /// Dropping the future cancels the request. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// As [`Client::get_token`].
    pub async fn permissions(
        &self,
        query: &PermissionsQuery,
        deadline: Option<Duration>,
        traced: Option<TracedCall>,
    ) -> Result<Permissions, Error> {
        let upstream = &self.fetcher.upstream;
        let outcome = match query.check() {
            Ok(()) => {
                let (endpoint, breaker) = (upstream.endpoint(), upstream.breaker());
                let attempt = |place| endpoint.permissions(place, query, breaker);
                let call = upstream.call(deadline.unwrap_or(self.deadline), attempt);
                let record = RequestRecord::of_call(&self.journal, traced);
                let outcome = record.during(self.until_closed(call)).await;
                record.end(&outcome);
                outcome
            }
            Err(error) => Err(error),
        };
        self.stats.call_ended(&outcome);
        outcome
    }
}

fn timed_out(deadline: Duration) -> Error {
    Error::transient(
        Code::Timeout,
        format!(
            "Could not change the permissions within {} ms (deadline), so it is unknown whether they have \
             changed. Call again.",
            deadline.as_millis(),
        ),
    )
}
