//! Opens a connection to Velt: DNS, TCP, the tunnel through a proxy, TLS.

use std::error::Error as StdError;
use std::sync::Arc;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret as _;
use tower_service::Service;
use url::Url;

use super::dns::Dns;
use crate::core::config::{self, Config};
use crate::core::error::Error;

/// Any error of a connection or of an exchange on it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Opens connections to one server.
#[derive(Debug)]
pub struct Connector {
    server: Uri,
    route: Route,
    dns: Dns,
}

type Tcp = HttpConnector<Dns>;

#[derive(Clone, Debug)]
enum Route {
    Direct(HttpsConnector<Tcp>),
    Proxy(Box<HttpsConnector<Tunnel<HttpsConnector<Tcp>>>>),
}

/// An open connection, before its first byte of HTTP.
pub struct Stream {
    /// The bytes. One type for all kinds of connections: otherwise, the addon contains HTTP for each.
    pub io: Box<dyn Io>,
    /// Whether the server chose HTTP/2.
    pub is_http2: bool,
}

/// Bytes in both directions.
pub trait Io: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Io for T {}

impl Connector {
    /// Opens connections to the host of `server`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config, server: &Url) -> Result<Self, Error> {
        let server = uri(server)?;
        let dns = Dns::default();
        let mut tcp = HttpConnector::new_with_resolver(dns.clone());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = tls(config)?;
        let mut tls_with_http2 = tls.clone();
        tls_with_http2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let proxy = config.proxy.as_ref().map(proxy).transpose()?;
        let route = match proxy.and_then(|proxy| proxy.intercept(&server)) {
            None => Route::Direct(HttpsConnector::from((tcp, tls_with_http2))),
            Some(proxy) => {
                let to_proxy = HttpsConnector::from((tcp, tls));
                let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
                if let Some(credentials) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(credentials.clone());
                }
                Route::Proxy(Box::new(HttpsConnector::from((tunnel, tls_with_http2))))
            }
        };
        Ok(Self { server, route, dns })
    }

    /// Whether a new connection can turn out to have HTTP/2. Without TLS, the server cannot choose it.
    pub fn can_have_http2(&self) -> bool {
        self.server.scheme_str() == Some("https")
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The error of the first step that failed.
    pub async fn open(&self) -> Result<Stream, BoxError> {
        let opened = match self.route.clone() {
            Route::Direct(mut direct) => direct.call(self.server.clone()).await.map(Stream::new),
            Route::Proxy(mut proxy) => proxy.call(self.server.clone()).await.map(Stream::new),
        };
        if opened.is_err() {
            self.dns.forget().await;
        }
        opened
    }
}

impl Stream {
    fn new(io: impl Io + Connection + 'static) -> Self {
        Self {
            is_http2: io.connected().is_negotiated_h2(),
            io: Box::new(io),
        }
    }
}

/// `url` for the HTTP library.
///
/// # Errors
/// None for a URL that [`Config`] has validated.
pub fn uri(url: &Url) -> Result<Uri, Error> {
    let uri = url.as_str().parse();
    uri.map_err(|_| Error::config("baseUrl is not a valid URL."))
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

fn proxy(settings: &config::Proxy) -> Result<Matcher, Error> {
    // The URL may hold a password, so the errors do not contain it.
    let wrong =
        || Error::config("proxy must be a URL such as http://user:password@proxy.example:3128.");
    let url = Url::parse(settings.url.expose_secret()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let bypass = settings.bypass.as_deref().unwrap_or_default();
    Ok(Matcher::builder().all(url.as_str()).no(bypass).build())
}
