//! The listening port and its connections.
//!
//! This uses hyper without a web framework. There is only one route, and faults need access that a framework
//! hides: a reset takes the socket back from the connection, and dropping the sandbox ends its connections.

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

/// The pause after a failed `accept`, for example when the process has too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A listening port and its connections. Dropping it closes both.
pub(super) struct Socket {
    _port: Port,
    accepting: AbortHandle,
}

impl Socket {
    /// Binds `port` on the loopback address and returns the bound address.
    pub(super) async fn open(port: u16, service: Arc<Service>) -> io::Result<(Self, SocketAddr)> {
        let runtime = Handle::try_current()
            .map_err(|_| io::Error::other("the sandbox must be started within a Tokio runtime"))?;
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

/// The listener, shared by the socket and its task. The first of the two to be dropped closes it. Aborting the
/// task alone would not close the port at once, because the runtime drops an aborted task later.
#[derive(Clone)]
struct Port(Arc<Mutex<Option<TcpListener>>>);

impl Drop for Port {
    fn drop(&mut self) {
        lock(&self.0).take();
    }
}

impl Port {
    /// Accepts the next connection. Returns `None` once the port is closed.
    async fn accept(&self) -> Option<io::Result<TcpStream>> {
        poll_fn(|context| match &*lock(&self.0) {
            Some(listener) => listener.poll_accept(context).map_ok(|(stream, _)| stream).map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Serves connections until the port is closed. They belong to this task and end with it.
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
    let respond = service_fn(|request| service.respond(request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), respond);
    let Err(error) = (&mut connection).await else { return };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    if let Some(ConnectionError::Reset) = cause {
        let stream = connection.into_parts().io.into_inner();
        // Without this, the client would see an orderly close instead of a reset.
        if stream.set_zero_linger().is_err() {
            tracing::warn!("failed to reset the connection; closing it instead");
        }
    }
}
