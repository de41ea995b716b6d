//! Which characters may reach a terminal, a log or an error.

/// Whether a character stands for itself, and neither controls a terminal nor changes the order or the visibility of
/// others.
pub(crate) fn is_printable(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !character.is_control() && !is_hidden
}

/// The text as one line, with a space in place of each character that may not be printed.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|character| if is_printable(character) { character } else { ' ' }).collect()
}
