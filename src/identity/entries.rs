//! The lines of the account files, typed; formats of passwd(5), shadow(5), group(5), gshadow(5), subuid(5).

/// One line of an account file.
pub trait Entry: Sized + PartialEq {
    /// The file's name under `/etc`.
    const FILE: &str;

    /// Reads a line without its newline; `None` when it has not this format, which is kept and never edited.
    fn parse(line: &[u8]) -> Option<Self>;

    /// The first field: what entries are found by.
    fn key(&self) -> &str;

    /// The line without its newline.
    fn print(&self) -> Vec<u8>;
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwd {
    /// Login name.
    pub name: String,
    /// `x` when the password is in `/etc/shadow`, else the hash itself.
    pub password: String,
    /// User number.
    pub uid: u32,
    /// Number of the primary group.
    pub gid: u32,
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
}

impl Entry for Passwd {
    const FILE: &str = "passwd";

    fn parse(line: &[u8]) -> Option<Self> {
        let [name, password, uid, gid, gecos, home, shell] = fields(line)?;
        Some(Self {
            name: name_field(name)?,
            password: text(password)?,
            uid: number(uid)?,
            gid: number(gid)?,
            gecos: gecos.to_vec(),
            home: text(home)?,
            shell: text(shell)?,
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        let mut line = format!("{}:{}:{}:{}:", self.name, self.password, self.uid, self.gid).into_bytes();
        line.extend_from_slice(&self.gecos);
        line.extend_from_slice(format!(":{}:{}", self.home, self.shell).as_bytes());
        line
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
            password: text(password)?,
            last_change: days(last_change)?,
            min: days(min)?,
            max: days(max)?,
            warn: days(warn)?,
            inactive: days(inactive)?,
            expire: days(expire)?,
            flag: text(flag)?,
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
        format!("{line}:{}", self.flag).into_bytes()
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
    pub gid: u32,
    /// Login names, in the file's order.
    pub members: Vec<String>,
}

impl Entry for Group {
    const FILE: &str = "group";

    fn parse(line: &[u8]) -> Option<Self> {
        let [name, password, gid, members] = fields(line)?;
        Some(Self { name: name_field(name)?, password: text(password)?, gid: number(gid)?, members: list(members)? })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        format!("{}:{}:{}:{}", self.name, self.password, self.gid, self.members.join(",")).into_bytes()
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
    pub administrators: Vec<String>,
    /// Login names.
    pub members: Vec<String>,
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
            password: text(password)?,
            administrators: list(administrators)?,
            members: list(members)?,
        })
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn print(&self) -> Vec<u8> {
        let (administrators, members) = (self.administrators.join(","), self.members.join(","));
        format!("{}:{}:{administrators}:{members}", self.name, self.password).into_bytes()
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
        format!("{}:{}:{}", self.owner, self.start, self.count).into_bytes()
    }
}

/// Exactly `N` fields.
fn fields<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    line.split(|byte| *byte == b':').collect::<Vec<_>>().try_into().ok()
}

fn text(field: &[u8]) -> Option<String> {
    String::from_utf8(field.to_vec()).ok()
}

fn name_field(field: &[u8]) -> Option<String> {
    text(field).filter(|name| !name.is_empty())
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(field).ok()?;
    // FromStr also takes "+1".
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// An empty field or -1 is no value.
fn days(field: &[u8]) -> Option<Option<i64>> {
    let text = std::str::from_utf8(field).ok()?;
    match text {
        "" | "-1" => Some(None),
        _ => text.parse().ok().map(Some),
    }
}

fn list(field: &[u8]) -> Option<Vec<String>> {
    let text = text(field)?;
    Some(if text.is_empty() { Vec::new() } else { text.split(',').map(Into::into).collect() })
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

    #[test]
    fn broken_lines_are_no_entries() {
        for line in ["a:x:1:1::/:", ":x:1:1:::", "a:x:+1:1:::", "a:x:-1:1:::", "a:x:4294967296:1:::", "a:x::1:::"] {
            assert_eq!(Passwd::parse(line.as_bytes()).is_some(), line == "a:x:1:1::/:", "{line}");
        }
        assert!(Shadow::parse(b"a:!:x::::::").is_none());
        assert!(Shadow::parse(b"a:!:1:::::").is_some(), "the reserved field may be missing");
        assert!(Group::parse(b"a:x:1").is_none());
    }

    #[test]
    fn latin_1_in_the_comment_survives_an_edit() {
        let entry = Passwd::parse(b"a:x:1:1:J\xfcrgen:/:").unwrap();
        assert_eq!(Passwd { uid: 2, ..entry }.print(), b"a:x:2:1:J\xfcrgen:/:");
    }

    #[test]
    fn hashes_do_not_reach_a_log() {
        let shadow = Shadow::parse(b"a:$6$secret:1::::::").unwrap();
        assert!(!format!("{shadow:?}").contains("secret"));
    }
}
