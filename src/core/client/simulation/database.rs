//! The data of the model of Redis, and what the Lua scripts in `redis_store.rs` do to it.
//! `conformance.rs` compares it with a real Redis.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::core::cache::sequence::SequenceNumber;
use crate::core::cache::shared::store::{
    Begin, Ending, EntryKeys, LEASE, LogEvent, LogPage, RETENTION, Request, View,
};

/// As in `redis_store.rs`.
const MIN_ENTRY_TIME: Duration = Duration::from_secs(60);

/// Keys and values. `Clone` makes a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Database {
    entries: BTreeMap<String, Entry>,
    /// Generations and leases.
    strings: BTreeMap<String, Expiring<String>>,
    logs: BTreeMap<String, Expiring<Log>>,
}

/// The bounds of the log: small in the simulation.
#[derive(Clone, Copy, Debug)]
pub struct LogBounds {
    pub max_events: usize,
    pub page: usize,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    process: String,
    started: SequenceNumber,
    ended: SequenceNumber,
    token: Option<Vec<u8>>,
    ends: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Expiring<T> {
    value: T,
    ends: Instant,
}

/// The id of an event: milliseconds and a counter.
type EventId = (u64, u64);

#[derive(Clone, Debug, Default)]
struct Log {
    events: VecDeque<(EventId, EventId, Vec<u8>)>,
}

impl Database {
    pub fn view(
        &mut self,
        process: String,
        keys: &EntryKeys,
        new_generation: &str,
        begin: Begin<'_>,
        (now, clock): (Instant, u64),
    ) -> View {
        self.expire(now);
        self.entries
            .retain(|key, entry| *key != keys.entry || entry.process == process);
        let generation = self
            .strings
            .entry(keys.generation.clone())
            .or_insert_with(|| Expiring::new(new_generation.to_owned(), now + RETENTION))
            .value
            .clone();
        let begins = match begin {
            Begin::No => false,
            Begin::WithoutLease => true,
            Begin::WithLease(_) if self.strings.contains_key(&keys.lease) => false,
            Begin::WithLease(holder) => {
                let lease = Expiring::new(holder.to_owned(), now + LEASE);
                self.strings.insert(keys.lease.clone(), lease);
                true
            }
        };
        let number = begins.then(|| {
            let entry = self.entries.entry(keys.entry.clone()).or_default();
            entry.process.clone_from(&process);
            entry.started = next_number(entry.started, clock);
            entry.ends.get_or_insert(now + RETENTION);
            entry.started
        });
        let entry = self.entries.get(&keys.entry);
        View {
            process,
            generation,
            value: entry.and_then(|entry| Some((entry.token.clone()?, entry.ended))),
            number,
        }
    }

    pub fn renew_lease(&mut self, request: Request<'_>, now: Instant) {
        self.expire(now);
        if let Some(lease) = self.strings.get_mut(&request.keys.lease)
            && lease.value == request.holder
        {
            lease.ends = now + LEASE;
        }
    }

    /// Returns whether the outcome was kept.
    pub fn end(
        &mut self,
        process: String,
        request: Request<'_>,
        ending: Ending<'_>,
        now: Instant,
    ) -> bool {
        self.expire(now);
        let keys = request.keys;
        let newest = self
            .entries
            .get(&keys.entry)
            .map_or_else(Default::default, |entry| entry.ended);
        let generation = self.strings.get_mut(&keys.generation);
        let generation = generation.filter(|generation| generation.value == request.generation);
        let is_newer = process == request.process && newest < request.number;
        let is_kept = ending != Ending::Failed && is_newer && generation.is_some();
        if is_kept {
            let entry = self.entries.entry(keys.entry.clone()).or_default();
            entry.process = process;
            entry.ended = request.number;
            entry.started = entry.started.max(request.number);
            if let Ending::Token(token, time) = ending {
                entry.token = Some(token.to_vec());
                entry.ends = Some(now + time.max(MIN_ENTRY_TIME));
                generation.expect("it was found").ends = now + RETENTION;
            } else {
                entry.token = None;
                entry.ends = Some(now + RETENTION);
            }
        }
        let lease = self.strings.get(&keys.lease);
        if lease.is_some_and(|lease| lease.value == request.holder) {
            self.strings.remove(&keys.lease);
        }
        is_kept
    }

