//! `social-plus-bot token --watch`: for a program that can read a file and nothing else.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use social_plus_bot::{BotClient, Session};
use tempfile::NamedTempFile;
use tokio::time::sleep;

use crate::exit::Failure;

/// The session is looked at so often at least.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// After a failure it is asked for again so soon at first, and after twice as long each further time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Keeps a valid token in `file`. Ends only with an error that time won't mend.
pub async fn keep(bot: &BotClient, file: &Path) -> Result<(), Failure> {
    let mut written = None;
    let mut pause = FIRST_PAUSE;
    let mut faults = 0;
    loop {
        let wait = match bot.session().await {
            Ok(session) => {
                pause = FIRST_PAUSE;
                if written.as_ref() != Some(session.access_token()) {
                    write(file, &session)
                        .map_err(|error| Failure::Usage(format!("--watch {}: {error}", file.display())))?;
                    written = Some(session.access_token().clone());
                }
                // A look costs a memory read, and starts the renewal when that is due.
                (session.lifetime().to_std().unwrap_or_default() / 100).min(LONGEST_WAIT)
            }
            Err(error) if error.is_transient() => {
                eprintln!("note: no valid token for {}: {error}", file.display());
                let wait = pause;
                pause = pause.saturating_mul(2).min(LONGEST_WAIT);
                wait
            }
            Err(error) => return Err(error.into()),
        };
        let store = bot.store_faults();
        if store.count > faults
            && let Some(fault) = store.last
        {
            eprintln!("note: {fault}");
            faults = store.count;
        }
        sleep(wait.max(Duration::from_millis(10))).await;
    }
}

/// Replaces `file` in one step, so that whoever reads it finds a whole token. A temporary file has mode 0600.
fn write(file: &Path, session: &Session) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Through a link, the file it leads to is replaced, and not the link.
    let target = fs::canonicalize(file).or_else(|_| {
        fs::canonicalize(folder).map(|folder| folder.join(file.file_name().unwrap_or_default()))
    })?;
    let mut new = NamedTempFile::new_in(target.parent().unwrap_or(folder))?;
    writeln!(new, "{}", session.access_token().expose_secret())?;
    new.as_file().sync_all()?;
    new.persist(&target)?;
    Ok(())
}
