//! One HTTPS exchange, and why it failed.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{NoProxy, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{AlertDescription, ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use url::Url;

use crate::core::config::{self, Config};
use crate::core::error::{Code, Error};

/// A token with hundreds of permissions takes some tens of kilobytes.
const MAX_BODY: usize = 256 * 1024;
/// Shorter than any load balancer keeps an idle connection, and checked again when a connection
/// is taken from the pool: a frozen serverless process does not wake up to a pool of dead sockets.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// What came back, whole.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// A pool of connections to one endpoint.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
    endpoint: Url,
    headers: HeaderMap,
}

impl Transport {
    /// A transport that sends `headers` to `endpoint`; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`] for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config, endpoint: Url, headers: HeaderMap) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("velt-auth/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(config)?)
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            // Both are decided here on purpose: `core::retry` retries, the caller reads proxies.
            .retry(retry::never())
            .no_proxy()
            .pool_idle_timeout(IDLE_TIMEOUT);
        if let Some(settings) = &config.proxy {
            builder = builder.proxy(proxy(settings)?);
        }
        let http = builder.build().map_err(|error| {
            Error::config("The HTTP client could not be set up.").because(chain(&error))
        })?;
        Ok(Self {
            http,
            endpoint,
            headers,
        })
    }

    /// Sends `body`, and reads the answer whole.
    ///
    /// # Errors
    /// [`Code::Network`] when no whole answer arrives, [`Code::BadResponse`] for one that is too
    /// large to be Velt's.
    pub async fn post(&self, body: Vec<u8>) -> Result<Answer, Error> {
        let request = self
            .http
            .post(self.endpoint.clone())
            .headers(self.headers.clone())
            .body(body);
        let mut response = request.send().await.map_err(|error| self.failure(error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failure(error))?
        {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Error {
                    http_status: Some(response.status().as_u16()),
                    ..Error::permanent(
                        Code::BadResponse,
                        "The answer is far too large to be Velt's; check what baseUrl points at.",
                    )
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    fn failure(&self, error: reqwest::Error) -> Error {
        let host = self.endpoint.host_str().unwrap_or_default();
        let error = error.without_url();
        let cause = chain(&error);
        let tls_error = find::<rustls::Error>(&error);
        let failure = match tls_error {
            Some(rustls::Error::InvalidCertificate(_)) => Error::permanent(
                Code::Network,
                format!(
                    "The TLS certificate shown for {host} is not trusted; if it is your own \
                     company's, pass its issuer as `ca` or in NODE_EXTRA_CA_CERTS.",
                ),
            ),
            Some(
                rustls::Error::PeerIncompatible(_)
                | rustls::Error::AlertReceived(
                    AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
                ),
            ) => Error::permanent(
                Code::Network,
                format!("{host} and this client share no TLS version (1.2 or 1.3) or cipher."),
            ),
            Some(rustls::Error::AlertReceived(_)) => Error::permanent(
                Code::Network,
                format!(
                    "{host} refused the TLS connection, for the reason in the cause; client \
                     certificates are not supported.",
                ),
            ),
            _ if error.is_dns() => Error::transient(
                Code::Network,
                format!(
                    "{host} could not be looked up; check baseUrl, proxy and this machine's DNS."
                ),
            ),
            _ if error.is_connect() => Error::transient(
                Code::Network,
                format!(
                    "No connection to {host} could be made; check the network, firewall and proxy."
                ),
            ),
            _ => Error::transient(
                Code::Network,
                format!("The connection to {host} broke before the answer was whole; try again."),
            ),
        };
        failure.because(cause)
    }
}

/// rustls with roots that are always there: Mozilla's, compiled in. The platform's own would make
/// every client fail in a container without CA files.
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
        .map_err(|error| Error::config("TLS could not be set up.").because(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn proxy(settings: &config::Proxy) -> Result<reqwest::Proxy, Error> {
    // The URL may hold a password, so no error below says more of it.
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

/// The first `T` among the causes of `error`. An `io::Error` hides what it wraps from `source()`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// The causes of `error`, outermost first, each said once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in causes(error).map(ToString::to_string) {
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
