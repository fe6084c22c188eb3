//! Compares the model of Redis with a real `redis-server`: both run the same operations, at random, with
//! evictions and restarts.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::database::{Database, LogBounds};
use crate::core::cache::sequence::SequenceNumber;
use crate::core::cache::shared::redis_store::RedisStore;
use crate::core::cache::shared::store::{
    Begin, Ending, EntryKeys, LEASE, LOG_PAGE, LogPage, MAX_LOG, Request, Store as _, View,
};
use crate::core::config::{Config, Options, RedisAddress};

const OPERATIONS: usize = 1000;
const USERS: usize = 2;
const LOG: &str = "velt-auth:{log}:invalidations";
const BOUNDS: LogBounds = LogBounds {
    max_events: MAX_LOG,
    page: LOG_PAGE,
};

#[tokio::test]
async fn the_model_does_what_a_real_redis_does() {
    if Command::new("redis-server")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(env::var_os("CI").is_none(), "redis-server is not installed");
        eprintln!("skipped: redis-server is not installed");
        return;
    }
    let mut pair = Pair::start().await;
    for _ in 0..OPERATIONS {
        pair.step().await;
        pair.compare_keys();
    }
    assert!(pair.kept > 50, "{} outcomes were kept", pair.kept);
    fs::remove_dir_all(&pair.server.folder).unwrap();
}

/// A `redis-server` with a folder of its own.
struct Server {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(folder: PathBuf) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--port",
            &port.to_string(),
        ]);
        let command = command.arg("--dir").arg(&folder).stdout(Stdio::null());
        Self {
            process: command.spawn().unwrap(),
            folder,
            port,
        }
    }

    /// Runs one command of `redis-cli`. Returns its output.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let command = command.args(["-p", &self.port.to_string()]);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Each key, and its remaining time in milliseconds.
    fn keys(&self) -> BTreeMap<String, i64> {
        const SCRIPT: &str = "local found = {}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              found[#found + 1] = key .. ' ' .. redis.call('PTTL', key)
            end
            return found";
        let output = self.run(&["EVAL", SCRIPT, "0"]);
        let lines = output.lines().filter_map(|line| line.split_once(' '));
        lines
            .map(|(key, time)| (key.into(), time.parse().unwrap()))
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request that began in both.
struct Begun {
    user: usize,
    view: View,
    model: View,
    holder: String,
}

/// The real Redis and the model.
struct Pair {
    rng: Rng,
    server: Server,
    store: RedisStore,
    model: Database,
    /// How often the server was started.
    starts: usize,
    requests: Vec<Begun>,
    /// The number in the model for each number of the real Redis.
    numbers: HashMap<(usize, SequenceNumber), SequenceNumber>,
    last_event: String,
    kept: usize,
}

impl Pair {
    async fn start() -> Self {
        let folder = env::temp_dir().join(format!("velt-auth-conformance-{}", std::process::id()));
        let server = Server::start(folder);
        Self {
            rng: Rng::with_seed(12),
            store: connect(&server).await,
            server,
            model: Database::default(),
            starts: 1,
            requests: Vec::new(),
            numbers: HashMap::new(),
            last_event: String::new(),
            kept: 0,
        }
    }

    async fn step(&mut self) {
        self.remove_old_leases();
        match self.rng.u8(..100) {
            ..40 => self.view().await,
            40..70 => self.end().await,
            70..75 => self.renew_lease().await,
            75..80 => self.set_generation().await,
            80..88 => self.append().await,
            88..96 => self.read_log().await,
            96..99 => self.evict(),
            _ => self.restart().await,
        }
    }

    /// Otherwise a lease could expire between an operation of the one and that of the other.
    fn remove_old_leases(&mut self) {
        let soon = Instant::now() + LEASE / 2;
        for (key, ends) in self.model.expiries() {
            if ends.is_some_and(|ends| ends < soon) {
                self.server.run(&["DEL", &key]);
                self.model.remove(&key);
            }
        }
    }

    async fn view(&mut self) {
        let user = self.rng.usize(..USERS);
        let holder = self.random("holder");
        let begin = match self.rng.u8(..4) {
            0 => Begin::No,
            1 => Begin::WithoutLease,
            _ => Begin::WithLease(&holder),
        };
        let generation = self.random("generation");
        let keys = keys(user);
        let view = self.store.view(&keys, &generation, begin).await.unwrap();
        let process = self.process();
        let model = self.model.view(process, &keys, &generation, begin, now());
        assert_eq!(view.generation, model.generation);
        assert_eq!(view.number.is_some(), model.number.is_some());
        let value = view
            .value
            .clone()
            .map(|(token, number)| (token, self.numbers[&(user, number)]));
        assert_eq!(value, model.value);
        if let (Some(real), Some(number)) = (view.number, model.number) {
            let earlier = self.requests.iter().filter(|it| it.user == user);
            assert!(earlier.clone().all(|it| it.view.number < view.number));
            self.numbers.insert((user, real), number);
            let holder = match begin {
                Begin::WithLease(holder) => holder.to_owned(),
                _ => String::new(),
            };
            self.requests.push(Begun {
                user,
                view,
                model,
                holder,
            });
        }
    }

    async fn end(&mut self) {
        let Some(begun) = self.some_request() else {
            return;
        };
        let token = self.random("token").into_bytes();
        let ending = match self.rng.u8(..5) {
            0 => Ending::Failed,
            1 => Ending::Rejected,
            _ => Ending::Token(&token, Duration::from_secs(self.rng.u64(1..200))),
        };
        let keys = keys(begun.user);
        self.store.end(begun.real(&keys), ending).await.unwrap();
        let process = self.process();
        let is_kept = self
            .model
            .end(process, begun.modelled(&keys), ending, now().0);
        self.kept += usize::from(is_kept);
        if self.rng.bool() {
            self.requests.push(begun);
        }
    }

    async fn renew_lease(&mut self) {
        let Some(begun) = self.some_request() else {
            return;
        };
        let keys = keys(begun.user);
        self.store.renew_lease(begun.real(&keys)).await.unwrap();
        self.model.renew_lease(begun.modelled(&keys), now().0);
        self.requests.push(begun);
    }

    async fn set_generation(&mut self) {
        let key = keys(self.rng.usize(..USERS)).generation;
        let generation = self.random("generation");
        self.store.set_generation(&key, &generation).await.unwrap();
        self.model.set_generation(&key, &generation, now().0);
    }

    async fn append(&mut self) {
        let user_id = self.random("user").into_bytes();
        self.store.append(LOG, &user_id).await.unwrap();
        self.model.append(LOG, &user_id, BOUNDS, now());
    }

    /// Reads after the last event, at times after none.
    async fn read_log(&mut self) {
        let (real_after, model_after) = match self.last_event.split_once(' ') {
            Some((real, model)) if self.rng.u8(..5) > 0 => (real, model),
            _ => ("", ""),
        };
        let real = self.store.read_log(LOG, real_after).await.unwrap();
        let process = self.process();
        let model = self
            .model
            .read_log(process, LOG, model_after, BOUNDS, now());
        assert_eq!(shape(&real, real_after), shape(&model, model_after));
        self.last_event = format!("{} {}", real.newest, model.newest);
    }

    fn evict(&mut self) {
        if let Some(key) = self.model.evict(self.rng.usize(..)) {
            self.server.run(&["DEL", &key]);
        }
    }

    /// Restarts the server, with its data.
    async fn restart(&mut self) {
        self.server.run(&["SAVE"]);
        let folder = self.server.folder.clone();
        let _ = self.server.process.kill();
        let _ = self.server.process.wait();
        self.server = Server::start(folder);
        self.store = connect(&self.server).await;
        self.starts += 1;
    }

    fn compare_keys(&self) {
        let model = self.model.expiries();
        let real = self.server.keys();
        let names = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(names(real.keys().collect()), names(model.keys().collect()));
        for (key, time) in real {
            let ends = model[&key].expect("every key expires");
            let expected = ends.saturating_duration_since(Instant::now()).as_millis();
            let difference = i64::try_from(expected).unwrap() - time;
            assert!(
                difference.abs() < 2000,
                "{key} is kept {time} ms, not {expected} ms"
            );
        }
    }

    fn some_request(&mut self) -> Option<Begun> {
        let count = self.requests.len();
        if count == 0 || self.rng.bool() {
            return self.requests.pop();
        }
        Some(self.requests.swap_remove(self.rng.usize(..count)))
    }

    fn process(&self) -> String {
        self.starts.to_string()
    }

    fn random(&mut self, name: &str) -> String {
        format!("{name}-{}", self.rng.u64(..))
    }
}

impl Begun {
    fn real<'a>(&'a self, keys: &'a EntryKeys) -> Request<'a> {
        request(&self.view, keys, &self.holder)
    }

    fn modelled<'a>(&'a self, keys: &'a EntryKeys) -> Request<'a> {
        request(&self.model, keys, &self.holder)
    }
}

fn request<'a>(view: &'a View, keys: &'a EntryKeys, holder: &'a str) -> Request<'a> {
    Request {
        keys,
        generation: &view.generation,
        process: &view.process,
        number: view.number.expect("the request began"),
        holder,
    }
}

