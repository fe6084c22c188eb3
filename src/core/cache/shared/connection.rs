//! The connection to Redis or Valkey. No call waits for a server that does not respond: without a
//! connection, commands fail at once. One task per client connects, and reconnects.
//!
//! The `ConnectionManager` of redis-rs is not used: it does not support Sentinel, and its commands wait
//! while it reconnects.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    IntoConnectionInfo as _, RedisError, RedisResult, TlsCertificates, TlsMode,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::store::Unavailable;
use crate::core::config::RedisAddress;
use crate::core::error::Error;

/// A client of Redis: single server, Sentinel or Cluster.
pub struct Redis {
    target: Target,
    command_timeout: Duration,
    connection: watch::Sender<State>,
    connections: AtomicU64,
}

enum Target {
    Single(Client),
    Sentinel(Mutex<redis::sentinel::SentinelClient>),
    Cluster(ClusterClient),
}

#[derive(Clone)]
enum State {
    /// The number identifies the connection.
    Up(Connection, u64),
    Down,
    Closed,
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Validates the address; no connection is made yet. A command fails after `command_timeout`.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for invalid URLs.
    pub fn new(
        address: &RedisAddress,
        ca: Option<&str>,
        command_timeout: Duration,
    ) -> Result<Self, Error> {
        let target = target(address, ca).map_err(|_| {
            Error::config(
                "cache.redis must be a URL such as rediss://user:password@host:6379/0, or a list of \
                 such URLs for a cluster. cache.sentinels must be a list of URLs, and requires a single \
                 URL as cache.redis.",
            )
        })?;
        Ok(Self {
            target,
            command_timeout,
            connection: watch::Sender::new(State::Down),
            connections: AtomicU64::new(0),
        })
    }

    /// Connects, if there is no connection.
    ///
    /// # Errors
    /// [`Unavailable`] if the connection is not established in time.
    pub async fn connect(&self, limit: Duration) -> Result<(), Unavailable> {
        match *self.connection.borrow() {
            State::Up(..) => return Ok(()),
            State::Closed => return Err(Unavailable),
            State::Down => {}
        }
        let connected = timeout(limit, self.target.connect()).await;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let (state, result) = match connected {
            Ok(Ok(connection)) => (State::Up(connection, number), Ok(())),
            _ => (State::Down, Err(Unavailable)),
        };
        self.replace(state, |current| !matches!(current, State::Closed));
        result
    }

    /// Drops the connection. This object does not connect again.
    pub fn close(&self) {
        self.replace(State::Closed, |_| true);
    }

    /// Runs a command.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no connection, or if the response is late or invalid.
    pub async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Unavailable> {
        self.run_within(self.command_timeout, command).await
    }

    /// As [`Redis::run`], with a timeout of its own.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn run_within<T: FromRedisValue>(
        &self,
        limit: Duration,
        command: &redis::Cmd,
    ) -> Result<T, Unavailable> {
        let State::Up(mut connection, number) = self.connection.borrow().clone() else {
            return Err(Unavailable);
        };
        match timeout(limit, connection.run(command)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_invalid_value(&error) => Err(Unavailable),
            // The connection stays: one node of a cluster may hang while the others work, and redis-rs
            // reconnects to that node.
            _ if matches!(connection, Connection::Cluster(_)) => Err(Unavailable),
            _ => {
                // A newer connection stays: it may have been established while this command waited.
                self.replace(
                    State::Down,
                    |current| matches!(current, State::Up(_, current) if *current == number),
                );
                Err(Unavailable)
            }
        }
    }

    fn replace(&self, state: State, condition: impl FnOnce(&State) -> bool) {
        self.connection.send_if_modified(|current| {
            let is_replaced = condition(current);
            if is_replaced {
                *current = state;
            }
            is_replaced
        });
    }
}

/// Whether the error says that the value under our key is not a value of this package. Redis itself then
/// works. After any other error a new connection is better, for example after an error from a master that
/// has become a replica or has lost its replicas.
fn is_invalid_value(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::UnexpectedReturnType => true,
        ErrorKind::Extension => error.code() != Some("NOREPLICAS"),
        _ => false,
    }
}

impl Connection {
    async fn run<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> RedisResult<T> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

impl Target {
    async fn connect(&self) -> RedisResult<Connection> {
        // `Redis` has its own timeouts.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        Ok(match self {
            Self::Single(client) => Connection::Single(
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?,
            ),
            Self::Sentinel(client) => Connection::Single(
                client
                    .lock()
                    .await
                    .get_async_connection_with_config(&config)
                    .await?,
            ),
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        })
    }
}

fn target(address: &RedisAddress, ca: Option<&str>) -> RedisResult<Target> {
    let nodes = infos(&address.urls)?;
    let sentinels = infos(&address.sentinels)?;
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: ca.map(|pem| pem.as_bytes().to_vec()),
    };
    match (&nodes[..], &sentinels[..], address.is_cluster) {
        ([master], [_, ..], false) => sentinel(master, &sentinels, &certificates),
        // With certificates, redis-rs would use TLS for plain connections too.
        ([node], [], false) if is_tls(node) => Ok(Target::Single(Client::build_with_tls(
            node.clone(),
            certificates,
        )?)),
        ([node], [], false) => Ok(Target::Single(Client::open(node.clone())?)),
        ([_, ..], [], true) => {
            let mut builder = ClusterClient::builder(nodes.clone());
            if nodes.iter().any(is_tls) {
                builder = builder.certs(certificates);
            }
            Ok(Target::Cluster(builder.build()?))
        }
        _ => Err((ErrorKind::InvalidClientConfig, "no such servers").into()),
    }
}

fn infos(urls: &[SecretString]) -> RedisResult<Vec<ConnectionInfo>> {
    urls.iter()
        .map(|url| url.expose_secret().into_connection_info())
        .collect()
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// In the URL of the master, the host is the service name.
fn sentinel(
    master: &ConnectionInfo,
    sentinels: &[ConnectionInfo],
    certificates: &TlsCertificates,
) -> RedisResult<Target> {
    let (ConnectionAddr::Tcp(service, _) | ConnectionAddr::TcpTls { host: service, .. }) =
        master.addr()
    else {
        return Err((ErrorKind::InvalidClientConfig, "no service name").into());
    };
    let addresses: Vec<_> = sentinels.iter().map(|info| info.addr().clone()).collect();
    let settings = master.redis_settings();
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?
        .set_client_to_redis_db(settings.db());
    if is_tls(master) {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone());
    }
    if let Some(username) = settings.username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    // redis-rs supports only one set of credentials for all Sentinels.
    let settings = sentinels[0].redis_settings();
    if is_tls(&sentinels[0]) {
        builder = builder.set_client_to_sentinel_certificates(certificates.clone());
    }
    if let Some(username) = settings.username() {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    Ok(Target::Sentinel(Mutex::new(builder.build()?)))
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").finish_non_exhaustive()
    }
}
