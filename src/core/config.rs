//! What a client is made with: checked once, when it is made.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::cache::local as cache;
use super::cache::shared::Address;
use super::error::Error;

/// Velt's production API.
pub const DEFAULT_BASE_URL: &str = "https://api.velt.dev";
/// How long one attempt may take.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take, all attempts and waits together.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(15);
/// How many requests one call may send.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// More would only make an outage worse.
const MAX_ATTEMPTS: u32 = 10;

/// The versions of Velt's token API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// `POST /v1/auth/token/get`, the one in Velt's guide.
    #[default]
    V1,
    /// `POST /v2/auth/generate_token`, which carries a name and permissions.
    V2,
}

/// What the caller asks for; `None` means the default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Velt's API key.
    pub api_key: SecretString,
    /// The auth token from Velt's console.
    pub auth_token: SecretString,
    /// Defaults to [`ApiVersion::V1`].
    pub api_version: ApiVersion,
    /// Defaults to [`DEFAULT_BASE_URL`].
    pub base_url: Option<String>,
    /// Defaults to [`DEFAULT_TIMEOUT`].
    pub timeout: Option<Duration>,
    /// Defaults to [`DEFAULT_DEADLINE`].
    pub deadline: Option<Duration>,
    /// Defaults to [`DEFAULT_MAX_ATTEMPTS`].
    pub max_attempts: Option<u32>,
    /// An HTTP(S) proxy; none by default. The environment is the caller's to read.
    pub proxy: Option<Proxy>,
    /// PEM certificates to trust instead of the built-in roots.
    pub ca: Option<String>,
    /// PEM certificates to trust beside the built-in roots; what is not one is passed over.
    pub extra_ca: Option<String>,
    /// Defaults to [`cache::DEFAULT_MAX_ENTRIES`].
    pub max_entries: Option<usize>,
    /// Where servers share their tokens; nowhere by default.
    pub shared_cache: Option<Address>,
}

/// A proxy, and the hosts to reach without it. Its URL may hold a password.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http://` or `https://`, with `user:password@` if it wants them.
    pub url: SecretString,
    /// A `NO_PROXY` list.
    pub bypass: Option<String>,
}

/// Options that passed every check.
#[derive(Debug)]
pub struct Config {
    /// Velt's API key.
    pub api_key: SecretString,
    /// The auth token from Velt's console.
    pub auth_token: SecretString,
    /// Which endpoint is called.
    pub api_version: ApiVersion,
    /// Where Velt is.
    pub base_url: Url,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long a call may take.
    pub deadline: Duration,
    /// How many requests one call may send.
    pub max_attempts: u32,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// See [`Options::ca`].
    pub ca: Option<String>,
    /// See [`Options::extra_ca`].
    pub extra_ca: Option<String>,
    /// How many tokens are kept in this process.
    pub max_entries: NonZeroUsize,
    /// See [`Options::shared_cache`].
    pub shared_cache: Option<Address>,
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
                "proxy cannot be used with an http baseUrl: the proxy would read the auth token. \
                 Use https, or leave proxy out.",
            ));
        }
        let max_attempts = options.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS);
        if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
            return Err(Error::config(format!(
                "maxAttempts must be 1 to {MAX_ATTEMPTS}."
            )));
        }
        let max_entries = options.max_entries.unwrap_or(cache::DEFAULT_MAX_ENTRIES);
        let max_entries = NonZeroUsize::new(max_entries)
            .ok_or_else(|| Error::config("cache.maxEntries must be 1 or more."))?;
        Ok(Self {
            api_key: credential("apiKey", "VELT_API_KEY", options.api_key)?,
            auth_token: credential("authToken", "VELT_AUTH_TOKEN", options.auth_token)?,
            api_version: options.api_version,
            base_url,
            timeout: positive("timeout", options.timeout.unwrap_or(DEFAULT_TIMEOUT))?,
            deadline: positive("deadline", options.deadline.unwrap_or(DEFAULT_DEADLINE))?,
            max_attempts,
            proxy: options.proxy,
            ca: options.ca,
            extra_ca: options.extra_ca,
            max_entries,
            shared_cache: options.shared_cache,
        })
    }
}

/// A credential goes into a header under v2, so it is held to what a header can carry in both.
fn credential(name: &str, variable: &str, value: SecretString) -> Result<SecretString, Error> {
    let text = value.expose_secret();
    if text.is_empty() {
        return Err(Error::config(format!(
            "{name} is missing: pass it as an option, or set {variable} in the server's \
             environment.",
        )));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::config(format!(
            "{name} has a space, a line break or another character that no Velt credential has: \
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
    let url = Url::parse(text).map_err(|_| wrong("must be a whole URL"))?;
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
                "must be https (http is for loopback only: it would send the auth token in the \
                 clear)",
            ));
        }
        _ => return Err(wrong("must be https")),
    }
    Ok(url)
}

/// Whether a URL never leaves this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
