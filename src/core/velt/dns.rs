//! DNS lookups that connections share: a burst of connections to one server causes one lookup.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::core::trace::current;

/// How long the addresses of a name are used. The system does not tell how long they are valid.
const LIFETIME: Duration = Duration::from_secs(5);

/// The system's DNS. The connections of a client reach one host: Velt's, or the proxy's.
#[derive(Clone, Debug, Default)]
pub struct Dns(Arc<Mutex<Option<Lookup>>>);

type Outcome = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// The last lookup.
#[derive(Debug)]
struct Lookup {
    name: String,
    ended: Instant,
    outcome: Outcome,
}

impl Dns {
    /// Looks up `name`, or returns the addresses of a lookup that ended a short time ago. A lookup that
    /// ends while the caller waits counts even if it failed.
    async fn look_up(self, name: String) -> Outcome {
        let began = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(Lookup { ended, outcome, .. }) = last.as_ref().filter(|last| last.name == name)
            && (*ended >= began || (outcome.is_ok() && ended.elapsed() < LIFETIME))
        {
            return outcome.clone();
        }
        let host = name.clone();
        let lookup = spawn_blocking(move || {
            (host.as_str(), 0)
                .to_socket_addrs()
                .map(Iterator::collect::<Vec<_>>)
        });
        let outcome = lookup.await.unwrap_or_else(|error| Err(error.into()));
        let outcome = outcome.map_err(Arc::new);
        *last = Some(Lookup {
            name,
            ended: Instant::now(),
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Forgets the addresses, because no connection to them could be made.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl Resolve for Dns {
    fn resolve(&self, name: Name) -> Resolving {
        // In a task of its own: a lookup goes on when the caller no longer waits, so that it is not
        // started again before it has ended.
        let lookup = tokio::spawn(self.clone().look_up(name.as_str().into()));
        Box::pin(async move {
            let started = Instant::now();
            let outcome = lookup.await;
            current::looked_up(started);
            Ok(Box::new(outcome??.into_iter()) as Addrs)
        })
    }
}
