//! The connections of a client: the caller's settings, and over them those that keep the key and the token at the service.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, redirect};

use crate::client::retry::FAR;
use crate::config::region::BaseUrl;
use crate::error::{Error, root_cause};

/// The limit of connecting.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// The addresses of `localhost`, which is the only name that an address with http can have. Port 0 is that of the URL.
const LOOPBACK: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// What the caller sets.
#[derive(Clone)]
pub(crate) struct HttpSettings(Arc<Configure>);

type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

impl HttpSettings {
    pub(crate) fn new(configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        Self(Arc::new(configure))
    }
}

impl fmt::Debug for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSettings").finish_non_exhaustive()
    }
}

/// Creates the connections to the service at `base_url`.
pub(crate) fn connections(
    settings: Option<&HttpSettings>,
    base_url: &BaseUrl,
    timeout: Duration,
) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder().user_agent(concat!(
        env!("CARGO_PKG_NAME"),
        "/",
        env!("CARGO_PKG_VERSION")
    ));
    if let Some(HttpSettings(configure)) = settings {
        // A timeout of reads can't be told apart from the others, so the error would name the wrong one. It can't be unset.
        builder = configure(builder).read_timeout(FAR);
    }
    builder = builder
        .connect_timeout(CONNECT)
        // For requests without a timeout of their own.
        .timeout(timeout)
        .https_only(!base_url.is_plain())
        // A redirect would send the key to another address.
        .redirect(redirect::Policy::none())
        // Retries are made in `retry` only.
        .retry(reqwest::retry::never())
        // It logs everything that is sent, with the key and the token.
        .connection_verbose(false);
    // Without verification, anyone on the way could receive the key.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    {
        builder = builder.tls_danger_accept_invalid_certs(false).tls_danger_accept_invalid_hostnames(false);
    }
    if base_url.is_plain() {
        // A proxy would receive the key unencrypted, and so would another machine that the name is resolved to.
        builder = builder.no_proxy().resolve_to_addrs("localhost", &LOOPBACK);
        // Loading the system's certificates is slow, and none is needed. OpenSSL can't be told not to load them.
        #[cfg(feature = "rustls")]
        {
            builder = builder.tls_backend_rustls();
        }
        #[cfg(any(feature = "rustls", feature = "native-tls"))]
        {
            builder = builder.tls_certs_only([]);
        }
    }
    builder.build().map_err(|error| {
        let setting = if settings.is_some() { "configure_http" } else { "base_url" };
        Error::config(setting, format!("the HTTP client can't be created: {}", root_cause(&error)))
    })
}
