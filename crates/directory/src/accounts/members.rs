//! Who is in which group: by login name, by entry, or by both.

use super::Rules;
use super::mirror::{KnownGroup, Mirror};
use crate::dn::normal;
use crate::entry::{Edit, Write};
use crate::settings::SchemaKind;

/// A person as groups know one.
pub(super) struct Member<'a> {
    login: &'a str,
    dn: &'a str,
    normal: String,
}

impl<'a> Member<'a> {
    pub fn new(login: &'a str, dn: &'a str) -> Self {
        Self { login, dn, normal: normal(dn) }
    }

    /// Whether any way of naming makes this person a member.
    pub fn is_in(&self, group: &KnownGroup) -> bool {
        group.logins.contains(self.login) || group.entries.contains(&self.normal)
    }

    /// The groups that name this person, by name.
    pub fn of(&self, mirror: &Mirror) -> Vec<String> {
        let groups = mirror.known_groups().filter(|group| self.is_in(group));
        let mut names: Vec<String> =
            groups.filter_map(|group| mirror.group_name(&group.entry).map(str::to_owned)).collect();
        names.sort_unstable();
        names
    }

    /// What makes this person a member in every way that the schema asks for; `None` where that is so.
    pub fn join(&self, group: &KnownGroup, kind: SchemaKind) -> Option<Write> {
        let mut edits = Vec::new();
        if kind.by_name() && !group.logins.contains(self.login) {
            edits.push(Edit::add("memberUid", self.login));
        }
        if kind.by_entry() && !group.entries.contains(&self.normal) {
            edits.push(Edit::add("member", self.dn));
        }
        (!edits.is_empty()).then(|| Write::Modify { dn: group.entry.dn.clone(), edits })
    }

    /// What makes this person no member in any way; `None` where that is so.
    pub fn leave(&self, group: &KnownGroup, rules: &Rules) -> Option<Write> {
        let mut edits = Vec::new();
        if group.logins.contains(self.login) {
            edits.push(Edit::remove("memberUid", self.login));
        }
        if group.entries.contains(&self.normal) {
            edits.push(self.leave_entry(group, rules));
        }
        (!edits.is_empty()).then(|| Write::Modify { dn: group.entry.dn.clone(), edits })
    }

    /// Values are named as the server spells them. A group that must not be empty gets the placeholder of new ones.
    fn leave_entry(&self, group: &KnownGroup, rules: &Rules) -> Edit {
        let values = group.entry.values("member").iter();
        let is_own = |value: &&Vec<u8>| std::str::from_utf8(value).is_ok_and(|text| normal(text) == self.normal);
        let remove: Vec<_> = values.filter(is_own).cloned().collect();
        let is_last = remove.len() == group.entry.values("member").len();
        let add =
            if is_last && rules.shape.wants_placeholder(&group.entry) { vec![placeholder(rules)] } else { Vec::new() };
        Edit { attribute: "member", remove, add }
    }
}

/// The member of a group that has none: an entry without a number, which clients pass over.
pub(super) fn placeholder(rules: &Rules) -> Vec<u8> {
    rules.settings.groups.clone().into_bytes()
}
