//! The operations of [`Store`] as Lua scripts: Redis runs each of them atomically.

use std::time::Duration;

use redis::{Cmd, cmd};

use super::connection::Redis;
use super::store::{
    Begin, Ending, EntryKeys, LEASE, LOG_PAGE, LogEvent, LogPage, MAX_LOG, RETENTION, Request,
    Store, Unavailable, View,
};
use crate::core::cache::sequence::SequenceNumber;
use crate::core::config::{Config, RedisAddress};
use crate::core::deadlines;
use crate::core::error::Error;

/// The name of the process that runs the script. A restart changes `run_id`. A promotion from replica to
/// master changes `master_replid`. One name for each connection is not sufficient, because a cluster has
/// many processes behind one connection.
const PROCESS: &str = "
local process = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ..
  string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')";

/// `KEYS`: entry, generation, lease. `ARGV`: new generation, retention, mode (`no`, `lease` or `begin`),
/// holder, time of the lease. The script deletes an entry that another process wrote, because its token
/// is not used, and its numbers may be those of a faster clock. The number of a request is the time in
/// microseconds, or one more than the last number if that is higher. So numbers grow even if Redis evicts
/// the last one.
const VIEW: &str = "
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or redis.call('HGET', KEYS[1], 'process') ~= process then
  redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
local begins = ARGV[3] == 'begin'
if ARGV[3] == 'lease' then
  begins = redis.call('SET', KEYS[3], ARGV[4], 'NX', 'PX', ARGV[5])
end
local number = false
if begins then
  local time = redis.call('TIME')
  number = tonumber(redis.call('HGET', KEYS[1], 'started') or 0) + 1
  number = math.max(number, time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[1], 'process', process, 'started', string.format('%.0f', number))
  if redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return {process, redis.call('GET', KEYS[2]), redis.call('HGET', KEYS[1], 'token'),
  redis.call('HGET', KEYS[1], 'finished'), number}";

/// `KEYS`: lease. `ARGV`: holder, time of the lease.
const RENEW_LEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end";

/// `KEYS`: entry, generation, lease. `ARGV`: generation, number, holder, ending (`token`, `rejected` or
/// `failed`), token, time to keep the token, retention, process. Redis may have evicted the entry since
/// the request began, so the script sets all fields. A generation must be kept longer than its tokens.
const END: &str = "
local newest = tonumber(redis.call('HGET', KEYS[1], 'finished') or 0)
local is_newer = process == ARGV[8] and newest < tonumber(ARGV[2])
if ARGV[4] ~= 'failed' and is_newer and redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('HSET', KEYS[1], 'process', process, 'finished', ARGV[2])
  if tonumber(redis.call('HGET', KEYS[1], 'started') or 0) < tonumber(ARGV[2]) then
    redis.call('HSET', KEYS[1], 'started', ARGV[2])
  end
  if ARGV[4] == 'token' then
    redis.call('HSET', KEYS[1], 'token', ARGV[5])
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
    redis.call('PEXPIRE', KEYS[2], ARGV[7])
  else
    redis.call('HDEL', KEYS[1], 'token')
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
  end
end
if redis.call('GET', KEYS[3]) == ARGV[3] then redis.call('DEL', KEYS[3]) end";

/// `KEYS`: log. `ARGV`: user id, maximal length, retention.
const APPEND: &str = "
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*',
  'previous', tail and tail[1] or '', 'user', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])";

/// `KEYS`: log. `ARGV`: the event to read after, the number of events, retention. If the log is empty,
/// the script adds a first event. So a reader notices later when the log is lost. Each read writes: if
/// `min-replicas-to-write` is set, an old master rejects the read after a failover.
const READ_LOG: &str = "
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local newest = tail and tail[1] or redis.call('XADD', KEYS[1], '*', 'previous', '', 'user', '')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local events = {}
if ARGV[1] ~= '' and ARGV[1] ~= newest then
  for i, event in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])) do
    events[i] = {event[1], event[2][2], event[2][4]}
  end
end
local time = redis.call('TIME')
return {process, time[1] * 1000000 + time[2], newest, events}";

/// Reading the log fails after this time. Cached tokens are not served until the log is read.
const MAX_READ: Duration = Duration::from_secs(1);
/// A connection without a response for this time counts as dead while the log is read, so a new one is made.
const MAX_SILENCE: Duration = Duration::from_millis(300);

/// The minimum time to keep an entry. An entry also has the numbers of requests, so it is kept longer
/// than a token that expires soon.
const MIN_ENTRY_TIME: Duration = Duration::from_secs(60);

