//! The lines of the account files, typed; formats of passwd(5), shadow(5), group(5), gshadow(5), subuid(5).

use super::bytes::{bytes, text};
use super::word_list::NameList;
use crate::identity::{Gid, Uid};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One line of an account file.
pub trait Entry: Sized + PartialEq + Clone {
    /// The file's name under `/etc`.
    const FILE: &str;

    /// Reads a line without its newline, as the C library does; `None` when that takes it for none. Such a line is kept
    /// and never edited.
    fn parse(line: &[u8]) -> Option<Self>;

    /// The first field: what entries are found by.
    fn key(&self) -> &str;

    /// The line without its newline.
    fn print(&self) -> Vec<u8>;

    /// The number that it is found by: uid, gid, or the first of a range.
    fn number(&self) -> Option<u64> {
        None
    }

    /// The number of a user's primary group.
    fn group(&self) -> Option<u64> {
        None
    }

    /// The login names in its lists.
    fn lists(&self) -> [Option<&NameList>; 2] {
        [None, None]
    }
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwd {
    /// Login name.
    pub name: String,
    /// `x` when the password is in `/etc/shadow`, else the hash itself.
    pub password: String,
    /// User number.
    pub uid: Uid,
    /// Number of the primary group.
    pub gid: Gid,
    /// Full name and the like; old files have it in Latin-1.
    pub gecos: Vec<u8>,
    /// Home directory.
    pub home: String,
    /// Login shell; empty means `/bin/sh`.
    pub shell: String,
}

impl Passwd {
    /// The GECOS field as text.
    pub fn comment(&self) -> String {
        String::from_utf8_lossy(&self.gecos).into_owned()
    }

    /// The home directory, whatever bytes its name has.
    pub fn home_path(&self) -> PathBuf {
        PathBuf::from(std::ffi::OsString::from_vec(bytes(&self.home)))
    }
}

impl Entry for Passwd {
    const FILE: &str = "passwd";

    fn parse(line: &[u8]) -> Option<Self> {
        // What follows the numbers may be missing; the shell may have colons in it.
        let mut fields = line.splitn(7, |byte| *byte == b':');
        let mut field = || fields.next().unwrap_or_default();
        Some(Self {
            name: name_field(field())?,
            password: text(field()),
            uid: Uid(id(field())?),
            gid: Gid(id(field())?),
            gecos: field().to_vec(),
            home: text(field()),
            shell: text(field()),
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        let mut line = bytes(&format!("{}:{}:{}:{}:", self.name, self.password, self.uid, self.gid));
        line.extend_from_slice(&self.gecos);
        line.extend(bytes(&format!(":{}:{}", self.home, self.shell)));
        line
    }

    fn number(&self) -> Option<u64> {
        Some(self.uid.into())
    }

    fn group(&self) -> Option<u64> {
        Some(self.gid.into())
    }
}

/// A line of `/etc/shadow`. Times are days, dates are days since 1970-01-01; `None` is an empty field.
#[derive(Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Login name.
    pub name: String,
    /// The hash: a secret, never shown. A leading `!` locks it.
    pub password: String,
    /// Date of the last password change; 0 asks for a new one at the next login.
    pub last_change: Option<i64>,
    /// Days before it may be changed again.
    pub min: Option<i64>,
    /// Days after which it must be changed.
    pub max: Option<i64>,
    /// Days of warning before that.
    pub warn: Option<i64>,
    /// Days after expiry of the password until the account is disabled.
    pub inactive: Option<i64>,
    /// Date on which the account expires.
    pub expire: Option<i64>,
    /// Reserved.
    pub flag: String,
}

/// Without the hash.
impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Entry for Shadow {
    const FILE: &str = "shadow";

    fn parse(line: &[u8]) -> Option<Self> {
        let mut line = line.to_vec();
        if line.iter().filter(|byte| **byte == b':').count() == 7 {
            line.push(b':');
        }
        let [name, password, last_change, min, max, warn, inactive, expire, flag] = fields(&line)?;
        Some(Self {
            name: name_field(name)?,
            password: text(password),
            last_change: days(last_change)?,
            min: days(min)?,
            max: days(max)?,
            warn: days(warn)?,
            inactive: days(inactive)?,
            expire: days(expire)?,
            flag: text(flag),
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        let mut line = format!("{}:{}", self.name, self.password);
        for days in [self.last_change, self.min, self.max, self.warn, self.inactive, self.expire] {
            line.push(':');
            line.push_str(&days.map(|days| days.to_string()).unwrap_or_default());
        }
        bytes(&format!("{line}:{}", self.flag))
    }
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Group name.
    pub name: String,
    /// `x` when the password is in `/etc/gshadow`.
    pub password: String,
    /// Group number.
    pub gid: Gid,
    /// Login names, in the file's order; as they are written, with blanks around them and with empty ones.
    pub members: NameList,
}

impl Group {
    /// Whether the C library takes `user` for a member: blanks before a name do not count, blanks behind it do.
    pub fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| is_name(member, user))
    }
}

/// Whether a word in a list is this name to the C library.
pub fn is_name(word: &str, name: &str) -> bool {
    word.trim_ascii_start() == name
}

impl Entry for Group {
    const FILE: &str = "group";

    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.splitn(4, |byte| *byte == b':');
        let mut field = || fields.next().unwrap_or_default();
        Some(Self {
            name: name_field(field())?,
            password: text(field()),
            gid: Gid(id(field())?),
            members: list(field()),
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        bytes(&format!("{}:{}:{}:{}", self.name, self.password, self.gid, self.members.join()))
    }

    fn number(&self) -> Option<u64> {
        Some(self.gid.into())
    }

    fn lists(&self) -> [Option<&NameList>; 2] {
        [Some(&self.members), None]
    }
}

/// A line of `/etc/gshadow`.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupShadow {
    /// Group name.
    pub name: String,
    /// The hash: a secret, never shown.
    pub password: String,
    /// Login names of those who may add and remove members.
    pub administrators: NameList,
    /// Login names.
    pub members: NameList,
}

/// Without the hash.
impl std::fmt::Debug for GroupShadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupShadow").field("name", &self.name).field("members", &self.members).finish_non_exhaustive()
    }
}

