//! What a module accepts: the table that arguments are checked against, and that documentation is made from.

use super::ParameterType;

/// A module's name, parameters and habits.
#[derive(Debug)]
pub struct Spec {
    /// The short name, without collection.
    pub name: &'static str,
    /// One sentence for `enlist doc`.
    pub summary: &'static str,
    /// The parameters, most important first.
    pub params: &'static [Param],
    /// The parameter that free-form text (`command: ls -l`) goes to.
    pub free_form: Option<&'static str>,
    /// Pairs of parameters of which at most one may be given.
    pub exclusive: &'static [&'static [&'static str]],
    /// Groups of parameters of which at least one must be given.
    pub one_of: &'static [&'static [&'static str]],
    /// What the module does in check mode.
    pub check_mode: CheckMode,
    /// How the names of the facts begin that it gives; empty for a module that gives none.
    pub facts: &'static [&'static str],
}

impl Spec {
    /// A spec with nothing but a name; for struct update syntax in tables.
    pub const EMPTY: Spec = Spec {
        name: "",
        summary: "",
        params: &[],
        free_form: None,
        exclusive: &[],
        one_of: &[],
        check_mode: CheckMode::Full,
        facts: &[],
    };

    /// The parameter called `name`, by name or alias.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|p| p.name == name || p.aliases.contains(&name))
    }
}

/// What a module does in check mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckMode {
    /// Says exactly what the real run would do.
    Full,
    /// Cannot know, and is skipped unless it can tell from `creates`/`removes`.
    Partial,
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// Its value when not given, in the text form that `kind` converts.
    pub default: Option<&'static str>,
    /// The allowed texts; empty allows all.
    pub choices: &'static [&'static str],
    /// Whether its value is a secret that is replaced in results.
    pub no_log: bool,
    /// One sentence for people.
    pub help: &'static str,
}

impl Param {
    /// The row of a parameter of this type, as [`parameters!`](crate::parameters!) declares it; `comment` is its
    /// documentation.
    pub const fn of<T: ParameterType>(name: &'static str, comment: &'static str) -> Self {
        Param {
            name: Self::plain(name),
            aliases: &[],
            kind: T::KIND,
            required: !T::OPTIONAL,
            default: None,
            choices: T::CHOICES,
            no_log: T::SECRET,
            help: Self::comment(comment),
        }
    }

    /// Other names.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Its value when not given, which therefore need not be.
    pub const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self.required = false;
        self
    }

    /// The text of a comment: without the blank that is behind its slashes.
    pub const fn comment(text: &'static str) -> &'static str {
        text.trim_ascii()
    }

    /// The name of a field without the mark (`r#type`) of one that is a word of Rust.
    pub(super) const fn plain(field: &'static str) -> &'static str {
        match field.as_bytes() {
            [b'r', b'#', ..] => field.split_at(2).1,
            _ => field,
        }
    }

    /// How many rows these groups have.
    pub const fn count(groups: &[&[Param]]) -> usize {
        let (mut count, mut at) = (0, 0);
        while at < groups.len() {
            count += groups[at].len();
            at += 1;
        }
        count
    }

    /// The rows of all groups; `N` is their [`Param::count`].
    pub const fn joined<const N: usize>(groups: &[&[Param]]) -> [Param; N] {
        let mut all = [Param::of::<String>("", ""); N];
        let (mut count, mut group) = (0, 0);
        while group < groups.len() {
            let mut at = 0;
            while at < groups[group].len() {
                all[count] = groups[group][at];
                count += 1;
                at += 1;
            }
            group += 1;
        }
        all
    }
}

/// What a parameter holds, with Ansible's conversions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text; numbers become text, booleans `True`/`False`.
    Str,
    /// An integer; digit strings are converted.
    Int,
    /// A number.
    Float,
    /// yes/on/1/true/t/y and no/off/0/false/f/n in any case.
    Bool,
    /// A list of texts; a comma string is split.
    List,
    /// A mapping.
    Dict,
    /// A path; `~` and `$VAR` are expanded on the host.
    Path,
    /// As it comes.
    Raw,
}

/// The module's name without a collection that enlist answers for.
pub fn short_name(name: &str) -> &str {
    const COLLECTIONS: &[&str] =
        &["ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.", "enlist."];
    COLLECTIONS.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}
