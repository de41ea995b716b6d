//! Percent-decoding that keeps track of where each byte was in the original text.

use std::iter;

/// The maximum number of times that text is decoded. A value in a URL within a URL is encoded twice.
const ROUNDS: usize = 4;

/// Decoded bytes, with their positions in the original text.
pub(crate) struct Decoded {
    bytes: Vec<u8>,
    /// Where each byte begins in the text, and where the text ends.
    starts: Vec<usize>,
}

impl Decoded {
    /// The text itself, then decoded once, twice, and so on, until nothing is encoded or the limit is reached.
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let plain = Self { bytes: text.as_bytes().to_vec(), starts: (0..=text.len()).collect() };
        iter::successors(Some(plain), Self::once).take(1 + ROUNDS).collect()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The position in the text of the byte at index `at`, or the end of the text for the length of the bytes.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.starts.get(at).or(self.starts.last()).copied().unwrap_or_default()
    }

    /// Whether nothing is encoded any more.
    pub(crate) fn is_plain(&self) -> bool {
        self.once().is_none()
    }

    /// Decodes once more, if anything is encoded.
    fn once(&self) -> Option<Self> {
        if !self.bytes.contains(&b'%') {
            return None;
        }
        let mut decoded = Self { bytes: Vec::new(), starts: Vec::new() };
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            let encoded = match self.bytes.get(at..at + 3) {
                Some(&[b'%', high, low]) => digit(high).zip(digit(low)).map(|(high, low)| high * 16 + low),
                _ => None,
            };
            decoded.bytes.push(encoded.unwrap_or(byte));
            decoded.starts.push(self.start(at));
            at += if encoded.is_some() { 3 } else { 1 };
        }
        decoded.starts.push(self.start(at));
        (decoded.bytes.len() < self.bytes.len()).then_some(decoded)
    }
}

fn digit(hexadecimal: u8) -> Option<u8> {
    char::from(hexadecimal).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_other_text_is_unchanged() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("a%20b", b"a b"),
            ("%2e%2E", b".."),
            ("%252e", b"."),
            ("%25252525", b"%"),
            ("%", b"%"),
            ("%2", b"%2"),
            ("%zz%é", "%zz%é".as_bytes()),
            ("%C3%A9", "é".as_bytes()),
        ] {
            let all = Decoded::all(text);
            assert_eq!(all[0].bytes(), text.as_bytes(), "{text}");
            assert_eq!(all.last().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn each_byte_keeps_its_position_in_the_text() {
        let all = Decoded::all("a%2541é");
        assert_eq!(all.len(), 3);
        let decoded = &all[2];
        assert_eq!(decoded.bytes(), "aAé".as_bytes());
        let starts: Vec<_> = (0..6).map(|at| decoded.start(at)).collect();
        assert_eq!(starts, [0, 1, 6, 7, 8, 8]);
    }
}
