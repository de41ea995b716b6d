//! The end of a sandbox, its port, and its independence of others.

use std::io::ErrorKind;
use std::time::Duration;

use social_plus_bot::sandbox::{Fault, Sandbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::requests::{Response, address, plain, send, wire};

#[tokio::test]
async fn a_dropped_sandbox_refuses_connections_at_once() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = address(&sandbox);

    drop(sandbox);

    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_sandbox_cuts_its_connections() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::silence());
    let mut silent = TcpStream::connect(address(&sandbox)).await.unwrap();
    silent.write_all(wire(r#"{"deviceId":"a"}"#).as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(address(&sandbox)).await.unwrap();
    // Connections are taken in their order, so once this one is answered the sandbox has the others.
    Response::of(plain().get(sandbox.base_url())).await.refuses(401, 400_100);

    drop(sandbox);

    for connection in [&mut silent, &mut idle] {
        let mut buffer = [0; 16];
        let end = timeout(Duration::from_secs(300), connection.read(&mut buffer)).await.unwrap();
        assert_eq!(end.unwrap_or(0), 0);
    }
}

#[test]
fn a_sandbox_ends_with_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let address = address(&sandbox);

    drop(runtime);

    assert_eq!(std::net::TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn sandboxes_share_nothing() {
    let (one, two) = (Sandbox::start().await.unwrap(), Sandbox::start().await.unwrap());
    one.fail_always(Fault::status(503));

    assert_eq!(send(&one, r#"{"deviceId":"a"}"#).await.status, 503);
    assert_eq!(send(&two, r#"{"deviceId":"a"}"#).await.status, 200);
    assert_eq!((one.requests().len(), two.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_port_can_be_chosen_and_a_taken_one_is_an_error() {
    let free = Sandbox::start().await.unwrap();
    let port = address(&free).rsplit(':').next().unwrap().parse().unwrap();

    let error = Sandbox::builder().port(port).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);

    drop(free);
    let sandbox = Sandbox::builder().port(port).start().await.unwrap();
    assert_eq!(sandbox.base_url(), format!("http://127.0.0.1:{port}"));
}
