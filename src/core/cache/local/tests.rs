//! What the cache keeps, and what it does not.

use super::*;

const ANY: Requirement = Requirement::min_validity(Duration::ZERO);

fn cache(max_entries: usize) -> Arc<LocalCache> {
    Arc::new(LocalCache::new(NonZeroUsize::new(max_entries).unwrap()))
}

fn user(id: &str) -> Arc<User> {
    Arc::new(User {
        user_id: id.into(),
        ..User::default()
    })
}

fn with_a_token() -> (Arc<LocalCache>, Arc<User>, SystemTime) {
    let (cache, user, now) = (cache(1), user("ada"), SystemTime::now());
    cache.begin(&user).store(Token::new("t".into(), now));
    (cache, user, now)
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_pause() {
    let (cache, user, now) = with_a_token();
    let later = now + Duration::from_secs(40 * 60 * 60);
    cache
        .begin(&user)
        .pause_refresh(Some(Duration::from_secs(24 * 60 * 60)), later);
    let needs_refresh = |now| matches!(cache.look_up(&user, ANY, now), Lookup::NeedsRefresh(_));
    assert!(!needs_refresh(later));
    assert!(needs_refresh(later - Duration::from_secs(60 * 60)));
}

#[test]
fn no_pause_is_longer_than_a_minute() {
    let (cache, user, now) = with_a_token();
    let later = now + Duration::from_secs(40 * 60 * 60);
    cache
        .begin(&user)
        .pause_refresh(Some(Duration::from_secs(24 * 60 * 60)), later);
    let lookup = cache.look_up(&user, ANY, later + MAX_RETRY_AFTER);
    assert!(matches!(lookup, Lookup::NeedsRefresh(_)), "{lookup:?}");
}

#[test]
fn the_newest_outcome_counts_whether_it_is_a_token_or_a_rejection() {
    let (cache, user, now) = with_a_token();
    let (older, newer) = (cache.begin(&user), cache.begin(&user));
    newer.store(Token::new("newer".into(), now));
    older.reject();
    assert_eq!(cache.len(), 1, "an older rejection");

    let (older, newer) = (cache.begin(&user), cache.begin(&user));
    newer.reject();
    drop(newer);
    older.store(Token::new("older".into(), now));
    assert!(cache.is_empty(), "an older token");
    cache.begin(&user).store(Token::new("t".into(), now));
    assert_eq!(cache.len(), 1, "a token that is newer than the rejection");
}

#[test]
fn an_older_token_is_not_stored_after_a_newer_one_has_expired() {
    let (cache, user, now) = (cache(1), user("ada"), SystemTime::now());
    let (older, newer) = (cache.begin(&user), cache.begin(&user));
    newer.store(Token::new("newer".into(), now));
    // The clock was set back, so it is unknown when the token expires.
    let now = now - Duration::from_secs(60 * 60);
    assert!(matches!(cache.look_up(&user, ANY, now), Lookup::Miss));
    assert!(cache.is_empty());
    older.store(Token::new("older".into(), now));
    assert!(cache.is_empty());
    cache.begin(&user).store(Token::new("newest".into(), now));
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_rejection_counts_although_its_user_was_invalidated_or_the_cache_was_cleared_meanwhile() {
    let (cache, user, now) = (cache(1), user("ada"), SystemTime::now());
    for is_cleared in [false, true] {
        let mut rejected = cache.begin(&user);
        rejected.set_number(SequenceNumber(2000));
        if is_cleared {
            drop(cache.clear(SequenceNumber(2000)));
        } else {
            cache.invalidate("ada");
        }
        let found = cache.begin(&user);
        let store = || found.store_shared(Token::new("t".into(), now), SequenceNumber(1000));
        assert!(store().is_some());
        rejected.reject();
        assert!(cache.is_empty(), "the token is older than the rejection");
        assert!(store().is_none() && cache.is_empty());
    }
}

#[test]
fn a_rejection_from_before_the_cache_was_cleared_keeps_no_later_token_out() {
    let (cache, user, now) = (cache(1), user("ada"), SystemTime::now());
    let mut rejected = cache.begin(&user);
    // The clock of the next Redis process is far behind.
    rejected.set_number(SequenceNumber(1_000_000_000));
    drop(cache.clear(SequenceNumber(1000)));
    rejected.reject();
    cache.begin(&user).store(Token::new("t".into(), now));
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_token_from_the_shared_cache_has_the_age_of_its_request() {
    let (cache, user, now) = (cache(1), user("ada"), SystemTime::now());
    let (mut rejected, found) = (cache.begin(&user), cache.begin(&user));
    rejected.set_number(SequenceNumber(2000));
    let store = |number| found.store_shared(Token::new("t".into(), now), SequenceNumber(number));
    assert!(store(1000).is_some());
    rejected.reject();
    assert!(cache.is_empty(), "the token is older than the rejection");
    assert!(store(1000).is_none() && cache.is_empty());
    assert!(
        store(3000).is_some(),
        "the token is newer than the rejection"
    );
    assert_eq!(cache.len(), 1);
}

#[test]
fn an_invalidation_affects_its_user_id_alone() {
    let (cache, now) = (cache(10), SystemTime::now());
    let (ada, bob) = (user("ada"), user("bob"));
    let (of_ada, of_bob) = (cache.begin(&ada), cache.begin(&bob));
    cache.invalidate("bob");
    of_ada.store(Token::new("t".into(), now));
    of_bob.store(Token::new("t".into(), now));
    assert!(cache.stale(&ada, now).is_some());
    assert!(cache.stale(&bob, now).is_none());
    let removed = cache.clear(SequenceNumber::default());
    of_ada.store(Token::new("t".into(), now));
    assert!(cache.is_empty(), "it began before the cache was cleared");
    let mut restarted = of_ada;
    restarted.restart();
    restarted.store(Token::new("t".into(), now));
    assert_eq!(cache.len(), 1, "it was sent after the cache was cleared");
    cache.invalidate("ada");
    drop((restarted, of_bob, removed));
    assert!(cache.lock().user_ids.is_empty(), "nothing is left behind");
}

#[test]
fn an_invalidation_finds_the_other_entries_of_a_user_id_after_one_was_dropped() {
    let (cache, now) = (cache(2), SystemTime::now());
    let of_ada = |email: &str| {
        let email = Some(email.into());
        Arc::new(User {
            email,
            ..(*user("ada")).clone()
        })
    };
    for user in [of_ada("old"), of_ada("new"), user("bob")] {
        cache.begin(&user).store(Token::new("t".into(), now));
    }
    assert!(
        cache.stale(&of_ada("old"), now).is_none(),
        "the bound dropped it"
    );
    assert!(cache.stale(&of_ada("new"), now).is_some());
    cache.invalidate("ada");
    assert!(cache.stale(&of_ada("new"), now).is_none());
}

#[test]
fn large_tokens_count_for_their_size() {
    let (cache, now) = (cache(10), SystemTime::now());
    for number in 0..10 {
        let token = Token::new("t".repeat(BYTES_PER_ENTRY * 3), now);
        cache.begin(&user(&number.to_string())).store(token);
    }
    assert!((2..=3).contains(&cache.len()), "{}", cache.len());
    let larger_than_all = Token::new("t".repeat(BYTES_PER_ENTRY * 100), now);
    cache.begin(&user("x")).store(larger_than_all);
    assert_eq!(cache.len(), 1, "one token is kept, however large it is");
    cache.invalidate("x");
    assert_eq!(cache.lock().bytes, 0);
}
