//! What goes wrong between enlist and a server, and what people can do about it: result codes of RFC 4511, appendix A.

use std::fmt;

/// Why an operation did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The server said no, with this code.
    Refused {
        /// Its result code.
        code: u32,
        /// Its own words.
        text: String,
        /// Where it sends us.
        referral: Option<String>,
    },
    /// The connection ended, or never came to be. Of a write nobody can say whether it was done.
    Lost(String),
    /// The server said that all went well, and it did not.
    Untrue(String),
    /// A part of what was asked for lies on another server, at this URL.
    Elsewhere(String),
}

/// The codes by which something is decided; [`CODES`] has words for these and others.
pub mod code {
    /// All is well.
    pub const SUCCESS: u32 = 0;
    /// The page was too large, or another limit of the administrator's.
    pub const ADMIN_LIMIT: u32 = 11;
    /// A value that was to go is not there.
    pub const NO_SUCH_ATTRIBUTE: u32 = 16;
    /// A value that was to come is there.
    pub const VALUE_EXISTS: u32 = 20;
    /// No such entry.
    pub const NO_SUCH_OBJECT: u32 = 32;
    /// It will not do this.
    pub const UNWILLING: u32 = 53;
    /// There is such an entry; Active Directory: or such a member.
    pub const ENTRY_EXISTS: u32 = 68;
    /// The entry is not as it was seen.
    pub const ASSERTION_FAILED: u32 = 122;
}

/// Code, what it means, what to do. An empty remedy is none that is always right.
const CODES: &[(u32, &str, &str)] = &[
    (2, "it does not know this operation", "is this an LDAP server that can be written to?"),
    (3, "its time limit ended the answer", "raise the time limit of enlist's bind entry"),
    (
        4,
        "its size limit cut the answer off",
        "raise `sizelimit` of enlist's bind entry, or let it page (`size.prtotal`)",
    ),
    (7, "it does not take this way to log in", "give `bind` and `password` of the directory in the roster"),
    (8, "it wants a stronger login", "use ldaps:// or ldap:// with StartTLS, and a bind entry with a password"),
    (10, "it sends us to another server", "name the server that may be written to, not a replica"),
    (
        code::ADMIN_LIMIT,
        "a limit of its administrator's ended the answer",
        "raise `size.pr` and `size.prtotal` of enlist's bind entry",
    ),
    (12, "it lacks a control that this needs", ""),
    (13, "it wants an encrypted connection", "use ldaps:// or ldap://"),
    (
        code::NO_SUCH_ATTRIBUTE,
        "a value that was seen is not there any more",
        "somebody else has changed the entry: make a new plan",
    ),
    (17, "its schema does not know an attribute", "load the schema there"),
    (19, "a rule of its own forbids the value", "look at its uniqueness and password policy overlays"),
    (code::VALUE_EXISTS, "a value is there already", "somebody else has changed the entry: make a new plan"),
    (21, "its schema does not take the value", ""),
    (
        code::NO_SUCH_OBJECT,
        "there is no such entry",
        "look at `base`, `people` and `groups` of the directory in the roster",
    ),
    (34, "a name is none", "look at `base`, `people` and `groups` of the directory in the roster"),
    (48, "it does not take this way to log in", "give `bind` and `password` of the directory in the roster"),
    (
        49,
        "it does not take bind entry and password",
        "correct `bind` or `password`; the entry may also be locked or expired",
    ),
    (50, "enlist's bind entry may not do this", "give it the right to write below `people` and `groups`"),
    (51, "it is busy", "try again later"),
    (52, "it is not available", "try again later"),
    (code::UNWILLING, "it will not do this", "it may be read only, or not take this from anybody"),
    (65, "its schema does not allow such an entry", ""),
    (
        code::ENTRY_EXISTS,
        "there is such an entry already, and enlist's bind entry cannot see it",
        "let the bind entry read all of `base`",
    ),
    (69, "the class of an entry cannot be changed", "correct this entry by hand"),
    (code::ASSERTION_FAILED, "the entry is not as it was seen", "somebody else has changed it: make a new plan"),
];

/// Why Active Directory lets a bind entry not in: `data` in its own words, a Windows error in hex.
const AD_REASONS: &[(&str, &str)] = &[
    ("525", "it knows nobody of the name in `bind`"),
    ("52e", "the password is wrong"),
    ("532", "the password of the bind entry has expired"),
    ("533", "the bind entry is disabled"),
    ("701", "the bind entry has expired"),
    ("773", "the bind entry must be given a new password first"),
    ("775", "the bind entry is locked after wrong passwords"),
];

impl Trouble {
    /// What Active Directory means, if the refusal is one of its.
    fn reason(&self) -> Option<&'static str> {
        let Trouble::Refused { code: 49, text, .. } = self else { return None };
        let (_, after) = text.split_once(" data ")?;
        let code: String = after.chars().take_while(char::is_ascii_hexdigit).collect();
        AD_REASONS.iter().find(|(known, _)| *known == code).map(|(_, reason)| *reason)
    }

    /// A refusal with this code.
    pub fn is(&self, wanted: u32) -> bool {
        matches!(self, Trouble::Refused { code, .. } if *code == wanted)
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&'static str> {
        if let Some(reason) = self.reason() {
            return Some(reason);
        }
        let code = match self {
            Trouble::Refused { code, .. } => code,
            Trouble::Elsewhere(_) => {
                return Some("narrow `base` of the directory, or name a server that holds all of it");
            }
            Trouble::Lost(_) | Trouble::Untrue(_) => return None,
        };
        CODES.iter().find(|(known, ..)| known == code).map(|(.., hint)| *hint).filter(|hint| !hint.is_empty())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Lost(why) => write!(f, "the connection is lost: {why}"),
            Trouble::Untrue(what) => f.write_str(what),
            Trouble::Elsewhere(url) => {
                write!(f, "a part of it lies on another server: {}", words::text::visible::on_one_line(url))
            }
            Trouble::Refused { code, text, referral } => {
                let known = CODES.iter().find(|(known, ..)| known == code).map(|(_, meaning, _)| *meaning);
                write!(f, "{} (LDAP result {code}", known.unwrap_or("it refuses"))?;
                if !text.is_empty() {
                    write!(f, ": {}", words::text::visible::on_one_line(text))?;
                }
                f.write_str(")")?;
                referral.as_ref().map_or(Ok(()), |to| write!(f, ", to {}", words::text::visible::on_one_line(to)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_controller_says_why_it_lets_nobody_in() {
        let said = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 533, v4563";
        let refused = |text: &str| Trouble::Refused { code: 49, text: text.into(), referral: None };
        assert_eq!(refused(said).hint(), Some("the bind entry is disabled"));
        assert!(refused("").hint().unwrap().contains("correct `bind`"));
    }
}