async fn connect(server: &Server) -> RedisStore {
    let address = RedisAddress {
        urls: vec![format!("redis://127.0.0.1:{}", server.port).into()],
        is_cluster: false,
        sentinels: Vec::new(),
    };
    let config = Config::new(Options {
        api_key: "key".into(),
        auth_token: "auth".into(),
        ..Options::default()
    });
    let store = RedisStore::new(&address, &config.unwrap()).unwrap();
    for _ in 0..1000 {
        if store.connect(Duration::from_secs(5)).await.is_ok() {
            return store;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("redis-server does not start");
}

fn keys(user: usize) -> EntryKeys {
    EntryKeys {
        entry: format!("velt-auth:{{{user}}}:entry"),
        generation: format!("velt-auth:{{{user}}}:generation"),
        lease: format!("velt-auth:{{{user}}}:lease"),
    }
}

/// The time, and a clock in microseconds, as Redis has it.
fn now() -> (Instant, u64) {
    let passed = std::time::UNIX_EPOCH.elapsed().unwrap();
    (Instant::now(), u64::try_from(passed.as_micros()).unwrap())
}

/// The events of a page, without their ids: what each event is about, and whether it continues the event
/// before it. Then whether the page reaches the newest event.
fn shape(page: &LogPage, after: &str) -> (Vec<(Vec<u8>, bool)>, bool) {
    let mut last = after;
    let mut events = Vec::new();
    for event in &page.events {
        events.push((event.user_id.clone(), event.previous == last));
        last = &event.id;
    }
    (events, page.newest == last)
}
