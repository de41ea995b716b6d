//! What a caller gets for any response: drawn at random, sent as bytes on a raw socket, and compared with rules.
//!
//! `TEST_SEED` repeats a run, and `RESPONSES` is the number of draws. Failing draws are shrunk, one for each broken rule.

mod bytes;
mod draw;
mod rules;

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use social_plus_bot::BotClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use draw::{Call, Draw, End, KEY, Stop};
use rules::{Broken, Outcome};

/// The number of draws, unless `RESPONSES` says otherwise.
const DRAWS: usize = 5_000;

/// Most draws wait most of the time.
const AT_ONCE: usize = 1_000;

/// The draws that have not got their first response.
const STARTING: usize = 8;

/// The steps of shrinking a failing draw.
const STEPS: usize = 60;

/// Serves each draw under a path of its own.
#[derive(Clone)]
struct Service {
    address: String,
    scripts: Arc<Mutex<HashMap<usize, Script>>>,
}

struct Script {
    call: Call,
    bytes: Vec<u8>,
    ends: End,
    requests: usize,
    /// Held until the response is sent, so that few draws compute at a time.
    starting: Option<OwnedSemaphorePermit>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let service = Self { address, scripts: Arc::default() };
        let serving = service.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().respond(socket));
            }
        });
        service
    }

    async fn respond(self, mut socket: TcpStream) -> Option<()> {
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            if socket.read_buf(&mut request).await.ok()? == 0 {
                return None;
            }
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let path = request.split(' ').nth(1)?;
        let id = path.split('/').nth(1)?.parse().ok()?;
        let call = if request.starts_with("POST") { Call::Register } else { Call::Read };
        let (bytes, ends) = match self.scripts.lock().unwrap().get_mut(&id)? {
            script if script.call == call => {
                script.requests += 1;
                (script.bytes.clone(), script.ends)
            }
            script => (session(script.requests), End::Close),
        };
        socket.write_all(&bytes).await.ok()?;
        if let Some(script) = self.scripts.lock().unwrap().get_mut(&id)
            && script.requests > 0
        {
            script.starting = None;
        }
        match ends {
            End::Close => socket.shutdown().await.ok()?,
            End::Stall => {}
        }
        // A socket that is dropped with unread data loses what was written. This also waits for the client.
        while socket.read(&mut [0; 1024]).await.ok()? > 0 {}
        Some(())
    }

    /// What a caller gets for a draw.
    async fn outcome(&self, id: usize, draw: &Draw, starting: Option<OwnedSemaphorePermit>) -> Outcome {
        let ends = match draw.stop {
            Stop::Complete => End::Close,
            Stop::BeforeHead(end) | Stop::InBody(_, end) => end,
        };
        let script = Script { call: draw.call, bytes: draw.bytes(), ends, requests: 0, starting };
        self.scripts.lock().unwrap().insert(id, script);
        let timeout = match (draw.call, draw.stop) {
            (Call::Register, Stop::BeforeHead(End::Stall)) => Duration::from_millis(300),
            // One attempt.
            _ if draw.is_slow() => Duration::from_secs(11),
            _ => rules::TIMEOUT,
        };
        let bot = BotClient::builder().api_key(KEY).device_id("crawler-1").timeout(timeout);
        let bot = bot.base_url(format!("{}/{id}", self.address)).build().unwrap();
        let result = match draw.call {
            Call::Register => bot.register().await.map(|session| {
                let mismatches = session.schema_mismatches();
                let lines: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
                format!("{} {mismatches:?}", lines.join("; "))
            }),
            Call::Read if draw.stop == Stop::BeforeHead(End::Stall) => {
                let url = format!("{}/{id}/api/v4/posts", self.address).parse().unwrap();
                let mut read = reqwest::Request::new(reqwest::Method::GET, url);
                *read.timeout_mut() = Some(Duration::from_millis(300));
                bot.send(read).await.map(|_| String::new())
            }
            Call::Read => bot.get("/api/v4/posts").await.map(|_| String::new()),
        };
        let script = self.scripts.lock().unwrap().remove(&id);
        Outcome { result, requests: script.map_or(0, |script| script.requests) }
    }
}

/// The response to the registration before a read.
fn session(number: usize) -> Vec<u8> {
    let now = Utc::now();
    let body = json!({
        "accessToken": format!("token-{number}"), "issuedAt": now, "expiresAt": now + TimeDelta::days(30), "users": [],
    });
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// The draw with this number.
fn tree(seed: u64, id: usize) -> impl ValueTree<Value = Draw> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&(id as u64).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    draw::draws().new_tree(&mut TestRunner::new_with_rng(Config::default(), rng)).unwrap()
}

/// The simplest draw that breaks the same rule, and how.
async fn shrunk(mut tree: impl ValueTree<Value = Draw>, how: &str, rule: &str, service: &Service) -> String {
    let mut smallest = format!("{:?}\n{how}", tree.current());
    for step in 0..STEPS {
        let draw = tree.current();
        let outcome = rules::check(&draw, &service.outcome(usize::MAX - step, &draw, None).await);
        let goes_on = match outcome {
            Err((broken, how)) if broken == rule => {
                smallest = format!("{draw:?}\n{how}");
                tree.simplify()
            }
            _ => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    smallest
}

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_response_ends_as_the_rules_say() {
    // The other reading of the documentation concerns the sandbox, which is not used here.
    if env::var_os("SANDBOX_KEEPS_OLDER_TOKENS").is_some() {
        return;
    }
    let seed = variable("TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("TEST_SEED={seed}");
    let number = variable("RESPONSES").and_then(|number| number.try_into().ok()).unwrap_or(DRAWS);

    let service = Service::start().await;
    let (at_once, starting) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(STARTING)));
    let mut running = JoinSet::new();
    let mut failed: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    let mut note = |(id, outcome): (usize, Result<(), Broken>)| {
        if let Err((rule, how)) = outcome {
            failed.entry(rule).or_default().push((id, how));
        }
    };
    let slow = (0..number).filter(|id| tree(seed, *id).current().is_slow());
    let others = (0..number).filter(|id| !tree(seed, *id).current().is_slow());
    for id in slow.chain(others) {
        let draw = tree(seed, id).current();
        let permit = Arc::clone(&at_once).acquire_owned().await.unwrap();
        let starting = Arc::clone(&starting).acquire_owned().await.unwrap();
        let service = service.clone();
        running.spawn(async move {
            let outcome = rules::check(&draw, &service.outcome(id, &draw, Some(starting)).await);
            drop(permit);
            (id, outcome)
        });
        while let Some(done) = running.try_join_next() {
            note(done.unwrap());
        }
    }
    while let Some(done) = running.join_next().await {
        note(done.unwrap());
    }

    let mut lines = Vec::new();
    for (rule, found) in failed {
        let (id, how) = &found[0];
        let smallest = shrunk(tree(seed, *id), how, rule, &service).await;
        lines.push(format!("{} of {number} draws break the rule: {rule}\n{smallest}", found.len()));
    }
    assert!(lines.is_empty(), "TEST_SEED={seed}\n{}", lines.join("\n"));
}
