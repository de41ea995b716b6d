//! A Redis server of a test's own: on a free port, with a temporary folder, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub struct Redis {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

impl Redis {
    /// A server with these options besides the usual ones.
    pub fn start(options: &[&str]) -> Self {
        // Free a moment ago; should another process have taken it since, starting fails and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut redis = Self { port, options, folder: tempfile::tempdir().unwrap(), process: None };
        redis.go_on();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it again after [`stop`](Self::stop), with nothing of what it knew.
    pub fn go_on(&mut self) {
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
        let mut said = String::new();
        let ready = out.lines().map_while(Result::ok).any(|line| {
            said.push_str(&line);
            said.push('\n');
            line.contains("Ready to accept connections")
        });
        assert!(ready, "redis-server does not start:\n{said}");
        self.process = Some(process);
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
        let client = redis::Client::open(self.url()).unwrap();
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut client.get_connection().unwrap()).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
