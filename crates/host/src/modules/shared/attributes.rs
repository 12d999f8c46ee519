//! The arguments `mode`, `owner` and `group` that all file modules share; modes as in chmod(1). Pure.

use crate::change::outcome::Failure;
use crate::identity::{Gid, Uid};
use crate::parameters;
use crate::parameters::{ParameterKind, ParameterType};
use crate::system::{Attributes, FileKind, Stat};
use words::value::Value;

parameters! {
    /// Owner and mode of a file.
    pub struct OwnerAndMode {
        /// Permission bits: "0644", or symbolic as u=rw,g=r.
        mode: Option<GivenMode>,
        /// Name or number of the owner.
        owner: Option<String>,
        /// Name or number of the group.
        group: Option<String>,
        /// Refused: chattr(1) flags are not set.
        attributes | "attr": Option<String>,
    }
    unread {
        /// Taken and left alone: labels of replaced files are kept.
        seuser: Option<String>,
        /// As seuser.
        serole: Option<String>,
        /// As seuser.
        setype: Option<String>,
        /// As seuser.
        selevel: Option<String>,
        /// Taken and not needed: writes are always atomic.
        unsafe_writes: bool = "no",
    }
}

/// A mode as a task gives it, which may be none.
#[derive(Clone, Debug)]
pub struct GivenMode(Value);

impl ParameterType for GivenMode {
    const KIND: ParameterKind = ParameterKind::Raw;

    fn read(_: &'static str, value: Value) -> Option<Self> {
        Some(Self(value))
    }
}

impl GivenMode {
    /// See [`Mode::parse`].
    pub fn mode(&self) -> Result<Mode, Failure> {
        Mode::parse(&self.0)
    }

    /// An empty text, which a template may leave where no mode is meant.
    pub fn is_empty(&self) -> bool {
        self.0.as_str() == Some("")
    }

    /// See [`Mode::warning`].
    pub fn warning(&self) -> Option<String> {
        Mode::warning(&self.0)
    }
}

/// What `mode` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These bits.
    Exact(u32),
    /// Changes to the bits that are there.
    Symbolic(Vec<Clause>),
    /// The bits of the source (`copy` only).
    Preserve,
}

/// One clause of a symbolic mode: `ug+rX` is two, one for each class… of users, by one operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    classes: Vec<Class>,
    /// No class was given: the umask applies, as in chmod(1).
    masked: bool,
    operator: char,
    permissions: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    User,
    Group,
    Other,
}

impl Class {
    fn shift(self) -> u32 {
        match self {
            Class::User => 6,
            Class::Group => 3,
            Class::Other => 0,
        }
    }

    /// Set-user-id, set-group-id or sticky.
    fn special(self) -> u32 {
        match self {
            Class::User => 0o4000,
            Class::Group => 0o2000,
            Class::Other => 0o1000,
        }
    }
}

/// The umask that symbolic modes without a class respect.
const UMASK: u32 = 0o022;

impl Mode {
    /// Reads an octal text, a number (YAML has read 0644 as octal already) or a symbolic mode.
    pub fn parse(value: &Value) -> Result<Mode, Failure> {
        let bad = || Failure::new("mode must be in octal or symbolic form").with("details", format!("got {value}"));
        let exact = |bits: u32| if bits <= 0o7777 { Ok(Mode::Exact(bits)) } else { Err(bad()) };
        match value {
            Value::Int(number) => exact(u32::try_from(*number).map_err(|_| bad())?),
            Value::String(text) if text == "preserve" => Ok(Mode::Preserve),
            Value::String(text) => {
                let digits = text.trim().trim_start_matches("0o");
                match u32::from_str_radix(digits, 8) {
                    Ok(bits) => exact(bits),
                    Err(_) => symbolic(text.trim()).map(Mode::Symbolic).ok_or_else(bad),
                }
            }
            _ => Err(bad()),
        }
    }

    /// The bits that a file with `current` bits shall have.
    pub fn apply(&self, current: u32, is_directory: bool) -> u32 {
        match self {
            Mode::Exact(bits) => *bits,
            Mode::Preserve => current,
            Mode::Symbolic(clauses) => {
                clauses.iter().fold(current, |bits, clause| clause.apply(bits, current, is_directory))
            }
        }
    }

    /// A warning when YAML has read the mode as decimal, which is hardly meant: 644 is 01204.
    pub fn warning(value: &Value) -> Option<String> {
        let number = value.as_int()?;
        let looks_octal = number > 0o777 || [600, 640, 644, 700, 750, 755].contains(&number);
        let has_octal_digits = number.to_string().bytes().all(|digit| digit < b'8');
        (looks_octal && has_octal_digits && number.to_string().len() == 3)
            .then(|| format!("mode {number} is a decimal number, {number:#o} in octal; write \"0{number}\" in quotes"))
    }
}

/// Reads `u=rw,g+rX,o-w`; `None` when it is none.
fn symbolic(text: &str) -> Option<Vec<Clause>> {
    let mut clauses = Vec::new();
    for part in text.split(',') {
        let start = part.find(['+', '-', '='])?;
        let (who, mut actions) = part.split_at(start);
        let classes = classes(who)?;
        while let Some(operator) = actions.chars().next() {
            let end = actions[1..].find(['+', '-', '=']).map_or(actions.len(), |at| at + 1);
            let permissions = &actions[1..end];
            if !permissions.chars().all(|c| "rwxXstugo".contains(c)) {
                return None;
            }
            let (classes, permissions) = (classes.clone(), permissions.to_owned());
            clauses.push(Clause { classes, masked: who.is_empty(), operator, permissions });
            actions = &actions[end..];
        }
    }
    Some(clauses)
}

