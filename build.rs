//! Makes the typed client from the contract each time the contract changes.
//!
//! Everything about *how* is in `build/generate.rs`; this file only connects it to Cargo.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

#[path = "build/generate.rs"]
mod generate;

const CONTRACT: &str = "openapi/social-plus-bot.json";

fn main() -> ExitCode {
    for source in ["build.rs", "build", CONTRACT] {
        println!("cargo::rerun-if-changed={source}");
    }
    match write_client() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

fn write_client() -> Result<(), String> {
    let out =
        env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set: build this crate with Cargo")?;
    let contract = fs::read_to_string(CONTRACT).map_err(|error| format!("{CONTRACT}: {error}"))?;
    let client = generate::client(&contract).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
    write(&out.join("client.rs"), &client)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
