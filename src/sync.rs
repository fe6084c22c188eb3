//! The mutex of the modules that `__test__/core/schedules.rs` compiles a second time, with another mutex.

pub use std::sync::{Mutex, MutexGuard};