impl Entry for GroupShadow {
    const FILE: &str = "gshadow";

    fn parse(line: &[u8]) -> Option<Self> {
        let [name, password, administrators, members] = fields(line)?;
        Some(Self {
            name: name_field(name)?,
            password: text(password),
            administrators: list(administrators),
            members: list(members),
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        let (administrators, members) = (self.administrators.join(), self.members.join());
        bytes(&format!("{}:{}:{administrators}:{members}", self.name, self.password))
    }

    fn lists(&self) -> [Option<&NameList>; 2] {
        [Some(&self.members), Some(&self.administrators)]
    }
}

/// A line of `/etc/subuid` or `/etc/subgid`: numbers that a user may use in a user namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubordinateIds {
    /// Login name or uid.
    pub owner: String,
    /// First number.
    pub start: u64,
    /// How many.
    pub count: u64,
}

impl SubordinateIds {
    /// The numbers, as far as numbers go; `None` when it gives none.
    pub fn range(&self) -> Option<RangeInclusive<u32>> {
        let last = self.start.saturating_add(self.count.checked_sub(1)?);
        Some(u32::try_from(self.start).ok()?..=u32::try_from(last).unwrap_or(u32::MAX))
    }
}

impl Entry for SubordinateIds {
    const FILE: &str = "subuid";

    fn parse(line: &[u8]) -> Option<Self> {
        let [owner, start, count] = fields(line)?;
        Some(Self { owner: name_field(owner)?, start: number(start)?, count: number(count)? })
    }

    fn key(&self) -> &str {
        &self.owner
    }

    fn print(&self) -> Vec<u8> {
        bytes(&format!("{}:{}:{}", self.owner, self.start, self.count))
    }

    fn number(&self) -> Option<u64> {
        Some(self.start)
    }
}

/// Exactly `N` fields.
fn fields<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    line.split(|byte| *byte == b':').collect::<Vec<_>>().try_into().ok()
}

fn name_field(field: &[u8]) -> Option<String> {
    Some(text(field)).filter(|name| !name.is_empty())
}

