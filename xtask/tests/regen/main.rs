//! `cargo xtask regen` as people run it: a project in a folder, a command line, an exit status.

mod changes;
mod check;
mod input;
mod project;
mod rules;
mod vendor;
mod write;
