//! One HTTPS exchange, and the error if it fails.

use std::error::Error as StdError;
use std::io;
use std::net::UdpSocket;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rustls::{AlertDescription, CertificateError};
use tokio::time::Instant;
use url::Url;

use super::causes::{chain, find};
use super::connections::{Connections, Failure, Place};
use super::connector::{Connector, uri};
use super::dns::DnsError;
use crate::core::config::Config;
use crate::core::error::{Code, Error};
use crate::core::trace::current;

/// The process has too many open files.
const EMFILE: i32 = if cfg!(windows) { 10024 } else { 24 };
/// The system has too many open files.
const ENFILE: i32 = 23;
/// How often a request that the server refused is sent again. A server refuses requests on a new
/// connection of HTTP/2 if they arrive before its limit for requests at once is known.
const MAX_REFUSALS: u32 = 3;
/// A token with hundreds of permissions takes some tens of kilobytes.
const MAX_BODY: usize = 256 * 1024;

/// A request to Velt. It has no `Debug`, because the body of v1 holds the auth token.
pub struct Request {
    /// The URL of the endpoint.
    pub url: Url,
    /// The headers that depend on the endpoint.
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

/// The connections to one server.
#[derive(Debug)]
pub struct Transport {
    connections: Connections,
    /// The host and port, for error messages.
    server: String,
}

/// A [`Request`] that may be sent more than once.
struct Repeatable {
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Transport {
    /// A transport with the options of `config`; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`] for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let connector = Connector::new(config, &config.base_url)?;
        Ok(Self {
            connections: Connections::new(connector, config.max_connections, config.timeout),
            server: server(&config.base_url),
        })
    }

    /// Waits until a request can be sent.
    pub async fn place(&self) -> Place {
        self.connections.place().await
    }

    /// Sends `request` from `place`, and reads the complete response.
    ///
    /// # Errors
    /// [`Code::Network`] if no complete response arrives, [`Code::BadResponse`] if it is too large to
    /// come from Velt.
    pub async fn post(&self, place: Place, request: Request) -> Result<Response, Error> {
        let Request {
            url,
            mut headers,
            body,
        } = request;
        let user_agent = HeaderValue::from_static(concat!("velt-auth/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, user_agent);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let request = Repeatable {
            uri: uri(&url)?,
            headers,
            body: body.into(),
        };
        current::sending(&url);
        let (place, response) = self
            .send(place, &request)
            .await
            .map_err(|failure| self.failure(failure))?;
        let (head, mut frames) = response.into_parts();
        let status = head.status.as_u16();
        current::received(status, http_version(head.version));
        let mut body = Vec::new();
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|error| self.failure(Failure::Exchange(error.into())))?;
            let chunk = frame.into_data().unwrap_or_default();
            if body.len() + chunk.len() > MAX_BODY {
                return Err(Error {
                    http_status: Some(status),
                    ..Error::permanent(
                        Code::BadResponse,
                        "The response is too large to come from Velt; check baseUrl.",
                    )
                });
            }
            body.extend_from_slice(&chunk);
        }
        place.keep();
        Ok(Response {
            status,
            headers: head.headers,
            body,
        })
    }

    /// Sends `request` until a response begins. A request is sent again at once if its connection was closed
    /// by the other side at the same time, or if the server refused it: neither is a failure of Velt. If
    /// Velt has received the first request, it makes two tokens, which does no harm.
    async fn send(
        &self,
        place: Place,
        request: &Repeatable,
    ) -> Result<(Place, http::Response<Incoming>), Failure> {
        let began = Instant::now();
        let mut sent = place.send(request.once()).await;
        for _ in 0..MAX_REFUSALS {
            if !matches!(sent, Err(Failure::Refused(_))) {
                break;
            }
            let place = self.connections.place().await;
            current::resent();
            sent = place.send(request.once()).await;
        }
        if matches!(sent, Err(Failure::Dead(_))) {
            let place = self.connections.place_on_newer(began).await;
            current::resent();
            sent = place.send(request.once()).await;
        }
        sent
    }

    fn failure(&self, failure: Failure) -> Error {
        let server = &self.server;
        let (error, was_connected) = match failure {
            Failure::Connect(error) => (error, false),
            Failure::Dead(error) | Failure::Refused(error) | Failure::Exchange(error) => {
                (error, true)
            }
        };
        let error = &*error;
        let cause = chain(error);
        let is_dns = find::<DnsError>(error).is_some();
        let tls_error = find::<rustls::Error>(error);
        let failure = match tls_error {
            _ if !was_connected && has_no_descriptor(error) => Error {
                is_local: true,
                ..Error::transient(
                    Code::Network,
                    "This process has no file descriptor left for a connection to Velt. Raise its limit \
                     (ulimit -n), or lower maxConnections.",
                )
            },
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
            _ if is_dns => Error::transient(
                Code::Network,
                format!(
                    "Could not look up the address of {server}; check baseUrl, proxy and this \
                     machine's DNS.",
                ),
            ),
            _ if !was_connected => Error::transient(
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
}

impl Repeatable {
    fn once(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn http_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// The host and port of `url`.
fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{host}:{port}")
}

/// Whether `error` is that the process, or the system, has no file descriptor left. A DNS lookup
/// does not tell, so this tries to open a socket.
fn has_no_descriptor(error: &(dyn StdError + 'static)) -> bool {
    let is_limit = |error: &io::Error| matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
    if find::<DnsError>(error).is_some() {
        return UdpSocket::bind(("127.0.0.1", 0)).is_err_and(|error| is_limit(&error));
    }
    find::<io::Error>(error).is_some_and(is_limit)
}
