//! Sessions that processes share, over real files, a real Redis and real processes.

mod file;
mod killed;
mod one_device;
mod pages;
mod processes;
mod proxy;
mod redis;
mod redis_connections;
mod redis_fleet;
mod redis_responses;
mod redis_server;
mod service;
