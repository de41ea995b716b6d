//! Generates the typed client from the contract when the contract changes.
//!
//! The generator is in `build/generate.rs`; this file only runs it for Cargo. Without the feature `codegen`, it
//! does nothing, and the crate compiles the committed copy, `src/api/generated.rs`.

use std::process::ExitCode;

#[cfg(feature = "codegen")]
#[path = "build/generate.rs"]
mod generate;

#[cfg(not(feature = "codegen"))]
fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    ExitCode::SUCCESS
}

#[cfg(feature = "codegen")]
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

#[cfg(feature = "codegen")]
const CONTRACT: &str = "openapi/social-plus-bot.json";

#[cfg(feature = "codegen")]
fn write_client() -> Result<(), String> {
    use std::path::Path;
    use std::{env, fs};

    let out = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: build this crate with Cargo")?;
    let contract = fs::read_to_string(CONTRACT).map_err(|error| format!("{CONTRACT}: {error}"))?;
    let client = generate::client(&contract).map_err(|reason| format!("{CONTRACT}: {reason}"))?;
    let path = Path::new(&out).join("client.rs");
    fs::write(&path, client).map_err(|error| format!("{}: {error}", path.display()))
}
