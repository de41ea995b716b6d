//! Reads the vendor's description from a file or from standard input, compressed or not.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// The maximum size. The vendor's description has 10 to 20 MB.
const LIMIT: u64 = 64 << 20;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Returns the name of `source` for messages.
pub fn name(source: &OsStr) -> String {
    if source == "-" { "standard input".to_owned() } else { source.to_string_lossy().into_owned() }
}

/// Reads the text of `source`; `-` is standard input.
pub fn text(source: &OsStr) -> io::Result<String> {
    let raw = if source == "-" { limited(io::stdin().lock())? } else { limited(File::open(source)?)? };
    let bytes = if raw.starts_with(&GZIP) {
        limited(MultiGzDecoder::new(raw.as_slice()))
            .map_err(|error| io::Error::other(format!("invalid gzip: {error}")))?
    } else {
        raw
    };
    String::from_utf8(bytes).map_err(|error| {
        io::Error::other(format!("invalid UTF-8 at byte {}", error.utf8_error().valid_up_to()))
    })
}

fn limited(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("larger than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}
