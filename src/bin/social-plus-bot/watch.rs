//! `social-plus-bot token --watch`: for a program that can read a file and nothing else.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use social_plus_bot::{AccessToken, BotClient, Error, ErrorKind};
use tokio::time::sleep;

use crate::exit::{self, Failure};

/// Session and file are looked at so often at least.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// After a failure it is tried again so soon at first, and after twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A file that is behind more links than that is behind a circle of them.
const LINKS: usize = 40;

/// Keeps a valid token in `file`. Ends only with an error that no time will change.
pub async fn keep(bot: &BotClient, file: &Path) -> Result<(), Failure> {
    let (mut had_token, mut was_written) = (false, false);
    let mut pause = FIRST_PAUSE;
    let mut faults = 0;
    // A folder that is missing is told of below.
    if let Ok(target) = Target::of(file) {
        target.sweep();
    }
    loop {
        let failed = match bot.session().await {
            Ok(session) => {
                had_token = true;
                match keep_in(file, session.access_token()) {
                    Ok(()) => {
                        was_written = true;
                        // A look costs a memory read, and starts the renewal when that is due.
                        Ok((session.lifetime().to_std().unwrap_or_default() / 100).min(LONGEST_WAIT))
                    }
                    Err(error) if was_written || is_full(&error) => {
                        Err(format!("{} can't be written: {error}", file.display()))
                    }
                    Err(error) => {
                        return Err(Failure::Usage(format!("--watch {}: {error}", file.display())));
                    }
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

/// Whether waiting won't help: wrong settings, or a refusal by the service itself. An answer of something else, such as
/// a page that says that there is maintenance, passes; but where no token ever came, a refusal without the service's
/// own code is more likely that of a wrong address.
fn is_final(error: &Error, had_token: bool) -> bool {
    match error.kind() {
        ErrorKind::Config => true,
        ErrorKind::Rejected => error.code().is_some() || !had_token,
        _ => false,
    }
}

/// Whether there may be room again.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Writes `file` unless it holds `token` already: it may have been removed, or written by somebody else.
fn keep_in(file: &Path, token: &AccessToken) -> io::Result<()> {
    let line = format!("{}\n", token.expose_secret());
    let target = Target::of(file)?;
    if target.holds(&line) {
        return Ok(());
    }
    target.sweep();
    match target.write(&line) {
        // Somebody who keeps the same file took it for unfinished, just before it was locked.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !target.holds(&line) => target.write(&line),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// Takes the access of others to a file away, where that can be done.
#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

/// Where a file is replaced: through a link, the file it leads to, and not the link.
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
            // A link may lead to a file that is not there yet, or not any more.
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

    /// Whether it has just this content. What can't be read has not, and is replaced.
    fn holds(&self, line: &str) -> bool {
        let path = self.path();
        // To open something else, such as a FIFO, might take for ever.
        if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            return false;
        }
        let Ok(file) = File::open(path) else { return false };
        let mut content = Vec::new();
        let limit = line.len() as u64 + 1;
        let read = (&file).take(limit).read_to_end(&mut content);
        let holds = read.is_ok() && content == line.as_bytes();
        if holds {
            // Not every file system has modes, and there it may stay as it is.
            make_private(&file).ok();
        }
        holds
    }

    /// What the names of unfinished files begin with.
    fn prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(".");
        prefix
    }

    /// Replaces it in one step, so that whoever reads it finds a whole token. The new file has mode 0600, and is locked
    /// until it has its name: whoever finds it can tell that somebody is about to finish it.
    fn write(&self, line: &str) -> io::Result<()> {
        let prefix = self.prefix();
        let mut new = tempfile::Builder::new().prefix(&prefix).suffix(".new").tempfile_in(&self.folder)?;
        // Where files can't be locked, somebody else may remove it; then it has to be written again.
        new.as_file().try_lock().ok();
        new.write_all(line.as_bytes())?;
        match new.as_file().sync_all() {
            // The file system can't tell when something is on the disk.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
            synced => synced?,
        }
        new.persist(self.path())?;
        Ok(())
    }

    /// Removes what processes left that were killed before they had renamed it. If that fails, somebody else did it, or
    /// the next time will.
    fn sweep(&self) {
        let prefix = self.prefix();
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let ours = name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes())
                && name.as_encoded_bytes().ends_with(b".new")
                && entry.file_type().is_ok_and(|kind| kind.is_file());
            // The lock of a process that was killed is gone.
            if ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}
