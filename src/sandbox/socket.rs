//! The port and its connections.
//!
//! hyper is used directly, without a framework around it: there is one thing to route, and a fault needs
//! what a framework hides. A reset needs the connection's socket back, and dropping the sandbox has to end
//! its connections.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use super::lock;
use super::service::{ConnectionError, Service};

/// How long to wait when no connection can be accepted, as when the process has no file left to open.
const PAUSE: Duration = Duration::from_millis(50);

/// An open port with its connections; both end when it is dropped.
pub(super) struct Socket {
    _port: Port,
    accepting: AbortHandle,
}

impl Socket {
    /// Opens `port` of this machine's loopback address, and says which one it became.
    pub(super) async fn open(port: u16, service: Arc<Service>) -> io::Result<(Self, SocketAddr)> {
        let runtime = Handle::try_current()
            .map_err(|_| io::Error::other("a sandbox needs a Tokio runtime to run in"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let port = Port(Arc::new(Mutex::new(Some(listener))));
        let accepting = runtime.spawn(accept(port.clone(), service)).abort_handle();
        Ok((Self { _port: port, accepting }, address))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The listener, shared by the socket and its task. Whichever ends first closes it: an aborted task ends
/// only when its runtime gets to it, and a runtime that ends takes the task along.
#[derive(Clone)]
struct Port(Arc<Mutex<Option<TcpListener>>>);

impl Drop for Port {
    fn drop(&mut self) {
        lock(&self.0).take();
    }
}

impl Port {
    /// The next connection, or nothing once the port is closed.
    async fn accept(&self) -> Option<io::Result<TcpStream>> {
        poll_fn(|context| match &*lock(&self.0) {
            Some(listener) => listener.poll_accept(context).map_ok(|(stream, _)| stream).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Serves until the port is closed. The connections are children of this task, and end with it.
async fn accept(port: Port, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    while let Some(accepted) = port.accept().await {
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(stream) => drop(connections.spawn(serve(stream, Arc::clone(&service)))),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn serve(stream: TcpStream, service: Arc<Service>) {
    let answer = service_fn(|request| service.respond(request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let Err(error) = (&mut connection).await else { return };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    if let Some(ConnectionError::Reset) = cause {
        let stream = connection.into_parts().io.into_inner();
        // Without this the socket closes in an orderly way, which is what a client would then report.
        if stream.set_zero_linger().is_err() {
            tracing::warn!("the connection can't be reset; it is closed instead");
        }
    }
}
