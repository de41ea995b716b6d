//! Where the vendor's description is read from: a file, a compressed file, or standard input.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The vendor's description has 10 to 20 MB; more than this is something else.
const LIMIT: u64 = 64 << 20;

/// What gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads the text of `source`; `-` is standard input.
pub fn text(source: &OsStr) -> Result<String, String> {
    read(source).map_err(|error| format!("{}: {error}", name(source)))
}

/// What `source` is called in messages.
pub fn name(source: &OsStr) -> String {
    if source == "-" { "standard input".to_owned() } else { source.to_string_lossy().into_owned() }
}

fn read(source: &OsStr) -> io::Result<String> {
    let stored = if source == "-" { limited(io::stdin().lock())? } else { limited(File::open(source)?)? };
    let named = Path::new(source).extension().is_some_and(|of| of == "gz");
    let plain = if named || stored.starts_with(&GZIP) {
        limited(MultiGzDecoder::new(stored.as_slice()))
            .map_err(|error| io::Error::other(format!("damaged gzip: {error}")))?
    } else {
        stored
    };
    String::from_utf8(plain).map_err(|error| {
        io::Error::other(format!("not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
    })
}

fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("longer than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}
