//! One HTTPS exchange, and the error if it fails.

use std::io;
use std::net::UdpSocket;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Version};
use rustls::{AlertDescription, CertificateError};
use url::Url;

use super::causes::{chain, find};
use super::connections::{Connections, Place};
use super::connector::{Connector, WrongClient};
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

impl Transport {
    /// A transport with the options of `config`; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`] for a `ca` or `proxy` that cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let server_url = &config.base_url;
        let has_tls = server_url.scheme() == "https";
        let connector = Connector::new(config)?;
        Ok(Self {
            connections: Connections::new(connector, config.max_connections, has_tls)?,
            server: server(server_url),
        })
    }

    /// Waits until a request can be sent.
    pub async fn place(&self) -> Place {
        self.connections.place().await
    }

    /// Opens a connection, with a request to `url`: reqwest opens none without a request. A failure is
    /// ignored, because the next request opens a connection itself.
    pub async fn connect(&self, url: &Url) {
        let place = self.place().await;
        let request = reqwest::Request::new(Method::HEAD, url.clone());
        drop(place.send(request).await);
    }

    /// Sends `request` from `place`, and reads the complete response.
    ///
    /// # Errors
    /// [`Code::Network`] if no complete response arrives, [`Code::BadResponse`] if it is too large to
    /// come from Velt.
    pub async fn post(&self, place: Place, mut request: Request) -> Result<Response, Error> {
        let failed = |error| self.failure(error);
        current::sending(&request.url);
        if let Some(traceparent) = current::traceparent() {
            request.headers.insert("traceparent", traceparent.header());
        }
        let (_place, mut response) = self.send(place, request).await.map_err(failed)?;
        let status = response.status().as_u16();
        current::received(status, http_version(response.version()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
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
        Ok(Response {
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }

    /// Sends `request` until a response begins. A request is sent again at once if its connection was closed
    /// by the other side at the same time, or if the server refused it: neither is a failure of Velt. Velt
    /// may have received the first request too. That does no harm: it makes a second token, or changes the
    /// same permissions again.
    async fn send(
        &self,
        mut place: Place,
        Request { url, headers, body }: Request,
    ) -> Result<(Place, reqwest::Response), reqwest::Error> {
        let body = Bytes::from(body);
        let mut refusals = 0;
        let mut was_dead = false;
        loop {
            let mut request = reqwest::Request::new(Method::POST, url.clone());
            *request.headers_mut() = headers.clone();
            *request.body_mut() = Some(body.clone().into());
            let (sent, is_new) = place.send(request).await;
            let error = match sent {
                Ok(response) => return Ok((place, response)),
                Err(error) => error,
            };
            if find::<WrongClient>(&error).is_some() {
                place.renew();
                drop(place);
                place = self.connections.place().await;
            } else if is_refused(&error) && refusals < MAX_REFUSALS {
                refusals += 1;
                current::resent();
            } else if !is_new && !was_dead && is_dead(&error) {
                was_dead = true;
                place.renew();
                current::resent();
            } else {
                return Err(error);
            }
        }
    }

    /// The error of an exchange.
    fn failure(&self, error: reqwest::Error) -> Error {
        let server = &self.server;
        let error = error.without_url();
        let cause = chain(&error);
        let tls_error = find::<rustls::Error>(&error);
        let failure = match tls_error {
            _ if error.is_connect() && has_no_descriptor(&error) => Error {
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

/// Whether the server refused the request before it did anything, because it allows fewer requests at once.
fn is_refused(error: &reqwest::Error) -> bool {
    let http2 = find::<h2::Error>(error);
    http2
        .is_some_and(|error| error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

/// Whether the connection ended before the response began. A reset ends one request only.
fn is_dead(error: &reqwest::Error) -> bool {
    let is_reset = find::<h2::Error>(error).is_some_and(h2::Error::is_reset);
    let is_parse = find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
    !error.is_connect() && !is_reset && !is_parse
}

/// Whether `error` is that the process, or the system, has no file descriptor left. A DNS lookup
/// does not tell, so this tries to open a socket.
fn has_no_descriptor(error: &reqwest::Error) -> bool {
    let is_limit = |error: &io::Error| matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
    if error.is_dns() {
        return UdpSocket::bind(("127.0.0.1", 0)).is_err_and(|error| is_limit(&error));
    }
    find::<io::Error>(error).is_some_and(is_limit)
}
