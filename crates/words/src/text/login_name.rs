//! [`LoginName`]: a text that may be a user's or a group's name on a host.

/// The most bytes of a name. Linux takes 32 for its own files; directories know longer ones (`who@a.long.domain`).
const LONGEST: usize = 255;

/// A name that may be looked up on a host. NSS is code of others that runs in our process, some of which keeps what it is
/// given on a small stack; so nothing reaches it but what could be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginName(String);

impl LoginName {
    /// `None` for what no host could have as a name: nothing, more than 255 bytes, `:`, `/`, a control character, or a
    /// `-` in front.
    pub fn parse(text: &str) -> Option<Self> {
        let is_odd = |c: char| c.is_control() || matches!(c, ':' | '/');
        let is_name = (1..=LONGEST).contains(&text.len()) && !text.starts_with('-') && !text.contains(is_odd);
        is_name.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_name() {
        for name in ["root", "홍길동", "DOMAIN\\kim", "kim@example.org", "a.b-c$", &"x".repeat(255)] {
            assert_eq!(LoginName::parse(name).unwrap().as_str(), name);
        }
        for text in ["", "-x", "a:b", "../etc", "a\nb", "a\0", "a\u{9b}b", &"x".repeat(256), &"가".repeat(86)] {
            assert_eq!(LoginName::parse(text), None, "{text:?}");
        }
    }
}
