//! What the sandbox does, seen by a client that shares nothing with it but the wire.

mod faults;
mod history;
mod lifecycle;
mod network;
mod reads;
mod registration;
mod requests;
mod tokens;
