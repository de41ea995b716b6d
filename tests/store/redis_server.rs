//! A Redis server of a test's own: on a free port, with a temporary folder, ended with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Redis {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

/// Ports below those that systems hand out to connections, so that a server that was stopped finds its own free.
const PORTS: std::ops::Range<u16> = 10_000..30_000;

/// Taken ports are met now and then; so many in a row are a fault.
const ATTEMPTS: usize = 50;

/// A port that may be free.
fn port() -> u16 {
    fastrand::u16(PORTS)
}

impl Redis {
    /// A server with these options besides the usual ones.
    pub fn start(options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { port: port(), options, folder: tempfile::tempdir().unwrap(), process: None };
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            match redis.try_start() {
                Ok(()) => return redis,
                Err(printed) => log = printed,
            }
            redis.port = port();
        }
        panic!("redis-server does not start:\n{log}");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`stop`](Self::stop), with nothing of what it knew.
    pub fn restart(&mut self) {
        self.try_start().unwrap_or_else(|log| panic!("redis-server does not start again:\n{log}"));
    }

    /// Starts it, or returns what it printed before it ended.
    fn try_start(&mut self) -> Result<(), String> {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &self.port.to_string(), "--enable-debug-command", "yes"]);
        command
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect(
            "redis-server is needed; `cargo xtask test` installs it where it may, or install it yourself",
        );
        let out = BufReader::new(process.stdout.take().unwrap());
        let mut printed = String::new();
        let ready = out.lines().map_while(Result::ok).any(|line| {
            printed.push_str(&line);
            printed.push('\n');
            line.contains("Ready to accept connections")
        });
        if ready {
            self.process = Some(process);
            return Ok(());
        }
        process.kill().ok();
        process.wait().unwrap();
        Err(printed)
    }

    /// Lets it listen for TLS as well, and returns that port.
    pub fn listen_for_tls(&self) -> u16 {
        let mut connection = self.connection();
        let mut set = |port: u16| {
            let mut command = redis::cmd("CONFIG");
            command.arg(&["SET", "tls-port", &port.to_string()]).query::<String>(&mut connection)
        };
        (0..ATTEMPTS).map(|_| port()).find(|port| set(*port).is_ok()).expect("Redis can listen for TLS")
    }

    /// Ends it as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends it a command and returns what it answers.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection()).unwrap()
    }

    fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
