//! The client: settings, registrations, requests and errors, with the async and blocking client and the middleware.

mod authorized;
#[cfg(feature = "blocking")]
mod blocking;
mod bodies;
mod configuration;
mod connection_settings;
mod connections;
mod error_text;
mod invalid_responses;
#[cfg(feature = "tower")]
mod layer;
#[cfg(all(feature = "middleware", feature = "tower"))]
mod layer_spans;
mod metrics;
#[cfg(feature = "middleware")]
mod middleware;
mod origin;
mod public_types;
mod quota;
mod raw_service;
#[cfg(feature = "read-cache")]
mod read_cache;
mod refusals;
mod registration;
mod request;
mod request_builder;
mod responses;
mod retries;
mod runtimes;
mod secrets;
mod service;
mod stress;
#[cfg(feature = "rustls")]
mod tls_service;
mod token_provider;
