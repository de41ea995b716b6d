//! The client: settings, registrations, requests and errors, with the async and blocking client and the middleware.

mod authorized;
#[cfg(feature = "blocking")]
mod blocking;
mod configuration;
#[cfg(feature = "middleware")]
mod middleware;
mod origin;
#[cfg(all(feature = "file-store", feature = "redis-store"))]
#[path = "../store/redis_server.rs"]
#[allow(dead_code, reason = "other rooms use the rest of it")]
mod redis_server;
mod refusals;
mod registration;
mod render;
mod request;
mod runtimes;
mod secrets;
mod stress;
