//! Velt's token API for the benchmark: TLS, HTTP/1.1 and HTTP/2, one fixed token, and delays, errors
//! and stalls in exact shares. It does very little work per request and uses every core, so that the
//! benchmark measures the caller.
//!
//! Reads its [`Settings`] as one line of JSON, and prints its port. For each further line, it prints how
//! many TLS handshakes it has completed, and how many of them resumed an earlier session. It ends when stdin
//! ends.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, ServerConfig};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const ENDPOINT: &str = "/v1/auth/token/get";
const FAILURE: &[u8] = br#"{"error":{"message":"Try again.","status":"UNAVAILABLE"}}"#;

/// The settings of a scenario.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    /// PEM of the server's certificate and of its key.
    certificate: String,
    key: String,
    /// The token in every successful response.
    token: String,
    /// Milliseconds before each response.
    #[serde(default)]
    delay: u64,
    /// The share of responses that are a 503.
    #[serde(default)]
    error_share: f64,
    /// The share of responses that are `stall` milliseconds late.
    #[serde(default)]
    stall_share: f64,
    #[serde(default)]
    stall: u64,
    /// Whether the server speaks only HTTP/1.1.
    #[serde(default)]
    http1_only: bool,
}

/// The state that all requests share.
struct Endpoint {
    success: Bytes,
    delay: Duration,
    stall: Duration,
    errors: Share,
    stalls: Share,
    /// TLS handshakes, without and with an earlier session.
    full: AtomicU64,
    resumed: AtomicU64,
}

/// Chooses every n-th request, not random ones: so it is the same for all contenders.
struct Share {
    share: f64,
    seen: AtomicU64,
}

impl Share {
    fn new(share: f64) -> Self {
        Self {
            share,
            seen: AtomicU64::new(0),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn takes_next(&self) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) as f64;
        (seen * self.share).floor() < ((seen + 1.0) * self.share).floor()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let settings: Settings = serde_json::from_str(&lines.next_line().await?.unwrap_or_default())?;
    let acceptor = TlsAcceptor::from(Arc::new(tls(&settings)?));
    let endpoint = Arc::new(Endpoint::new(&settings));
    let handshakes = Arc::clone(&endpoint);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&endpoint)));
        }
    });
    while lines.next_line().await?.is_some() {
        let full = handshakes.full.load(Ordering::Relaxed);
        let resumed = handshakes.resumed.load(Ordering::Relaxed);
        println!(
            "{}",
            serde_json::json!({"handshakes": full + resumed, "resumed": resumed})
        );
    }
    Ok(())
}

fn tls(settings: &Settings) -> Result<ServerConfig, Box<dyn Error>> {
    let chain = CertificateDer::pem_slice_iter(settings.certificate.as_bytes())
        .collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(settings.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    if !settings.http1_only {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

/// Serves a connection until the caller ends it. Errors are ignored, because the caller reports them.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor, endpoint: Arc<Endpoint>) {
    stream.set_nodelay(true).ok();
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let handshakes = match stream.get_ref().1.handshake_kind() {
        Some(HandshakeKind::Resumed) => &endpoint.resumed,
        _ => &endpoint.full,
    };
    handshakes.fetch_add(1, Ordering::Relaxed);
    let service = service_fn(move |request| Arc::clone(&endpoint).respond(request));
    auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

impl Endpoint {
    fn new(settings: &Settings) -> Self {
        let success = serde_json::json!({"result": {
            "status": "success",
            "message": "Token generated successfully.",
            "data": { "token": settings.token },
        }});
        Self {
            success: success.to_string().into(),
            delay: Duration::from_millis(settings.delay),
            stall: Duration::from_millis(settings.stall),
            errors: Share::new(settings.error_share),
            stalls: Share::new(settings.stall_share),
            full: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
        }
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let is_token_request = request.method() == Method::POST && request.uri().path() == ENDPOINT;
        // The whole body is read, so that the connection can be reused.
        let is_whole = request.into_body().collect().await.is_ok();
        if !is_token_request || !is_whole {
            return Ok(json(StatusCode::NOT_FOUND, Bytes::from_static(FAILURE)));
        }
        let is_late = self.stalls.takes_next();
        let wait = self.delay + if is_late { self.stall } else { Duration::ZERO };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        if self.errors.takes_next() {
            let failure = Bytes::from_static(FAILURE);
            return Ok(json(StatusCode::SERVICE_UNAVAILABLE, failure));
        }
        Ok(json(StatusCode::OK, self.success.clone()))
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
