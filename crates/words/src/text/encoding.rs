//! Encodings of text by the names that Python gives them.

/// An encoding that text can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16 with a byte order mark; written in little endian.
    Utf16,
    /// UTF-16 in little endian, without a mark.
    Utf16Le,
    /// UTF-16 in big endian, without a mark.
    Utf16Be,
    /// ASCII.
    Ascii,
    /// ISO 8859-1.
    Latin1,
}

impl Encoding {
    /// The encoding of this name; hyphens, underscores, blanks and case do not count. Refuses what is not known here.
    pub fn named(name: &str) -> Result<Self, String> {
        let plain: String = name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).collect();
        Ok(match plain.to_ascii_lowercase().as_str() {
            "utf8" | "u8" | "utf" => Self::Utf8,
            "utf16" | "u16" => Self::Utf16,
            "utf16le" => Self::Utf16Le,
            "utf16be" => Self::Utf16Be,
            "ascii" | "usascii" | "646" => Self::Ascii,
            "latin1" | "latin" | "l1" | "iso88591" | "88591" | "8859" | "cp819" => Self::Latin1,
            _ => return Err(format!("unknown encoding: {name}")),
        })
    }

    /// The text in this encoding; `None` when it has letters that the encoding has not.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        let narrow = |most: u32| {
            let letter = |c: char| u8::try_from(u32::from(c)).ok().filter(|byte| u32::from(*byte) <= most);
            text.chars().map(letter).collect()
        };
        let marked = [0xfeff].into_iter().chain(text.encode_utf16());
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf16 => Some(marked.flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16Be => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Ascii => narrow(0x7f),
            Self::Latin1 => narrow(0xff),
        }
    }

    /// The text of these bytes; `None` when they are none in this encoding.
    pub fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Self::Utf16Le => wide(bytes, u16::from_le_bytes),
            Self::Utf16Be => wide(bytes, u16::from_be_bytes),
            Self::Utf16 => match bytes {
                [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
                [0xff, 0xfe, rest @ ..] | rest => wide(rest, u16::from_le_bytes),
            },
            Self::Ascii => String::from_utf8(bytes.to_vec()).ok().filter(|text| text.is_ascii()),
            Self::Latin1 => Some(bytes.iter().copied().map(char::from).collect()),
        }
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_in_every_encoding() {
        for name in ["utf-8", "UTF_16", "utf-16-le", "utf-16-be", "us-ascii", "iso8859-1", "latin-1"] {
            let encoding = Encoding::named(name).unwrap();
            let text = if encoding == Encoding::Ascii { "Muenchen" } else { "München" };
            assert_eq!(encoding.decode(&encoding.encode(text).unwrap()).as_deref(), Some(text), "{name}");
        }
        assert_eq!(Encoding::Latin1.encode("한"), None);
        assert_eq!(Encoding::Utf16Le.decode(b"abc"), None);
        assert_eq!(Encoding::named("klingon"), Err("unknown encoding: klingon".into()));
    }
}
