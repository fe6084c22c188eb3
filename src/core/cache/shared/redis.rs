//! A connection to Redis or Valkey that is there or is not: no caller waits for a server that does
//! not answer. One task per client connects, and connects again.

use std::fmt;
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

use crate::core::error::Error;

/// A command that takes longer is given up, and with it the connection. A healthy server is a
/// hundred times faster; a thousand commands at once on a busy machine are not.
const MAX_COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that takes longer is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the shared cache is.
#[derive(Clone, Debug)]
pub struct Address {
    /// A single server, the name of a master for `sentinels`, or the nodes of a cluster. They may
    /// hold a password.
    pub urls: Vec<SecretString>,
    /// Whether `urls` are nodes of a cluster: one of them is enough to find the others.
    pub is_cluster: bool,
    /// The URLs of Sentinels that know where the master is.
    pub sentinels: Vec<SecretString>,
}

/// Redis cannot be asked now.
#[derive(Debug)]
pub struct Down;

/// A client of Redis: single server, Sentinel or Cluster.
pub struct Redis {
    target: Target,
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
    /// Nobody has tried yet: worth a moment's wait.
    New,
    Up(Connection),
    Down,
}

#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Checks the address; no connection is made yet. No command takes more than `patience`.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for URLs that cannot be used.
    pub fn new(address: &Address, ca: Option<&str>, patience: Duration) -> Result<Self, Error> {
        let target = target(address, ca).map_err(|_| {
            Error::config(
                "cache.redis must be a URL such as rediss://user:password@host:6379/0, or a list \
                 of such URLs for a cluster; cache.sentinels must be a list of them, and goes with \
                 one URL that is no list.",
            )
        })?;
        Ok(Self {
            target,
            command_timeout: MAX_COMMAND_TIMEOUT.min(patience),
            connection: watch::Sender::new(State::New),
        })
    }

    /// Makes a connection if there is none.
    ///
    /// # Errors
    /// [`Down`] if it does not succeed in time.
    pub async fn connect(&self) -> Result<(), Down> {
        if matches!(*self.connection.borrow(), State::Up(_)) {
            return Ok(());
        }
        let connection = match timeout(CONNECT_TIMEOUT, self.target.connect()).await {
            Ok(Ok(connection)) => State::Up(connection),
            _ => State::Down,
        };
        let is_up = matches!(connection, State::Up(_));
        self.connection.send_replace(connection);
        if is_up { Ok(()) } else { Err(Down) }
    }

    /// Runs a command.
    ///
    /// # Errors
    /// [`Down`] if there is no connection, no answer in time, or a nonsensical one.
    pub async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Down> {
        let mut states = self.connection.subscribe();
        let known = states.wait_for(|state| !matches!(state, State::New));
        let State::Up(mut connection) = timeout(self.command_timeout, known)
            .await
            .map_err(|_| Down)?
            .map_err(|_| Down)?
            .clone()
        else {
            return Err(Down);
        };
        match timeout(self.command_timeout, connection.run(command)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_garbage(&error) => Err(Down),
            _ => {
                self.connection.send_replace(State::Down);
                Err(Down)
            }
        }
    }
}

/// The server is well, but what it holds under our key is not ours. After any other error (a
/// replica that was a master a moment ago, say) a new connection is the better one.
fn is_garbage(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedReturnType | ErrorKind::Extension
    )
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
        // Both times are kept by us.
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

fn target(address: &Address, ca: Option<&str>) -> RedisResult<Target> {
    let nodes = infos(&address.urls)?;
    let sentinels = infos(&address.sentinels)?;
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: ca.map(|pem| pem.as_bytes().to_vec()),
    };
    match (&nodes[..], &sentinels[..], address.is_cluster) {
        ([master], [_, ..], false) => sentinel(master, &sentinels, &certificates),
        // Certificates would turn plain connections into TLS ones.
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

/// The URL of the master has the service name where others have the host.
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
    // redis-rs takes one set of credentials for all Sentinels.
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
