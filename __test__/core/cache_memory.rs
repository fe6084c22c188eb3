//! The memory that a cached token takes, in a process of its own: other tests allocate too.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use velt_auth::core::cache::local::LocalCache;
use velt_auth::core::config::DEFAULT_MAX_ENTRIES;
use velt_auth::core::{Token, User};

/// The resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
#[cfg(target_os = "linux")]
fn an_entry_takes_the_memory_that_is_documented() {
    let cache = Arc::new(LocalCache::new(
        NonZeroUsize::new(DEFAULT_MAX_ENTRIES).unwrap(),
    ));
    let before = resident();
    for number in 0..100_000 {
        let user = Arc::new(User {
            user_id: format!("user-{number}"),
            organization_id: Some(format!("organization-{number}")),
            email: Some(format!("user-{number}@organization.example")),
            ..User::default()
        });
        let token = Token::new("t".repeat(400), SystemTime::now());
        cache.begin(&user).store(token);
    }
    let each = resident().saturating_sub(before) / cache.len();
    assert_eq!(cache.len(), DEFAULT_MAX_ENTRIES);
    assert!((500..=1500).contains(&each), "{each} bytes each");
    println!("{each} bytes each");
}
