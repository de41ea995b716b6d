//! A proxy in front of Redis that stops at a chosen command, so that a process is known to be at work there.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What a command of the store is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Session,
    Lease,
}

/// Where the proxy stops: with this command in hand, counted from 0 among those about a key of the store.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// Redis does not get it.
    Before(usize),
    /// Redis carries it out, and the client gets no answer.
    After(usize),
    Never,
}

pub struct Proxy {
    pub url: String,
    commands: mpsc::UnboundedReceiver<Option<Key>>,
}

impl Proxy {
    /// A proxy for one connection to the Redis server at `port`.
    pub async fn start(port: u16, stop: Stop) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (seen, commands) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            // An error says that one side ended, and the other one learns of it.
            pass(client, server, stop, &seen).await.ok();
        });
        Self { url, commands }
    }

    /// Waits until it stops.
    pub async fn stopped(&mut self) {
        while self.commands.recv().await.expect("the process went past the stop").is_some() {}
    }

    /// The commands that passed, once the process has ended.
    pub async fn passed(mut self) -> Vec<Key> {
        let mut passed = Vec::new();
        while let Some(Some(key)) = self.commands.recv().await {
            passed.push(key);
        }
        passed
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    stop: Stop,
    seen: &mpsc::UnboundedSender<Option<Key>>,
) -> io::Result<()> {
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    let mut count = 0;
    let mut waiting = false;
    loop {
        tokio::select! {
            read = client.read_buf(&mut from_client) => if read? == 0 { return Ok(()) },
            read = server.read_buf(&mut from_server) => {
                if read? == 0 {
                    return Ok(());
                }
                if waiting {
                    // It was carried out; nobody hears of it.
                    seen.send(None).ok();
                    return std::future::pending().await;
                }
                client.write_all(&from_server).await?;
                from_server.clear();
            }
        }
        while let Some((length, arguments)) = command(&from_client) {
            let about = |end: &[u8]| arguments.iter().any(|argument| argument.ends_with(end));
            let key = match (about(b":session"), about(b":lease")) {
                (true, _) => Some(Key::Session),
                (_, true) => Some(Key::Lease),
                _ => None,
            };
            if let Some(key) = key {
                match stop {
                    Stop::Before(number) if number == count => {
                        seen.send(None).ok();
                        return std::future::pending().await;
                    }
                    Stop::After(number) if number == count => waiting = true,
                    _ => drop(seen.send(Some(key))),
                }
                count += 1;
            }
            server.write_all(&from_client[..length]).await?;
            from_client.drain(..length);
        }
    }
}

/// The first whole command in `bytes`: its length and its arguments.
pub fn command(bytes: &[u8]) -> Option<(usize, Vec<&[u8]>)> {
    let (count, mut end) = number(bytes, 0, b'*')?;
    let mut arguments = Vec::new();
    for _ in 0..count {
        let (size, start) = number(bytes, end, b'$')?;
        arguments.push(bytes.get(start..start + size)?);
        end = start + size + 2;
    }
    (end <= bytes.len()).then_some((end, arguments))
}

/// The number in the line at `start`, and where the next line begins.
fn number(bytes: &[u8], start: usize, sign: u8) -> Option<(usize, usize)> {
    let line = bytes.get(start..)?;
    let length = line.windows(2).position(|end| end == b"\r\n")?;
    assert_eq!(line[0], sign, "not a command of Redis");
    Some((std::str::from_utf8(&line[1..length]).unwrap().parse().unwrap(), start + length + 2))
}
