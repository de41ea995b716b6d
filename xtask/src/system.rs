//! What the tests need of the machine beyond Rust: found, installed if that is allowed, or asked for.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run;

/// Sees to it that `probe` succeeds, if need be by installing Debian's packages `packages`.
pub fn require(what: &str, probe: &[&str], packages: &[&str]) -> Result<(), String> {
    if succeeds(probe) {
        return Ok(());
    }
    let wanted = packages.join(" ");
    let may_install = Path::new("/usr/bin/apt-get").exists() && succeeds(&["test", "-w", "/var/lib/dpkg"]);
    if !may_install {
        return Err(format!("{what} is missing; install it (on Debian or Ubuntu: apt-get install {wanted})"));
    }
    run::run("apt-get update", Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    run::run(&format!("apt-get install {wanted}"), &mut install)?;
    if succeeds(probe) { Ok(()) } else { Err(format!("{what} is still missing after installing {wanted}")) }
}

fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
