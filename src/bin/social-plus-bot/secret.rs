//! Keys and tokens, from files or standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use crate::exit::Failure;
use crate::prompt;

/// The longest file that is read as a key or token.
const LONGEST: u64 = 64 << 10;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Whether the file is standard input.
pub fn is_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// Reads the key or token of `option` from `file` or standard input. On a terminal it asks for it.
pub async fn read(option: &str, secret_is: &str, file: &Path) -> Result<String, Failure> {
    let mut secret = if is_input(file) && io::stdin().is_terminal() {
        prompt::line(&format!("Enter the {secret_is} (it is not shown): ")).await?
    } else {
        contents(option, secret_is, file)?
    };
    secret.truncate(secret.trim_end().len());
    // Editors and shells of Windows begin files with it.
    if secret.starts_with(BYTE_ORDER_MARK) {
        secret.remove(0);
    }
    Ok(secret)
}

fn contents(option: &str, secret_is: &str, file: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::Usage(format!("{option} {}: {error}", file.display()));
    let source: Box<dyn Read> = if is_input(file) {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| match file.parent() {
            // It may be the secret itself, in the place of its file.
            Some(folder) if folder.as_os_str().is_empty() => Failure::Usage(format!(
                "{option}: {error}; it takes the name of a file that contains the {secret_is}"
            )),
            _ => unreadable(error),
        })?)
    };
    let mut secret = String::new();
    let read = source.take(LONGEST + 1).read_to_string(&mut secret).map_err(unreadable)?;
    if read as u64 > LONGEST {
        return Err(Failure::Usage(format!("{option} {}: too long for a {secret_is}", file.display())));
    }
    Ok(secret)
}