    pub fn set_generation(&mut self, key: &str, generation: &str, now: Instant) {
        let generation = Expiring::new(generation.to_owned(), now + RETENTION);
        self.strings.insert(key.to_owned(), generation);
    }

    /// `clock` is the server's own time in microseconds.
    pub fn append(
        &mut self,
        key: &str,
        user_id: &[u8],
        bounds: LogBounds,
        (now, clock): (Instant, u64),
    ) {
        self.expire(now);
        let log = self.logs.entry(key.to_owned());
        let log = log.or_insert_with(|| Expiring::new(Log::default(), now));
        log.value.append(user_id, clock);
        while log.value.events.len() > bounds.max_events {
            log.value.events.pop_front();
        }
        log.ends = now + RETENTION;
    }

    pub fn read_log(
        &mut self,
        process: String,
        key: &str,
        after: &str,
        bounds: LogBounds,
        (now, clock): (Instant, u64),
    ) -> LogPage {
        self.expire(now);
        let log = self.logs.entry(key.to_owned());
        let log = log.or_insert_with(|| Expiring::new(Log::default(), now));
        if log.value.events.is_empty() {
            log.value.append(b"", clock);
        }
        log.ends = now + RETENTION;
        let after = read_id(after);
        let events = log.value.events.iter();
        let events = events.filter(|(id, ..)| after.is_some_and(|after| *id > after));
        let events = events.map(|(id, previous, user_id)| LogEvent {
            id: write_id(*id),
            previous: write_id(*previous),
            user_id: user_id.clone(),
        });
        LogPage {
            process,
            time: SequenceNumber(clock),
            newest: log.value.newest().map_or_else(String::new, write_id),
            events: events.take(bounds.page).collect(),
        }
    }

    /// Removes a key, as Redis does when its memory is full. Returns the key.
    pub fn evict(&mut self, index: usize) -> Option<String> {
        let mut keys: Vec<_> = self.expiries().into_keys().collect();
        if keys.is_empty() {
            return None;
        }
        let key = keys.swap_remove(index % keys.len());
        self.remove(&key);
        Some(key)
    }

    pub fn remove(&mut self, key: &str) {
        self.entries.remove(key);
        self.strings.remove(key);
        self.logs.remove(key);
    }

    /// All keys, and when they expire.
    pub fn expiries(&self) -> BTreeMap<String, Option<Instant>> {
        let entries = self.entries.iter().map(|(key, entry)| (key, entry.ends));
        let strings = self.strings.iter().map(|(key, it)| (key, Some(it.ends)));
        let logs = self.logs.iter().map(|(key, log)| (key, Some(log.ends)));
        let all = entries.chain(strings).chain(logs);
        all.map(|(key, ends)| (key.clone(), ends)).collect()
    }

    fn expire(&mut self, now: Instant) {
        self.entries
            .retain(|_, entry| entry.ends.is_none_or(|ends| now < ends));
        self.strings.retain(|_, string| now < string.ends);
        self.logs.retain(|_, log| now < log.ends);
    }
}

impl<T> Expiring<T> {
    fn new(value: T, ends: Instant) -> Self {
        Self { value, ends }
    }
}

impl Log {
    fn newest(&self) -> Option<EventId> {
        self.events.back().map(|(id, ..)| *id)
    }

    /// As `XADD *`: the id is the time, but higher than the newest id.
    fn append(&mut self, user_id: &[u8], clock: u64) {
        let newest = self.newest().unwrap_or_default();
        let id = (clock / 1000, 0).max((newest.0, newest.1 + 1));
        let previous = self.newest().unwrap_or_default();
        self.events.push_back((id, previous, user_id.to_vec()));
    }
}

/// Numbers are times in microseconds: so they grow even if Redis evicts the last one.
fn next_number(started: SequenceNumber, clock: u64) -> SequenceNumber {
    SequenceNumber(clock.max(started.0 + 1))
}

fn read_id(id: &str) -> Option<EventId> {
    let (time, counter) = id.split_once('-')?;
    Some((time.parse().ok()?, counter.parse().ok()?))
}

/// No event has the id 0-0: it is written as the empty string.
fn write_id((time, counter): EventId) -> String {
    if (time, counter) == (0, 0) {
        return String::new();
    }
    format!("{time}-{counter}")
}
