//! Fields of any bytes as texts, and back without loss.
//!
//! The C library takes any bytes for a name or a path; old files have them in Latin-1 or EUC-KR. A byte that is not UTF-8
//! stands in the text as one letter of a private range; a letter of that range that is really there stands as its bytes.

/// The letter for byte 0; bytes from 0x80 on are used.
const FIRST: u32 = 0x0010_FE00;

/// The byte that a letter stands for, if it stands for one.
fn byte_of(letter: char) -> Option<u8> {
    let number = u32::from(letter).checked_sub(FIRST)?;
    u8::try_from(number).ok().filter(|byte| *byte >= 0x80)
}

fn letter_of(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).expect("the range has no surrogates")
}

/// Any bytes as a text.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match byte_of(letter) {
                None => text.push(letter),
                Some(_) => text.extend(letter.encode_utf8(&mut [0; 4]).bytes().map(letter_of)),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(letter_of));
    }
    text
}

/// The bytes that [`text`] was made of.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    bytes
}

/// The text for people: `\xe9` for a byte that is not UTF-8.
pub fn shown(text: &str) -> String {
    if !text.chars().any(|letter| byte_of(letter).is_some()) {
        return text.to_owned();
    }
    let letter = |letter| byte_of(letter).map_or_else(|| String::from(letter), |byte| format!("\\x{byte:02x}"));
    text.chars().map(letter).collect()
}

/// Whether a text has a letter in it that stands for a byte: nothing that people write has.
pub fn has_bytes(text: &str) -> bool {
    text.chars().any(|letter| byte_of(letter).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn latin_1_is_shown_by_its_bytes() {
        assert_eq!(shown(&text(b"J\xfcrgen")), "J\\xfcrgen");
        assert_eq!(text("길동".as_bytes()), "길동");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(given in prop::collection::vec(any::<u8>(), 0..20), letters in "[\u{10FE70}-\u{10FF10}é]{0,4}") {
            let given = [&given[..], letters.as_bytes()].concat();
            prop_assert_eq!(bytes(&text(&given)), given);
        }
    }
}