fn classes(who: &str) -> Option<Vec<Class>> {
    let all = vec![Class::User, Class::Group, Class::Other];
    if who.is_empty() || who.contains('a') {
        return who.chars().all(|c| "ugoa".contains(c)).then_some(all);
    }
    let class = |c| match c {
        'u' => Some(Class::User),
        'g' => Some(Class::Group),
        'o' => Some(Class::Other),
        _ => None,
    };
    who.chars().map(class).collect()
}

impl Clause {
    fn apply(&self, bits: u32, original: u32, is_directory: bool) -> u32 {
        self.classes.iter().fold(bits, |bits, class| {
            let mut wanted = self.wanted(*class, original, is_directory);
            if self.masked {
                wanted &= !UMASK;
            }
            match self.operator {
                '+' => bits | wanted,
                '-' => bits & !wanted,
                _ => bits & !(0o7 << class.shift() | class.special()) | wanted,
            }
        })
    }

    /// The bits that the letters mean for one class.
    fn wanted(&self, class: Class, original: u32, is_directory: bool) -> u32 {
        let copied = |from: Class| (original >> from.shift() & 0o7) << class.shift();
        let bits = |letter| match letter {
            'r' => 0o4 << class.shift(),
            'w' => 0o2 << class.shift(),
            'x' => 0o1 << class.shift(),
            'X' if is_directory || original & 0o111 != 0 => 0o1 << class.shift(),
            's' if class != Class::Other => class.special(),
            't' if class == Class::Other => class.special(),
            'u' => copied(Class::User),
            'g' => copied(Class::Group),
            'o' => copied(Class::Other),
            _ => 0,
        };
        self.permissions.chars().fold(0, |all, letter| all | bits(letter))
    }
}

/// Owner, group and mode as a task wants them; names are numbers already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedAttributes {
    /// The owner.
    pub uid: Option<Uid>,
    /// The group.
    pub gid: Option<Gid>,
    /// The mode.
    pub mode: Option<Mode>,
}

impl WantedAttributes {
    /// For a file that is not there yet, and would be made with `default` bits.
    pub fn for_new(&self, kind: FileKind) -> Attributes {
        let default = if kind == FileKind::Directory { 0o777 & !UMASK } else { 0o666 & !UMASK };
        let mode = self.mode.as_ref().map(|mode| mode.apply(default, kind == FileKind::Directory));
        Attributes { mode, uid: self.uid, gid: self.gid }
    }

    /// What has to change on a file that is there; `None` when nothing has to.
    pub fn difference(&self, stat: &Stat) -> Option<Attributes> {
        let mode = self.mode.as_ref().filter(|_| stat.kind != FileKind::Link);
        let mode = mode.map(|mode| mode.apply(stat.mode, stat.kind == FileKind::Directory));
        let difference = Attributes {
            mode: mode.filter(|mode| *mode != stat.mode),
            uid: self.uid.filter(|uid| *uid != stat.uid),
            gid: self.gid.filter(|gid| *gid != stat.gid),
        };
        (difference != Attributes::default()).then_some(difference)
    }
}

/// Four octal digits, as Ansible shows modes.
pub fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn applied(text: &str, current: u32, is_directory: bool) -> u32 {
        Mode::parse(&text.into()).unwrap().apply(current, is_directory)
    }

    #[test]
    fn octal_forms() {
        assert_eq!(applied("0644", 0, false), 0o644);
        assert_eq!(applied("0o2755", 0, false), 0o2755);
        assert_eq!(Mode::parse(&Value::Int(0o644)).unwrap(), Mode::Exact(0o644));
        for bad in ["0999", "u=z", "b+r", "77777", "u", "", "u+r,", "-1"] {
            let parsed = Mode::parse(&bad.into());
            assert!(parsed.is_err() || bad == "-1", "{bad}: {parsed:?}");
        }
        assert!(Mode::parse(&Value::Int(-1)).is_err());
        assert!(Mode::parse(&Value::Bool(true)).is_err());
    }

    #[test]
    fn symbolic_forms() {
        assert_eq!(applied("u=rw,g=r,o=", 0o7777, false), 0o640);
        assert_eq!(applied("u+X", 0o600, false), 0o600);
        assert_eq!(applied("a+X", 0o600, true), 0o711);
        assert_eq!(applied("go-rwx", 0o755, false), 0o700);
        assert_eq!(applied("g+s,o+t", 0o755, true), 0o3755);
        assert_eq!(applied("g=u", 0o640, false), 0o660);
        assert_eq!(applied("u+r-w", 0o200, false), 0o400);
        assert_eq!(applied("+w", 0o444, false), 0o644);
    }

    #[test]
    fn decimal_modes_are_warned_about() {
        assert!(Mode::warning(&Value::Int(644)).is_some());
        assert!(Mode::warning(&Value::Int(0o644)).is_none());
        assert!(Mode::warning(&"0644".into()).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ugoarwxXst=+,0-9-]{0,12}", current in 0u32..0o10000) {
            if let Ok(mode) = Mode::parse(&text.as_str().into()) {
                let once = mode.apply(current, false);
                prop_assert!(once <= 0o7777);
            }
        }

        #[test]
        fn an_exact_mode_settles(bits in 0u32..0o10000, current in 0u32..0o10000) {
            prop_assert_eq!(applied(&octal(bits), current, true), bits);
        }
    }
}
