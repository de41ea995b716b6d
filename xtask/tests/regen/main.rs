//! Tests `cargo xtask regen` through its command line, with projects in temporary folders.

mod changes;
mod check;
mod input;
mod project;
mod rules;
mod vendor;
