//! Makes reqwest clients, and watches the connections that they open.

use std::cell::Cell;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::Connection;
use reqwest::{Client, NoProxy, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;
use url::Url;

use super::causes::chain;
use super::dns::Dns;
use crate::core::config::{self, Config};
use crate::core::error::Error;
use crate::core::trace::current;

/// How long an idle connection is kept. Load balancers keep idle connections longer. The time is checked
/// again when a connection is used, so a serverless process that was frozen does not use closed
/// connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// A request on an HTTP/2 connection on which nothing has arrived for so long sends a ping.
const PING_AFTER: Duration = Duration::from_secs(2);
/// Without an answer to the ping for so long, the connection is closed. Both times together are shorter
/// than the default timeout of an attempt.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

type BoxError = Box<dyn StdError + Send + Sync>;

tokio::task_local! {
    /// Whether the current request opened a connection for itself.
    pub static HAS_DIALED: Cell<bool>;
}

/// The options of all clients. TLS sessions and DNS lookups are shared by the clients.
#[derive(Debug)]
pub struct Connector {
    tls: ClientConfig,
    proxy: Option<reqwest::Proxy>,
    dns: Dns,
    max_idle: usize,
}

/// Decides whether a client may open a connection, and learns its protocol.
pub trait Watcher: Clone + Send + Sync + 'static {
    /// Called before a connection is opened. `false`: this client must not open one any more.
    fn may_open(&self) -> bool;

    /// Called with each new connection. `false`: this client cannot use it.
    fn has_opened(&self, is_http2: bool) -> bool;
}

/// The request must be sent with another client, because the server has another protocol.
#[derive(Debug, thiserror::Error)]
#[error("the server has another protocol")]
pub struct WrongClient;

impl Connector {
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            tls: tls(config)?,
            proxy: config.proxy.as_ref().map(proxy).transpose()?,
            dns: Dns::default(),
            max_idle: config.max_connections.get(),
        })
    }

    /// A client without a connection. With `is_http2`, it uses one connection, and only with HTTP/2. Else
    /// the server chooses the protocol.
    ///
    /// # Errors
    /// None after the first client was made.
    pub fn client(&self, is_http2: bool, watcher: impl Watcher) -> Result<Client, Error> {
        let mut builder = Client::builder()
            .user_agent(concat!("velt-auth/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(self.tls.clone())
            .redirect(redirect::Policy::none())
            .referer(false)
            // The modules `retry` and `transport` do the retries, and JavaScript reads the proxy from the
            // environment.
            .retry(retry::never())
            .no_proxy()
            .dns_resolver(self.dns.clone())
            .pool_max_idle_per_host(self.max_idle)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http2_keep_alive_interval(PING_AFTER)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .connector_layer(Watch {
                watcher,
                dns: self.dns.clone(),
            });
        if is_http2 {
            builder = builder.http2_prior_knowledge();
        }
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        builder.build().map_err(|error| {
            Error::config("Could not set up the HTTP client.").because(chain(&error))
        })
    }
}

/// Calls the watcher of a client.
#[derive(Clone)]
struct Watch<W> {
    watcher: W,
    dns: Dns,
}

#[derive(Clone)]
struct Watched<S, W> {
    inner: S,
    watch: Watch<W>,
}

impl<S, W: Watcher> Layer<S> for Watch<W> {
    type Service = Watched<S, W>;

    fn layer(&self, inner: S) -> Self::Service {
        let watch = self.clone();
        Watched { inner, watch }
    }
}

impl<T, S, W: Watcher> Service<T> for Watched<S, W>
where
    S: Service<T, Error = BoxError, Response: Connection + Send, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: T) -> Self::Future {
        let Watch { watcher, dns } = self.watch.clone();
        if !watcher.may_open() {
            return Box::pin(async { Err(WrongClient.into()) });
        }
        let opening = self.inner.call(target);
        Box::pin(async move {
            let started = Instant::now();
            let opened = opening.await;
            current::connected(started);
            let Ok(connection) = &opened else {
                dns.forget().await;
                return opened;
            };
            if !watcher.has_opened(connection.connected().is_negotiated_h2()) {
                return Err(WrongClient.into());
            }
            // If the request has got another connection in the meantime, this is another task.
            let _ = HAS_DIALED.try_with(|has_dialed| has_dialed.set(true));
            opened
        })
    }
}

/// rustls with Mozilla's roots, which are compiled in: a container may have no CA files.
fn tls(config: &Config) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &config.ca {
        let wrong =
            || Error::config("ca must hold PEM certificates (-----BEGIN CERTIFICATE-----).");
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots
                .add(certificate.map_err(|_| wrong())?)
                .map_err(|_| wrong())?;
        }
        if roots.is_empty() {
            return Err(wrong());
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let extra = config.extra_ca.as_deref().unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(extra.as_bytes()).flatten());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config("Could not set up TLS.").because(error.to_string()))?;
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn proxy(settings: &config::Proxy) -> Result<reqwest::Proxy, Error> {
    // The URL may hold a password, so the errors do not contain it.
    let wrong =
        || Error::config("proxy must be a URL such as http://user:password@proxy.example:3128.");
    let url = Url::parse(settings.url.expose_secret()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let bypass = settings.bypass.as_deref().and_then(NoProxy::from_string);
    Ok(reqwest::Proxy::all(url)
        .map_err(|_| wrong())?
        .no_proxy(bypass))
}
