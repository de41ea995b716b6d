//! A real browser, without a window.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

/// For a browser that hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// What the browser asks on its own, whatever it shows.
const ITS_OWN: [&str; 3] = ["google.com", "googleapis.com", "gvt1.com"];

/// A browser without a history, which reaches nothing but this machine.
pub struct Browser {
    profile: TempDir,
    agent: &'static str,
    /// A proxy that closes each connection, and keeps what it was asked.
    proxy: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Browser {
    pub async fn new(agent: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let all = Arc::clone(&all);
                tokio::spawn(async move {
                    let mut line = String::new();
                    let read = BufReader::new(connection).read_line(&mut line).await;
                    // Browsers also open connections in advance, and ask nothing.
                    if read.is_ok_and(|bytes| bytes > 0) {
                        all.lock().unwrap().push(line.trim().to_owned());
                    }
                });
            }
        });
        Self { profile: tempfile::tempdir().unwrap(), agent, proxy, asked }
    }

    /// The document at this address, when it has loaded and its scripts have run.
    pub async fn document(&self, url: &str) -> String {
        self.run(&["--dump-dom", url]).await
    }

    /// Writes a picture of what it shows.
    pub async fn screenshot(&self, url: &str, file: &Path) {
        let file = format!("--screenshot={}", file.display());
        self.run(&["--window-size=800,1000", "--hide-scrollbars", &file, url]).await;
    }

    /// The first lines of the requests to other machines.
    pub fn asked(&self) -> Vec<String> {
        let is_of_page = |line: &String| {
            let target = line.split(' ').nth(1).unwrap_or_default();
            let host = target.trim_start_matches("http://").split(['/', ':']).next().unwrap_or_default();
            !ITS_OWN.iter().any(|own| host == *own || host.ends_with(&format!(".{own}")))
        };
        self.asked.lock().unwrap().iter().filter(|line| is_of_page(line)).cloned().collect()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
                     --disable-background-networking --disable-component-update --disable-sync";
        let mut command = Command::new("chromium");
        command
            .args(flags.split_whitespace())
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .arg(format!("--user-agent={}", self.agent))
            // Loopback addresses are reached without it.
            .arg(format!("--proxy-server={}", self.proxy))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = match tokio::time::timeout(LIMIT, command.output()).await.expect("chromium hangs") {
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "chromium is needed; `cargo xtask test` installs it where it may, or install it yourself"
            ),
            output => output.unwrap(),
        };
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}\n{log}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}
