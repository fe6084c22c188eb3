//! The options of a client, validated once, when it is created.

use std::fmt::Debug;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::error::Error;

/// Velt's production API.
pub const DEFAULT_BASE_URL: &str = "https://api.velt.dev";
/// How long one attempt may take.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, all attempts and waits together.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(15);
/// How many requests one call may send.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// How many connections to Velt a client has at most. A process may have as few as 1,024 file descriptors.
/// With HTTP/2, a client needs few of them.
pub const DEFAULT_MAX_CONNECTIONS: usize = 128;
/// The highest number of requests that one call may send. More attempts would make an outage worse.
const MAX_ATTEMPTS: u32 = 10;
/// How many tokens are cached in this process. An entry with a token of 400 bytes takes about 1.3 kB.
pub const DEFAULT_MAX_ENTRIES: usize = 10_000;
/// How long a cached token must be valid to be served.
pub const DEFAULT_MIN_VALIDITY: Duration = Duration::from_secs(60 * 60);

/// The versions of Velt's token API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// `POST /v1/auth/token/get`, the one in older editions of Velt's guide.
    V1,
    /// `POST /v2/auth/generate_token`, the one in Velt's guide. It carries a name and permissions.
    #[default]
    V2,
}

/// The shortest `cache.secret`: 32 characters of base64 are 192 random bits.
const MIN_CACHE_SECRET: usize = 32;

/// Where the auth token of a request comes from.
#[derive(Clone, Debug)]
pub enum AuthToken {
    /// One auth token, or during a rotation two: the current one and the next one.
    List(Vec<SecretString>),
    /// The provider is asked for the auth token.
    Provider(Arc<dyn AuthTokenProvider>),
}

/// Returns the auth token, for example from a secret manager.
pub trait AuthTokenProvider: Debug + Send + Sync {
    /// The auth token to use from now on. Only one call at a time is made.
    fn auth_token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, Error>> + Send + '_>>;
}

impl Default for AuthToken {
    fn default() -> Self {
        "".into()
    }
}

impl From<&str> for AuthToken {
    fn from(auth_token: &str) -> Self {
        Self::List(vec![auth_token.into()])
    }
}

/// The options as they are given. `None` means the default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Velt's API key.
    pub api_key: SecretString,
    /// The auth token from Velt's console.
    pub auth_token: AuthToken,
    /// Defaults to [`ApiVersion::V2`].
    pub api_version: ApiVersion,
    /// Defaults to [`DEFAULT_BASE_URL`].
    pub base_url: Option<String>,
    /// Defaults to [`DEFAULT_TIMEOUT`].
    pub timeout: Option<Duration>,
    /// Defaults to [`DEFAULT_DEADLINE`].
    pub deadline: Option<Duration>,
    /// Defaults to [`DEFAULT_MAX_ATTEMPTS`].
    pub max_attempts: Option<u32>,
    /// Defaults to [`DEFAULT_MAX_CONNECTIONS`].
    pub max_connections: Option<usize>,
    /// An HTTP or HTTPS proxy; none by default. The core does not read the environment.
    pub proxy: Option<Proxy>,
    /// PEM certificates to trust instead of the built-in roots.
    pub ca: Option<String>,
    /// PEM certificates to trust beside the built-in roots. Invalid ones are ignored.
    pub extra_ca: Option<String>,
    /// Defaults to [`DEFAULT_MAX_ENTRIES`].
    pub max_entries: Option<usize>,
    /// The Redis where servers share their tokens; none by default.
    pub shared_cache: Option<RedisAddress>,
    /// The keys of the shared cache are derived from this secret. Defaults to the auth token; required if
    /// there is more than one, or a provider.
    pub cache_secret: Option<SecretString>,
}

/// A proxy, and the hosts to reach without it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// An `http://` or `https://` URL. It may hold `user:password@`.
    pub url: SecretString,
    /// A `NO_PROXY` list.
    pub bypass: Option<String>,
}

/// The Redis or Valkey servers of the shared cache. The URLs may hold passwords.
#[derive(Clone, Debug)]
pub struct RedisAddress {
    /// A single server, the master's name for `sentinels`, or nodes of a cluster.
    pub urls: Vec<SecretString>,
    /// Whether `urls` are nodes of a cluster. One node is enough, because it knows the others.
    pub is_cluster: bool,
    /// The URLs of Sentinels that know the address of the master.
    pub sentinels: Vec<SecretString>,
}

/// Options that passed every check.
#[derive(Debug)]
pub struct Config {
    /// Velt's API key.
    pub api_key: SecretString,
    /// The auth token from Velt's console.
    pub auth_token: AuthToken,
    /// The version of Velt's API.
    pub api_version: ApiVersion,
    /// The URL that the paths of Velt's API are appended to.
    pub base_url: Url,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long a call may take.
    pub deadline: Duration,
    /// How many requests one call may send.
    pub max_attempts: u32,
    /// How many connections to Velt there may be.
    pub max_connections: NonZeroUsize,
    /// See [`Options::proxy`].
    pub proxy: Option<Proxy>,
    /// See [`Options::ca`].
    pub ca: Option<String>,
    /// See [`Options::extra_ca`].
    pub extra_ca: Option<String>,
    /// How many tokens are cached in this process.
    pub max_entries: NonZeroUsize,
    /// See [`Options::shared_cache`].
    pub shared_cache: Option<SharedCacheConfig>,
}

