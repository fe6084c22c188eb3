//! The floor: reqwest, the usual HTTP client of Rust programs, called from Rust alone, with HTTP/1.1.
//! The package uses the same libraries below it (hyper, rustls).
//!
//! Reads its [`Load`] as one line of JSON, and prints the same fields as `bench/children/calls.mjs`.

use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};

/// `USER_HZ`, the unit of CPU times in `/proc`: 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The load of the scenario; times are in milliseconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    base_url: String,
    /// PEM of the certificate authority.
    ca: String,
    callers: usize,
    warmup: u64,
    duration: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    calls: usize,
    failures: usize,
    calls_per_second: f64,
    /// Microseconds.
    cpu_per_call: f64,
    /// Milliseconds.
    latency_p50: f64,
    latency_p99: f64,
    /// Megabytes.
    rss: f64,
}

#[derive(Deserialize)]
struct ResponseBody {
    result: ResponseResult,
}

#[derive(Deserialize)]
struct ResponseResult {
    data: ResponseData,
}

#[derive(Deserialize)]
struct ResponseData {
    token: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let load: Load = serde_json::from_str(&line)?;
    let client = client(&load.ca)?;
    let url: Arc<str> = format!("{}/v1/auth/token/get", load.base_url).into();

    run(&client, &url, load.callers, load.warmup).await;
    let cpu_before = cpu_seconds()?;
    let started = Instant::now();
    let (mut latencies, failures) = run(&client, &url, load.callers, load.duration).await;
    let elapsed = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - cpu_before;

    latencies.sort_by(f64::total_cmp);
    let calls = latencies.len();
    let report = Report {
        calls,
        failures,
        calls_per_second: per(calls, elapsed),
        cpu_per_call: 1e6 / per(calls, cpu),
        latency_p50: quantile(&latencies, 50),
        latency_p99: quantile(&latencies, 99),
        rss: peak_rss()?,
    };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// TLS as in the package: see `src/core/velt/connector.rs`.
fn client(ca: &str) -> Result<Client, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(ca.as_bytes()).flatten());
    let tls =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .build()?)
}

/// Runs `callers` callers for a number of milliseconds. Returns the latencies (ms) and the number of
/// failures.
async fn run(
    client: &Client,
    url: &Arc<str>,
    callers: usize,
    milliseconds: u64,
) -> (Vec<f64>, usize) {
    let end = Instant::now() + Duration::from_millis(milliseconds);
    let tasks: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(call_until(client.clone(), Arc::clone(url), end)))
        .collect();
    let mut all = (Vec::new(), 0);
    for task in tasks {
        let (latencies, failures) = task.await.expect("a caller does not panic");
        all.0.extend(latencies);
        all.1 += failures;
    }
    all
}

async fn call_until(client: Client, url: Arc<str>, end: Instant) -> (Vec<f64>, usize) {
    let mut latencies = Vec::new();
    let mut failures = 0;
    let mut start = Instant::now();
    while start < end {
        if !matches!(generate(&client, &url).await, Ok(token) if !token.is_empty()) {
            failures += 1;
        }
        let now = Instant::now();
        latencies.push((now - start).as_secs_f64() * 1e3);
        start = now;
    }
    (latencies, failures)
}

async fn generate(client: &Client, url: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    let body = serde_json::json!({"data": {
        "userId": "user-1",
        "apiKey": "bench-api-key",
        "authToken": "bench-auth-token",
        "userProperties": {
            "isAdmin": true,
            "organizationId": "organization-1",
            "email": "user-1@example.com",
        },
    }});
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    let body = request.send().await?.error_for_status()?.bytes().await?;
    let ResponseBody { result } = serde_json::from_slice(&body)?;
    Ok(result.data.token)
}

#[allow(clippy::cast_precision_loss)]
fn per(calls: usize, seconds: f64) -> f64 {
    calls as f64 / seconds
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

/// User and system time of all threads (proc(5): fields 14 and 15 of `stat`).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().unwrap_or_default())
        .sum();
    Ok(ticks / TICKS_PER_SECOND)
}

fn peak_rss() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 = line
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or_default()
        .parse()?;
    Ok(kilobytes / 1024.0)
}
