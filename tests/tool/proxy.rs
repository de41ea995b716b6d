//! Proxies of the environment.

use std::io::{BufRead, BufReader, Write};

use social_plus_bot::sandbox::Sandbox;

use crate::command_line::register;
use crate::failed::failed;
use crate::process::{run, tool};

#[tokio::test]
async fn a_proxy_never_sees_a_key_that_goes_over_plain_http() {
    let sandbox = Sandbox::start().await.unwrap();
    let proxy = Sandbox::start().await.unwrap();
    let mut command = register(&sandbox);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env(name, proxy.base_url());
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    assert!(run(command).await.status.success());
    assert_eq!((sandbox.requests().len(), proxy.requests().len()), (1, 0));
}

#[tokio::test]
async fn an_https_address_is_reached_through_the_proxy_of_the_environment() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = tool();
    command.args(["register", "--region", "us", "--device-id", "x", "--timeout", "5"]);
    command.env("SOCIAL_PLUS_API_KEY", "b0e8a2c4d6f8").env_remove("NO_PROXY").env_remove("no_proxy");
    let address = proxy.local_addr().unwrap();
    command.env("HTTPS_PROXY", format!("http://{address}")).env_remove("https_proxy");
    let asked = tokio::task::spawn_blocking(move || {
        let (socket, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&socket).read_line(&mut line).unwrap();
        (&socket).write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
        line
    });
    let output = run(command).await;
    // Should the tool not have asked, this ends the waiting for it.
    drop(std::net::TcpStream::connect(address));
    assert_eq!(asked.await.unwrap(), "CONNECT apix.us.amity.co:443 HTTP/1.1\r\n");
    failed(&output, 4);
}