/// The shared cache: where it is, and the secret of its keys.
#[derive(Debug)]
pub struct SharedCacheConfig {
    /// See [`Options::shared_cache`].
    pub address: RedisAddress,
    /// See [`Options::cache_secret`].
    pub secret: SecretString,
}

impl Config {
    /// Checks `options`.
    ///
    /// # Errors
    /// [`Code::Config`](super::Code::Config), naming the option and what to write instead.
    pub fn new(options: Options) -> Result<Self, Error> {
        let base_url = base_url(options.base_url.as_deref().unwrap_or(DEFAULT_BASE_URL))?;
        if options.proxy.is_some() && base_url.scheme() == "http" {
            return Err(Error::config(
                "proxy cannot be used with an http baseUrl: the proxy could read the auth token. Use \
                 https, or omit proxy.",
            ));
        }
        let max_attempts = options.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS);
        if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
            return Err(Error::config(format!(
                "maxAttempts must be 1 to {MAX_ATTEMPTS}."
            )));
        }
        let max_connections = options.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS);
        let max_connections = NonZeroUsize::new(max_connections)
            .ok_or_else(|| Error::config("maxConnections must be 1 or more."))?;
        let max_entries = options.max_entries.unwrap_or(DEFAULT_MAX_ENTRIES);
        let max_entries = NonZeroUsize::new(max_entries)
            .ok_or_else(|| Error::config("cache.maxEntries must be 1 or more."))?;
        let api_key = credential("apiKey", Some("VELT_API_KEY"), options.api_key)?;
        let auth_token = auth_token(options.auth_token)?;
        let secret = cache_secret(options.cache_secret, &auth_token)?;
        let shared_cache = match (options.shared_cache, secret) {
            (None, _) => None,
            (Some(address), Some(secret)) => Some(SharedCacheConfig { address, secret }),
            (Some(_), None) => {
                return Err(Error::config(
                    "cache.secret is missing: the keys of the shared cache must stay the same while the \
                     auth token changes. Pass a random secret, the same on all servers, such as the output \
                     of `openssl rand -base64 32`.",
                ));
            }
        };
        Ok(Self {
            api_key,
            auth_token,
            api_version: options.api_version,
            base_url,
            timeout: positive("timeout", options.timeout.unwrap_or(DEFAULT_TIMEOUT))?,
            deadline: positive("deadline", options.deadline.unwrap_or(DEFAULT_DEADLINE))?,
            max_attempts,
            max_connections,
            proxy: options.proxy,
            ca: options.ca,
            extra_ca: options.extra_ca,
            max_entries,
            shared_cache,
        })
    }
}

fn auth_token(given: AuthToken) -> Result<AuthToken, Error> {
    let AuthToken::List(list) = given else {
        return Ok(given);
    };
    let list: Vec<_> = match <[_; 1]>::try_from(list) {
        Ok([only]) => vec![credential("authToken", Some("VELT_AUTH_TOKEN"), only)?],
        Err(list) if list.len() == 2 => {
            let list = list.into_iter().enumerate();
            list.map(|(index, value)| credential(&format!("authToken[{index}]"), None, value))
                .collect::<Result<_, _>>()?
        }
        Err(_) => {
            return Err(Error::config(
                "authToken must have one or two entries: [current, next].",
            ));
        }
    };
    Ok(AuthToken::List(list))
}

fn cache_secret(
    given: Option<SecretString>,
    auth_token: &AuthToken,
) -> Result<Option<SecretString>, Error> {
    match (given, auth_token) {
        (Some(secret), _) if secret.expose_secret().chars().count() < MIN_CACHE_SECRET => {
            Err(Error::config(format!(
                "cache.secret must have {MIN_CACHE_SECRET} characters or more. Use a random one, such as \
                 the output of `openssl rand -base64 32`.",
            )))
        }
        (Some(secret), _) => Ok(Some(secret)),
        (None, AuthToken::List(list)) if list.len() == 1 => Ok(list.first().cloned()),
        (None, _) => Ok(None),
    }
}

/// Checks a credential; `name` and the environment `variable` are for errors. v2 sends credentials in
/// headers, so in both versions they must be valid header values.
///
/// # Errors
/// [`Code::Config`](super::Code::Config) if it is empty, or has a character that no credential has.
pub(super) fn credential(
    name: &str,
    variable: Option<&str>,
    value: SecretString,
) -> Result<SecretString, Error> {
    let text = value.expose_secret();
    if text.is_empty() {
        return Err(Error::config(match variable {
            Some(variable) => format!(
                "{name} is missing: pass it as an option, or set {variable} in the server's \
                 environment.",
            ),
            None => format!("{name} is empty."),
        }));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::config(format!(
            "{name} contains a space, a line break or another character that no Velt credential has: \
             copy it from console.velt.dev again.",
        )));
    }
    Ok(value)
}

fn positive(name: &str, value: Duration) -> Result<Duration, Error> {
    if value.is_zero() {
        return Err(Error::config(format!(
            "{name} must be above 0 milliseconds."
        )));
    }
    Ok(value)
}

fn base_url(text: &str) -> Result<Url, Error> {
    let wrong = |what: &str| Error::config(format!("baseUrl {what}, as in {DEFAULT_BASE_URL}."));
    let url = Url::parse(text).map_err(|_| wrong("must be a complete URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query or fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(wrong(
                "must be https (http is for loopback only: it sends the auth token unencrypted)",
            ));
        }
        _ => return Err(wrong("must begin with https:// (or http:// for loopback)")),
    }
    Ok(url)
}

/// Whether the host of a URL is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
