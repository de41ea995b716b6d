//! Sessions that processes share, over real files, a real Redis and real processes.

mod file;
#[path = "../tool/process.rs"]
mod process;
mod processes;
mod redis;
mod redis_server;
