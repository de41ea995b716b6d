//! `social-plus-bot token --watch`, for programs that can only read files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use social_plus_bot::{AccessToken, BotClient, Error, ErrorKind};
use tokio::time::sleep;

use crate::exit::{self, Failure};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

/// The longest interval of checking session and file.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The wait after the first failure. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest wait after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The number of symbolic links that are followed.
const LINKS: usize = 40;

/// Checks that `file` can be written, and creates nothing.
pub fn check(file: &Path) -> Result<(), Failure> {
    match Target::of(file).and_then(|target| tempfile::tempfile_in(target.folder)) {
        Err(error) if !is_full(&error) => Err(unwritable(file, &error)),
        _ => Ok(()),
    }
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("--watch {}: {error}", file.display()))
}

/// Keeps a valid token in `file`. Returns only with a permanent error.
pub async fn keep(bot: &BotClient, file: &Path) -> Result<(), Failure> {
    let (mut had_token, mut was_written) = (false, false);
    let mut pause = FIRST_PAUSE;
    let mut faults = 0;
    // A missing folder is reported below.
    if let Ok(target) = Target::of(file) {
        target.remove_stale();
    }
    loop {
        let failed = match bot.session().await {
            Ok(session) => {
                had_token = true;
                match keep_in(file, session.access_token()) {
                    Ok(()) => {
                        was_written = true;
                        // The call reads memory, and starts a refresh when one is due.
                        Ok((session.lifetime() / 100).min(LONGEST_WAIT))
                    }
                    Err(error) if was_written || is_full(&error) => {
                        Err(format!("{} can't be written: {error}", file.display()))
                    }
                    Err(error) => return Err(unwritable(file, &error)),
                }
            }
            Err(error) if is_final(&error, had_token) => return Err(error.into()),
            Err(error) => Err(format!("no valid token for {}: {error}", file.display())),
        };
        let wait = match failed {
            Ok(wait) => {
                pause = FIRST_PAUSE;
                wait
            }
            Err(note) => {
                exit::note(note);
                let wait = pause;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                wait
            }
        };
        let store = bot.store_faults();
        if store.count > faults
            && let Some(fault) = store.last
        {
            exit::note(fault);
            faults = store.count;
        }
        sleep(wait.max(Duration::from_millis(10))).await;
    }
}

/// Whether waiting does not help: invalid settings, a missing runtime, or a refusal by the service itself. A response from something else,
/// such as a maintenance page, is transient; but before the first token, a refusal without the service's code more
/// likely means a wrong address.
fn is_final(error: &Error, had_token: bool) -> bool {
    match error.kind() {
        ErrorKind::Config | ErrorKind::Runtime => true,
        ErrorKind::Rejected => error.code().is_some() || !had_token,
        _ => false,
    }
}

/// Whether the disk is full, which is transient.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes `file` unless it contains `token` already. It may have been removed or changed.
fn keep_in(file: &Path, token: &AccessToken) -> io::Result<()> {
    let line = format!("{}\n", token.expose_secret());
    let target = Target::of(file)?;
    if target.holds(&line) {
        return Ok(());
    }
    target.remove_stale();
    match target.write(&line) {
        // Another watcher of the same file removed the temporary file just before it was locked.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !target.holds(&line) => target.write(&line),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// The file to replace: for a symbolic link, its target.
struct Target {
    folder: PathBuf,
    name: OsString,
}

impl Target {
    fn of(file: &Path) -> io::Result<Self> {
        let mut file = file.to_owned();
        for _ in 0..LINKS {
            if let Ok(path) = fs::canonicalize(&file) {
                let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
                return Ok(Self { folder, name: path.file_name().unwrap_or_default().to_owned() });
            }
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
            let name = file.file_name().unwrap_or_default().to_owned();
            // The target of a link may not exist.
            match fs::read_link(folder.join(&name)) {
                Ok(further) => file = folder.join(further),
                Err(_) => return Ok(Self { folder, name }),
            }
        }
        Err(io::Error::other("too many links"))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Whether the file has exactly this content. An unreadable file does not, and is replaced.
    fn holds(&self, line: &str) -> bool {
        let path = self.path();
        // Opening anything else, such as a FIFO, could block forever.
        if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return false;
        }
        let Ok(file) = File::open(path) else { return false };
        let mut content = Vec::new();
        let limit = line.len() as u64 + 1;
        let read = (&file).take(limit).read_to_end(&mut content);
        let holds = read.is_ok() && content == line.as_bytes();
        if holds {
            // Some file systems have no modes.
            platform::make_private(&file).ok();
        }
        holds
    }

    /// The prefix of temporary files.
    fn prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".");
        prefix
    }

    /// Replaces the file atomically, so that readers always find a whole token. The temporary file has mode 0600, and is
    /// locked while it exists, so that other processes don't take it for a leftover.
    fn write(&self, line: &str) -> io::Result<()> {
        let prefix = self.prefix();
        let mut new = tempfile::Builder::new().prefix(&prefix).suffix(".new").tempfile_in(&self.folder)?;
        // Where files can't be locked, another process may remove it; then it is written again.
        new.as_file().try_lock().ok();
        new.write_all(line.as_bytes())?;
        match new.as_file().sync_all() {
            // The file system does not support syncing.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            synced => synced?,
        }
        platform::persist(new, &self.path())
    }

    /// Removes temporary files of processes that were killed. Failures are ignored: the next write tries again.
    fn remove_stale(&self) {
        let prefix = self.prefix();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
                && name.as_encoded_bytes().ends_with(b".new")
                && entry.file_type().is_ok_and(|kind| kind.is_file());
            // The lock of a killed process is gone.
            if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}
