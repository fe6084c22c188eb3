//! DNS lookups that connections share: a burst of connections to one server causes one lookup.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tower_service::Service;

/// How long the addresses of a name are used. The system does not tell how long they are valid.
const LIFETIME: Duration = Duration::from_secs(5);

/// The system's DNS. The connections of a client reach one host: Velt's, or the proxy's.
#[derive(Clone, Debug, Default)]
pub struct Dns(Arc<Mutex<Option<Lookup>>>);

/// The outcome of the last lookup.
#[derive(Debug)]
struct Lookup {
    name: Name,
    ended: Instant,
    outcome: Result<Vec<SocketAddr>, Arc<io::Error>>,
}

/// A name could not be looked up.
#[derive(Clone, Debug, thiserror::Error)]
#[error("DNS lookup failed")]
pub struct DnsError(#[source] Arc<io::Error>);

impl Dns {
    /// Looks up `name`, or returns the addresses of a lookup that ended a short time ago. A lookup that
    /// ends while the caller waits counts even if it failed.
    async fn look_up(self, name: Name) -> Result<Vec<SocketAddr>, DnsError> {
        let began = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(Lookup { ended, outcome, .. }) = last.as_ref().filter(|last| last.name == name)
            && (*ended >= began || (outcome.is_ok() && ended.elapsed() < LIFETIME))
        {
            return outcome.clone().map_err(DnsError);
        }
        let host = name.clone();
        let outcome = spawn_blocking(move || {
            (host.as_str(), 0)
                .to_socket_addrs()
                .map(Iterator::collect::<Vec<_>>)
        });
        let outcome = outcome.await.unwrap_or_else(|error| Err(error.into()));
        let outcome = outcome.map_err(Arc::new);
        *last = Some(Lookup {
            name,
            ended: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome.map_err(DnsError)
    }

    /// Forgets the addresses, because no connection to them could be made.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Service<Name> for Dns {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DnsError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DnsError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        // In a task of its own: a lookup goes on when the caller no longer waits, so that it is not
        // started again before it has ended.
        let lookup = tokio::spawn(self.clone().look_up(name));
        Box::pin(async move {
            lookup
                .await
                .unwrap_or_else(|error| Err(DnsError(Arc::new(error.into()))))
                .map(Vec::into_iter)
        })
    }
}
