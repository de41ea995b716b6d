//! Tests `cargo xtask regen` through its command line, with projects in temporary folders.

mod project;

mod regen {
    mod changes;
    mod check;
    mod input;
    mod rules;
    mod vendor;
}
