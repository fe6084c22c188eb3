//! The wall clocks of the servers of a run: simulated time, and an offset that can jump.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::core::clock::Clock;

pub const MAX_SERVERS: usize = 5;

thread_local! {
    // A run stays on its thread.
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
    static OFFSETS: RefCell<[i64; MAX_SERVERS]> = const { RefCell::new([0; MAX_SERVERS]) };
}

/// Starts all clocks at the same time.
pub fn start_clocks() {
    START.set(Some(Instant::now()));
    OFFSETS.set([0; MAX_SERVERS]);
}

/// Sets a clock forward or back, by milliseconds.
pub fn jump(server: usize, offset: i64) {
    OFFSETS.with_borrow_mut(|offsets| offsets[server] = offset);
}

/// The clock of a server, or the right time for a number that is no server's.
pub fn server_clock(server: usize) -> SystemTime {
    let start = START.get().expect("the run has started");
    let offset = OFFSETS.with_borrow(|offsets| offsets.get(server).copied().unwrap_or_default());
    let base = UNIX_EPOCH + Duration::from_secs(1_800_000_000) + start.elapsed();
    let size = Duration::from_millis(offset.unsigned_abs());
    if offset < 0 { base - size } else { base + size }
}

/// The clock to give to a client.
pub fn clock(server: usize) -> Clock {
    let clocks: [fn() -> SystemTime; MAX_SERVERS] = [
        || server_clock(0),
        || server_clock(1),
        || server_clock(2),
        || server_clock(3),
        || server_clock(4),
    ];
    Clock::of(clocks[server])
}
