//! Sessions that processes share, over real files, a real Redis and real processes.

mod file;
mod killed;
#[path = "../tool/process.rs"]
mod process;
mod processes;
mod proxy;
mod redis;
mod redis_server;
mod redis_fleet;