/// An id as nss_files(5) takes it, by strtoul(3): after blanks and a sign, 4294967295 for what is too large.
fn id(field: &[u8]) -> Option<u32> {
    let bare = field.trim_ascii_start();
    let (is_negative, digits) = match bare.first() {
        Some(b'-') => (true, &bare[1..]),
        Some(b'+') => (false, &bare[1..]),
        _ => (false, bare),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = match digits.iter().try_fold(0, add) {
        Some(value) if is_negative => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    Some(u32::try_from(value).unwrap_or(u32::MAX))
}

fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    // FromStr also takes "+1".
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// An empty field or -1 is no value.
fn days(field: &[u8]) -> Option<Option<i64>> {
    let text = std::str::from_utf8(field.trim_ascii_start()).ok()?;
    match text {
        "" | "-1" => Some(None),
        _ => text.parse().ok().map(Some),
    }
}

fn list(field: &[u8]) -> NameList {
    let text = text(field);
    if text.is_empty() { NameList::default() } else { text.split(',').collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trips<E: Entry + std::fmt::Debug>(line: &str) {
        let entry = E::parse(line.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&entry.print()), line);
    }

    #[test]
    fn well_formed_lines_round_trip() {
        round_trips::<Passwd>("gildong:x:2001:3001:홍길동,,,:/home/gildong:/bin/bash");
        round_trips::<Shadow>("gildong:!:20000:0:99999:7:::");
        round_trips::<Group>("ai_team:x:3001:gildong,ann");
        round_trips::<GroupShadow>("ai_team:!:root:gildong,ann");
        round_trips::<SubordinateIds>("gildong:100000:65536");
    }

    /// What nss_files of the GNU C library 2.36 says: a uid, or no entry.
    #[test]
    fn lines_are_entries_as_in_the_c_library() {
        let uid = |line: &[u8]| Passwd::parse(line).map(|user| user.uid);
        for (line, expected) in [
            ("a:x:1:1::/:", Some(1)),
            ("a:x: 1:1:::", Some(1)),
            ("a:x:+1:1:::", Some(1)),
            ("a:x:1:1", Some(1)),
            ("a:x:1:1::/h:/bin/sh:more", Some(1)),
            ("a:x:007:1:::", Some(7)),
            ("a:x:-1:1:::", Some(u32::MAX)),
            ("a:x:4294967296:1:::", Some(u32::MAX)),
            ("a:x:99999999999999999999:1:::", Some(u32::MAX)),
            ("a:x:1 :1:::", None),
            ("a:x::1:::", None),
            ("a:x:1", None),
            (":x:1:1:::", None),
            ("a:x:one:1:::", None),
        ] {
            assert_eq!(uid(line.as_bytes()), expected.map(Uid), "{line}");
        }
        assert!(Shadow::parse(b"a:!:x::::::").is_none());
        assert!(Shadow::parse(b"a:!:1:::::").is_some(), "the reserved field may be missing");
        assert!(Group::parse(b"a:x:1").is_some());
    }

    #[test]
    fn any_bytes_round_trip() {
        let line = b"J\xfcrgen:x:1:1::/home/J\xfcrgen:";
        let entry = Passwd::parse(line).unwrap();
        assert_eq!((entry.print(), entry.home_path().as_os_str().as_encoded_bytes()), (line.to_vec(), &line[14..26]));
    }

    #[test]
    fn a_member_has_perhaps_blanks_before_it() {
        let group = Group::parse(b"gpu:x:3005:alice, kim,,lee ,").unwrap();
        assert_eq!(["alice", "kim", "lee", ""].map(|name| group.has(name)), [true, true, false, true]);
        assert_eq!(group.print(), b"gpu:x:3005:alice, kim,,lee ,");
    }

    #[test]
    fn latin_1_in_the_comment_survives_an_edit() {
        let entry = Passwd::parse(b"a:x:1:1:J\xfcrgen:/:").unwrap();
        assert_eq!(Passwd { uid: Uid(2), ..entry }.print(), b"a:x:2:1:J\xfcrgen:/:");
    }

    #[test]
    fn hashes_do_not_reach_a_log() {
        let shadow = Shadow::parse(b"a:$6$secret:1::::::").unwrap();
        assert!(!format!("{shadow:?}").contains("secret"));
    }
}
