//! The mutex of the modules that `tests/schedules.rs` compiles a second time, with another mutex.

pub use std::sync::{Mutex, MutexGuard};
