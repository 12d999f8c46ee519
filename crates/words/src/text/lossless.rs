//! Bytes as text that gives every byte back, as Python has it: for files of which only a part is ours to change.
//!
//! A byte that is no text stands as one letter of a private range of Unicode, so that searching and patterns work around
//! it. What goes into such a text (a line, a pattern) must be read by the same function as the file: then a letter of
//! that range in a file is told from a byte, too.

use std::borrow::Cow;

/// The letter that stands for byte 0; that of byte `b` is `b` further. Only 0x80 and above are used.
const ESCAPES: u32 = 0xF700;

/// The letter that stands for a byte above 0x7f.
pub fn escape(byte: u8) -> char {
    char::from_u32(ESCAPES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a letter stands for, if it stands for one.
fn escaped(c: char) -> Option<u8> {
    u32::from(c).checked_sub(ESCAPES).and_then(|byte| u8::try_from(byte).ok()).filter(|byte| *byte >= 0x80)
}

/// UTF-8 as it is; each byte that is none stands for itself. Python's `surrogateescape`.
pub fn from_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match escaped(c) {
                // A real letter of the private range: byte by byte, else it would come back as one.
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(escape)),
                None => text.push(c),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(escape));
    }
    text
}

/// One letter a byte, ASCII as it is: a pattern sees in it what Python's patterns of `bytes` see.
pub fn from_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { escape(*byte) }).collect()
}

/// The bytes of a text that one of the functions above made.
pub fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match escaped(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// For people: bytes that are no UTF-8 are written out as `\xfc`. Not for writing back.
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.utf8_chunks().map(shown_chunk).collect()),
    }
}

fn shown_chunk(chunk: std::str::Utf8Chunk) -> String {
    let written_out = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
    chunk.valid().to_owned() + &written_out.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_text_reads_as_text() {
        assert_eq!(from_utf8("한글 é".as_bytes()), "한글 é");
        assert_eq!(shown(b"M\xfcnchen"), "M\\xfcnchen");
        assert_eq!(from_bytes("é".as_bytes()).chars().count(), 2);
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(bytes: Vec<u8>) {
            prop_assert_eq!(to_bytes(&from_utf8(&bytes)), bytes.clone());
            prop_assert_eq!(to_bytes(&from_bytes(&bytes)), bytes);
        }

        #[test]
        fn every_letter_comes_back(text in "[\u{f700}-\u{f7ff}a-c한]{0,9}") {
            prop_assert_eq!(to_bytes(&from_utf8(text.as_bytes())), text.into_bytes());
        }
    }
}
