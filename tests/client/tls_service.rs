//! A service with TLS, whose certificate is issued by an authority of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use chrono::{TimeDelta, Utc};
use serde_json::json;

/// Accepts registrations, one at a time.
pub struct TlsService {
    process: Child,
    port: String,
    authority: PathBuf,
}

impl TlsService {
    /// Creates the certificates in `folder`, and starts the service.
    pub fn start(folder: &Path) -> Self {
        let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes"];
        let issue = |arguments: &[&str]| {
            let mut issue = Command::new("openssl");
            issue.args(request).args(arguments).current_dir(folder).stderr(Stdio::null());
            assert!(issue.status().unwrap().success());
        };
        issue(&["-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=authority"]);
        let issuer = ["-CA", "authority.pem", "-CAkey", "authority.key", "-subj", "/CN=localhost"];
        let extensions = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"];
        issue(&[&["-keyout", "key.pem", "-out", "certificate.pem"], &issuer[..], &extensions].concat());

        let mut serve = Command::new("openssl");
        serve.args(["s_server", "-accept", "127.0.0.1:0", "-key", "key.pem", "-cert", "certificate.pem"]);
        serve.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = serve.spawn().unwrap();
        let mut received = BufReader::new(process.stdout.take().unwrap());
        let accepts =
            received.by_ref().lines().map_while(Result::ok).find(|line| line.starts_with("ACCEPT "));
        let port = accepts.unwrap().rsplit(':').next().unwrap().to_owned();
        let responses = process.stdin.take().unwrap();
        std::thread::spawn(move || respond(received, responses));
        Self { process, port, authority: folder.join("authority.pem") }
    }

    pub fn address(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> reqwest::Certificate {
        reqwest::Certificate::from_pem(&std::fs::read(&self.authority).unwrap()).unwrap()
    }
}

impl Drop for TlsService {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Returns a session for each request. The server prints requests among what it says about connections.
fn respond(mut received: BufReader<ChildStdout>, mut responses: ChildStdin) {
    let mut text = Vec::new();
    while matches!(received.read_until(b'}', &mut text), Ok(read) if read > 0) {
        if !text.ends_with(br#""deviceId":"crawler-1"}"#) {
            continue;
        }
        text.clear();
        let now = Utc::now();
        let session = json!({
            "accessToken": "abc", "issuedAt": now, "expiresAt": now + TimeDelta::days(30), "users": [],
        });
        let session = session.to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", session.len());
        responses.write_all((head + &session).as_bytes()).unwrap();
        responses.flush().unwrap();
    }
}
