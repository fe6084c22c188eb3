//! The connection to Redis or Valkey. No call waits for a server that does not respond: without a
//! connection, commands fail at once. One task per client connects, and reconnects.
//!
//! The `ConnectionManager` of redis-rs is not used: it does not support Sentinel, and its commands wait
//! while it reconnects.

use std::fmt;
use std::mem::replace;
use std::pin::{Pin, pin};
use std::sync::Arc;
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
use tokio::time::{Instant, timeout};

use super::store::{CONNECT_TIMEOUT, Unavailable};
use crate::core::config::RedisAddress;
use crate::core::error::Error;

/// A client of Redis: single server, Sentinel or Cluster.
pub struct Redis {
    target: Arc<Target>,
    command_timeout: Duration,
    connection: watch::Sender<State>,
}

enum Target {
    Single(Client),
    Sentinel(Mutex<redis::sentinel::SentinelClient>),
    Cluster(ClusterClient),
}

#[derive(Clone)]
enum State {
    /// The number of responses grows with each one. It also identifies the connection.
    Up(Connection, Arc<AtomicU64>),
    Down,
    /// A task connects.
    Connecting,
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
            target: Arc::new(target),
            command_timeout,
            connection: watch::Sender::new(State::Down),
        })
    }

    /// Connects, if there is no connection. When `limit` is over, connecting goes on, and the next call waits
    /// for it.
    ///
    /// # Errors
    /// [`Unavailable`] if the connection is not established in time.
    pub async fn connect(&self, limit: Duration) -> Result<(), Unavailable> {
        let is_connecting = |state: &State| matches!(state, State::Connecting);
        let is_down = |state: &State| matches!(state, State::Down);
        if replace_if(&self.connection, State::Connecting, is_down) {
            let (target, connection) = (Arc::clone(&self.target), self.connection.clone());
            tokio::spawn(async move {
                // A task of its own: after a panic, the state is `Down` too.
                let connected =
                    tokio::spawn(async move { timeout(CONNECT_TIMEOUT, target.connect()).await });
                let state = match connected.await {
                    Ok(Ok(Ok(connected))) => State::Up(connected, Arc::default()),
                    _ => State::Down,
                };
                replace_if(&connection, state, is_connecting);
            });
        }
        let mut state = self.connection.subscribe();
        let state = timeout(limit, state.wait_for(|state| !is_connecting(state))).await;
        match state {
            Ok(Ok(state)) if matches!(*state, State::Up(..)) => Ok(()),
            _ => Err(Unavailable),
        }
    }

    /// Drops the connection. This object does not connect again.
    pub fn close(&self) {
        self.connection.send_replace(State::Closed);
    }

    /// Runs a command.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no connection, or if the response is late or invalid.
    pub async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Unavailable> {
        self.run_within(self.command_timeout, self.command_timeout, command)
            .await
    }

    /// As [`Redis::run`], with a timeout of its own: `limit`. The command fails earlier if the connection has
    /// no response, to any command, for the time `silence`.
    ///
    /// # Errors
    /// As [`Redis::run`].
    pub async fn run_within<T: FromRedisValue>(
        &self,
        limit: Duration,
        silence: Duration,
        command: &redis::Cmd,
    ) -> Result<T, Unavailable> {
        let State::Up(mut connection, responses) = self.connection.borrow().clone() else {
            return Err(Unavailable);
        };
        // One node of a cluster may hang while the others work, and redis-rs reconnects to that node.
        let is_cluster = matches!(connection, Connection::Cluster(_));
        let response = pin!(connection.run(command));
        match wait(response, &responses, limit, silence).await {
            Wait::Response(Ok(value)) => {
                if !is_cluster {
                    responses.fetch_add(1, Ordering::Relaxed);
                }
                return Ok(value);
            }
            Wait::Response(Err(error)) if is_invalid_value(&error) => {}
            Wait::Late => {}
            Wait::Response(Err(_)) | Wait::Silent if is_cluster => {}
            Wait::Response(Err(_)) | Wait::Silent => self.drop_connection(&responses),
        }
        Err(Unavailable)
    }

    /// A newer connection stays: it may have been established while a command waited.
    fn drop_connection(&self, responses: &Arc<AtomicU64>) {
        replace_if(
            &self.connection,
            State::Down,
            |current| matches!(current, State::Up(_, current) if Arc::ptr_eq(current, responses)),
        );
    }
}

/// Replaces the state if it meets `condition`. Returns whether it did.
fn replace_if(
    connection: &watch::Sender<State>,
    state: State,
    condition: impl FnOnce(&State) -> bool,
) -> bool {
    connection.send_if_modified(|current| {
        let is_replaced = condition(current);
        if is_replaced {
            *current = state;
        }
        is_replaced
    })
}

enum Wait<T> {
    Response(T),
    /// Redis is busy with the commands before this one.
    Late,
    Silent,
}

/// Waits for `response`, up to `limit`, or until `responses` did not grow for the time `silence`.
async fn wait<T>(
    mut response: Pin<&mut impl Future<Output = T>>,
    responses: &AtomicU64,
    limit: Duration,
    silence: Duration,
) -> Wait<T> {
    let ends = Instant::now() + limit;
    let mut seen = responses.load(Ordering::Relaxed);
    let mut silent_halves = 0;
    while silent_halves < 2 {
        let now = Instant::now();
        if now >= ends {
            return Wait::Late;
        }
        // Half of the time, twice: a process that was stopped receives the response after the first half.
        let pause = (silence / 2).min(ends - now);
        if let Ok(response) = timeout(pause, &mut response).await {
            return Wait::Response(response);
        }
        let last_seen = replace(&mut seen, responses.load(Ordering::Relaxed));
        silent_halves = if seen == last_seen {
            silent_halves + 1
        } else {
            0
        };
    }
    Wait::Silent
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
