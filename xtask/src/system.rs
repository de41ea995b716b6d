//! Checks for system packages that the tests need, and installs missing ones if permitted.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run;

/// Ensures that the command `probe` succeeds, and installs the Debian packages `packages` if it does not.
pub fn require(what: &str, probe: &[&str], packages: &[&str]) -> Result<(), String> {
    if succeeds(probe) {
        return Ok(());
    }
    let list = packages.join(" ");
    let can_install = Path::new("/usr/bin/apt-get").exists() && succeeds(&["test", "-w", "/var/lib/dpkg"]);
    if !can_install {
        return Err(format!("{what} is missing; install it (on Debian or Ubuntu: apt-get install {list})"));
    }
    let install = format!("apt-get update -qq && apt-get install -y -qq --no-install-recommends {list}");
    let mut shell = Command::new("sh");
    run::run(&install, shell.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    if succeeds(probe) { Ok(()) } else { Err(format!("{what} is still missing after installing {list}")) }
}

fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