/// The shared cache's data in Redis or Valkey.
#[derive(Debug)]
pub struct RedisStore(Redis);

impl RedisStore {
    /// Validates the address; no connection is made yet.
    ///
    /// # Errors
    /// [`Code::Config`](crate::core::Code::Config) for invalid URLs.
    pub fn new(address: &RedisAddress, config: &Config) -> Result<Self, Error> {
        let command_timeout = deadlines::redis_command(config.deadline);
        let redis = Redis::new(address, config.ca.as_deref(), command_timeout)?;
        Ok(Self(redis))
    }
}

impl Store for RedisStore {
    async fn view(
        &self,
        keys: &EntryKeys,
        new_generation: &str,
        begin: Begin<'_>,
    ) -> Result<View, Unavailable> {
        let (begin, holder) = match begin {
            Begin::No => ("no", ""),
            Begin::WithLease(holder) => ("lease", holder),
            Begin::WithoutLease => ("begin", ""),
        };
        let script = [PROCESS, VIEW].concat();
        let mut command = eval(&script, &[&keys.entry, &keys.generation, &keys.lease]);
        command.arg(new_generation);
        command.milliseconds(RETENTION).arg(begin).arg(holder);
        let (process, generation, token, finished, number) =
            self.0.run(command.milliseconds(LEASE)).await?;
        let token: Option<Vec<u8>> = token;
        let (finished, number): (Option<u64>, Option<u64>) = (finished, number);
        Ok(View {
            process,
            generation,
            value: token.zip(finished.map(SequenceNumber)),
            number: number.map(SequenceNumber),
        })
    }

    async fn renew_lease(&self, request: Request<'_>) -> Result<(), Unavailable> {
        let mut command = eval(RENEW_LEASE, &[&request.keys.lease]);
        command.arg(request.holder);
        self.0.run(command.milliseconds(LEASE)).await
    }

    async fn end(&self, request: Request<'_>, ending: Ending<'_>) -> Result<(), Unavailable> {
        let (name, token, time) = match ending {
            Ending::Token(token, time) => ("token", token, time.max(MIN_ENTRY_TIME)),
            Ending::Rejected => ("rejected", &[][..], Duration::ZERO),
            Ending::Failed => ("failed", &[][..], Duration::ZERO),
        };
        let EntryKeys {
            entry,
            generation,
            lease,
        } = request.keys;
        let script = [PROCESS, END].concat();
        let mut command = eval(&script, &[entry, generation, lease]);
        command
            .arg(request.generation)
            .arg(request.number.0)
            .arg(request.holder)
            .arg(name)
            .arg(token);
        command.milliseconds(time).milliseconds(RETENTION);
        self.0.run(command.arg(request.process)).await
    }

    async fn set_generation(&self, key: &str, generation: &str) -> Result<(), Unavailable> {
        let mut command = cmd("SET");
        command.arg(key).arg(generation).arg("PX");
        self.0.run(command.milliseconds(RETENTION)).await
    }

    async fn append(&self, log: &str, user_id: &[u8]) -> Result<(), Unavailable> {
        let mut command = eval(APPEND, &[log]);
        command.arg(user_id).arg(MAX_LOG);
        self.0.run(command.milliseconds(RETENTION)).await
    }

    async fn read_log(&self, log: &str, after: &str) -> Result<LogPage, Unavailable> {
        let script = [PROCESS, READ_LOG].concat();
        let mut command = eval(&script, &[log]);
        command.arg(after).arg(LOG_PAGE);
        let command = command.milliseconds(RETENTION);
        let (process, time, newest, events) =
            self.0.run_within(MAX_READ, MAX_SILENCE, command).await?;
        let events: Vec<RawEvent> = events;
        let events = events.into_iter().map(|(id, previous, user_id)| LogEvent {
            id,
            previous,
            user_id,
        });
        Ok(LogPage {
            process,
            time: SequenceNumber(time),
            newest,
            events: events.collect(),
        })
    }

    async fn connect(&self, limit: Duration) -> Result<(), Unavailable> {
        self.0.connect(limit).await
    }

    fn close(&self) {
        self.0.close();
    }
}

/// What the script returns for a [`LogEvent`].
type RawEvent = (String, String, Vec<u8>);

fn eval(script: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script).arg(keys.len()).arg(keys);
    command
}

trait Milliseconds {
    fn milliseconds(&mut self, time: Duration) -> &mut Self;
}

impl Milliseconds for Cmd {
    /// An argument in the unit of `PX`; Redis rejects 0.
    fn milliseconds(&mut self, time: Duration) -> &mut Self {
        self.arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
    }
}
