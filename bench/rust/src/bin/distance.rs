//! A TCP proxy that adds distance: each byte arrives a fixed time after it was sent, in both directions.
//! It delays and does not throttle: while some bytes are on their way, more bytes can be sent. As in a real network,
//! the first bytes of a connection leave one round trip after `connect`: the time of the TCP handshake.
//!
//! Reads its [`Settings`] as one line of JSON, and prints its port. For each further line, it prints how
//! many connections it has accepted. It ends when stdin ends.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    /// The port of the server on loopback.
    target: u16,
    /// Milliseconds for each direction.
    distance: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let Settings { target, distance } =
        serde_json::from_str(&lines.next_line().await?.unwrap_or_default())?;
    let distance = Duration::from_millis(distance);
    let accepted = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(pass(stream, target, distance));
        }
    });
    while lines.next_line().await?.is_some() {
        println!("{}", accepted.load(Ordering::Relaxed));
    }
    Ok(())
}

/// Passes one connection on. An error ends the connection; the caller reports it.
async fn pass(client: TcpStream, target: u16, distance: Duration) {
    let connected = Instant::now() + 2 * distance;
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        delay(from_client, to_server, distance, connected),
        delay(from_server, to_client, distance, connected),
    );
}

/// Copies bytes, each `distance` after it was sent, and none sent before `connected`.
async fn delay(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    distance: Duration,
    connected: Instant,
) {
    let (sender, mut on_their_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let send = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let arrival = Instant::now().max(connected) + distance;
            if sender.send((arrival, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    };
    let receive = async move {
        while let Some((arrival, bytes)) = on_their_way.recv().await {
            sleep_until(arrival).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        to.shutdown().await.ok();
    };
    tokio::join!(send, receive);
}
