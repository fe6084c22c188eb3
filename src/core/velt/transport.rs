//! One HTTPS exchange, and the error if it fails.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{NoProxy, Version, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tower::util::MapFutureLayer;
use url::Url;

use crate::core::config::{self, Config};
use crate::core::error::{Code, Error};
use crate::core::trace::current;

/// A token with hundreds of permissions takes some tens of kilobytes.
const MAX_BODY: usize = 256 * 1024;
/// How long an idle connection is kept. Load balancers keep idle connections longer. The time is checked
/// again when a connection is taken from the pool, so a serverless process that was frozen does not use
/// closed connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// A request to Velt. It has no `Debug`, because the body of v1 holds the auth token.
pub struct Request {
    /// The URL of the endpoint.
    pub url: Url,
    /// All headers of this package's own.
    pub headers: HeaderMap,
    /// JSON.
    pub body: Vec<u8>,
}

/// A complete response.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// A connection pool.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
}

impl Transport {
    /// A transport with the options of `config`; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`] for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("velt-auth/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(config)?)
            .http1_only()
            .redirect(redirect::Policy::none())
            .referer(false)
            // The module `retry` does the retries, and JavaScript reads the proxy from the environment.
            .retry(retry::never())
            .no_proxy()
            .pool_max_idle_per_host(config.max_connections.get())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .connector_layer(MapFutureLayer::new(measured));
        if let Some(settings) = &config.proxy {
            builder = builder.proxy(proxy(settings)?);
        }
        let http = builder.build().map_err(|error| {
            Error::config("Could not set up the HTTP client.").because(chain(&error))
        })?;
        Ok(Self { http })
    }

    /// Sends `request`, and reads the complete response.
    ///
    /// # Errors
    /// [`Code::Network`] if no complete response arrives, [`Code::BadResponse`] if it is too large to
    /// come from Velt.
    pub async fn post(&self, request: Request) -> Result<Response, Error> {
        let Request { url, headers, body } = request;
        let server = server(&url);
        current::sending(&url);
        let request = self.http.post(url).headers(headers).body(body);
        let failed = |error| failure(&server, error);
        let mut response = request.send().await.map_err(failed)?;
        current::received(response.status().as_u16(), http_version(&response));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Error {
                    http_status: Some(response.status().as_u16()),
                    ..Error::permanent(
                        Code::BadResponse,
                        "The response is too large to come from Velt; check baseUrl.",
                    )
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// The error of an exchange with `server`.
fn failure(server: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let cause = chain(&error);
    let tls_error = find::<rustls::Error>(&error);
    let failure = match tls_error {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Error::permanent(
            Code::Network,
            format!("The TLS certificate of {server} is for another host name; check baseUrl."),
        ),
        Some(rustls::Error::InvalidCertificate(_)) => Error::permanent(
            Code::Network,
            format!(
                "The TLS certificate of {server} is not trusted. If a company proxy or your own \
                     authority issued it, pass the issuer's certificate as `ca` or in \
                     NODE_EXTRA_CA_CERTS. A self-signed certificate must have basicConstraints=CA:FALSE.",
            ),
        ),
        // A server that speaks plain HTTP sends no TLS record.
        Some(rustls::Error::InvalidMessage(_)) => Error::permanent(
            Code::Network,
            format!(
                "{server} does not speak TLS; check the port and the scheme in baseUrl (and in \
                     proxy).",
            ),
        ),
        Some(
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(
                AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
            ),
        ) => Error::permanent(
            Code::Network,
            format!(
                "{server} and this client have no TLS version (1.2 or 1.3) or cipher in common.",
            ),
        ),
        Some(rustls::Error::AlertReceived(_)) => Error::permanent(
            Code::Network,
            format!(
                "{server} rejected the TLS connection; the cause names the reason. Client \
                     certificates are not supported.",
            ),
        ),
        _ if error.is_dns() => Error::transient(
            Code::Network,
            format!(
                "Could not look up the address of {server}; check baseUrl, proxy and this \
                     machine's DNS.",
            ),
        ),
        _ if error.is_connect() => Error::transient(
            Code::Network,
            format!(
                "Could not connect to {server}; check baseUrl, the network, the firewall and \
                     proxy.",
            ),
        ),
        _ => Error::transient(
            Code::Network,
            format!(
                "The connection to {server} was closed before the response was complete; try again.",
            ),
        ),
    };
    failure.because(cause)
}

/// Records how long the current attempt takes to open its connection.
fn measured<F: Future>(connect: F) -> impl Future<Output = F::Output> {
    let connecting = current::connecting();
    async move {
        let outcome = connect.await;
        if let Some(ended) = connecting {
            ended();
        }
        outcome
    }
}

fn http_version(response: &reqwest::Response) -> &'static str {
    match response.version() {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// The host and port of `url`, for error messages.
fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
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
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
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

/// The first `T` among the causes of `error`. `io::Error::source` skips the error that it wraps.
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

/// The messages of `error` and its causes, outermost first, without repetitions.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in causes(error).map(ToString::to_string) {
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts.join(": ")
}
