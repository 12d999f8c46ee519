//! Projects and courses: people who are together for a time. Members are in groups and accounts within its days; who is here
//! for it alone comes with it and goes with it.

use super::files::RosterFiles;
use super::load::read_members;
use super::model::{Member, Roster, State, Written};
use super::reader::Reader;
use super::shape::ENGAGEMENT;
use super::standing::{AFTER_END, PersonState};
use super::table;
use jiff::civil::Date;
use std::collections::{BTreeMap, HashMap};
use words::diag::{Diagnostic, Place};
use words::value::Value;
use words::value::node::{Kind, Node};

/// What a site calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngagementKind {
    /// People who work together. Who is here for it alone is suspended when it is over.
    Project,
    /// People who learn together. Who is here for it alone is gone when it is over.
    Course,
}

impl EngagementKind {
    /// As the roster calls several.
    pub fn section(self) -> &'static str {
        match self {
            EngagementKind::Project => "projects",
            EngagementKind::Course => "courses",
        }
    }

    /// As people call one.
    pub fn word(self) -> &'static str {
        match self {
            EngagementKind::Project => "project",
            EngagementKind::Course => "course",
        }
    }

    fn after_end(self) -> PersonState {
        match self {
            EngagementKind::Project => PersonState::Suspended,
            EngagementKind::Course => PersonState::Absent,
        }
    }
}

/// A project or course.
#[derive(Clone, Debug, PartialEq)]
pub struct Engagement {
    /// What it is.
    pub kind: EngagementKind,
    /// Its name.
    pub name: Written<String>,
    /// The first day.
    pub starts: Option<Written<Date>>,
    /// The first day after the last.
    pub ends: Option<Written<Date>>,
    /// How people stand then who are here for this alone.
    pub after_end: PersonState,
    /// Primary group of people who are here for this alone.
    pub group: Option<Written<String>>,
    /// Groups that members are in meanwhile.
    pub groups: Vec<Written<String>>,
    /// Accounts that members are in meanwhile; the field `user` of each is the account.
    accounts: Vec<Member>,
    /// Who answers for them.
    pub manager: Option<Written<String>>,
    /// Its members.
    members: Vec<Row>,
}

/// One member, as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The login; none before it is read.
    pub login: Option<Written<String>>,
    /// The first day, where it is another than that of the whole.
    pub starts: Option<Written<Date>>,
    /// The first day after the last, where it is another than that of the whole.
    pub ends: Option<Written<Date>>,
    /// Fields of a person who is in no other list.
    pub fields: Vec<(Node, Node)>,
}

/// Reads all projects and courses.
pub(super) fn read(reader: &mut Reader, files: &RosterFiles, tree: &Node) -> Vec<Engagement> {
    let mut all = Vec::new();
    for kind in [EngagementKind::Project, EngagementKind::Course] {
        let Some(node) = tree.get(kind.section()) else { continue };
        let what = format!("`{}`", kind.section());
        for (name, node) in reader.named(node, &what) {
            all.push(read_one(reader, files, kind, name, node));
        }
    }
    all
}

fn read_one(
    reader: &mut Reader,
    files: &RosterFiles,
    kind: EngagementKind,
    name: Written<String>,
    node: &Node,
) -> Engagement {
    reader.fields(node, &format!("a {}", kind.word()), ENGAGEMENT);
    let after_end = reader.standing(node, "after_end", AFTER_END).map(|standing| standing.value);
    let engagement = Engagement {
        kind,
        starts: reader.day(node, "starts"),
        ends: reader.day(node, "ends"),
        after_end: after_end.unwrap_or(kind.after_end()),
        group: reader.text_field(node, "group"),
        groups: reader.text_list(node, "groups"),
        accounts: read_members(reader, node.get("accounts"), "`accounts`"),
        manager: reader.text_field(node, "manager"),
        members: read_rows(reader, files, node),
        name,
    };
    if kind == EngagementKind::Course && engagement.ends.is_none() {
        reader.missing(&engagement.name, "ends", "a course is over one day: the first day after it");
    }
    engagement
}

/// `members: [kim, lee]`, or `members: ml101.csv`.
fn read_rows(reader: &mut Reader, files: &RosterFiles, node: &Node) -> Vec<Row> {
    let Some(members) = node.get("members") else { return Vec::new() };
    if members.items().is_some() {
        let plain = |login| Row { login: Some(login), ..Row::default() };
        return reader.text_list(node, "members").into_iter().map(plain).collect();
    }
    let Some(name) = reader.text(members, "`members`") else { return Vec::new() };
    match files.beside(&name) {
        Ok(source) => table::rows(&source, reader),
        Err(problem) => {
            reader.problems.push(problem);
            Vec::new()
        }
    }
}

/// Somebody who comes with projects and courses alone.
struct Newcomer<'e> {
    name: Written<String>,
    fields: &'e [(Node, Node)],
    of: Vec<(&'e Engagement, &'e Row)>,
}

impl Engagement {
    /// The days of a member.
    fn days<'e>(&'e self, row: &'e Row) -> (Option<&'e Written<Date>>, Option<&'e Written<Date>>) {
        (row.starts.as_ref().or(self.starts.as_ref()), row.ends.as_ref().or(self.ends.as_ref()))
    }

    /// Whether `login` is a member, on whatever day.
    pub fn has_member(&self, login: &str) -> bool {
        self.logins().any(|member| member.value == login)
    }

    /// How many members it has.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    fn rows(&self) -> impl Iterator<Item = (&Written<String>, &Row)> {
        self.members.iter().filter_map(|row| Some((row.login.as_ref()?, row)))
    }

    /// The people of `engagements` who are not `listed` under `users`, as entries that such people would have there.
    pub(super) fn people(
        reader: &mut Reader,
        engagements: &[Engagement],
        listed: &HashMap<String, Place>,
    ) -> Vec<(Written<String>, Node)> {
        let mut order: Vec<&str> = Vec::new();
        let mut found: BTreeMap<&str, Newcomer> = BTreeMap::new();
        for (engagement, (login, row)) in engagements.iter().flat_map(|one| one.rows().map(move |row| (one, row))) {
            if let Some(place) = listed.get(&login.value) {
                reader.problems.extend(twice(login, row, place));
                continue;
            }
            let known = found.entry(&login.value).or_insert_with(|| {
                order.push(&login.value);
                Newcomer { name: login.clone(), fields: &[], of: Vec::new() }
            });
            if known.fields.is_empty() {
                known.name = login.clone();
                known.fields = &row.fields;
            } else {
                reader.problems.extend(twice(login, row, &known.name.place));
            }
            known.of.push((engagement, row));
        }
        let entry = |name: &str| found.get(name).map(|newcomer| (newcomer.name.clone(), newcomer.entry()));
        order.into_iter().filter_map(entry).collect()
    }

    /// Puts members into groups and accounts on the roster's day, and takes them out of the accounts when it is over.
    pub(super) fn join(roster: &mut Roster) {
        let day = roster.day;
        for engagement in roster.engagements.clone() {
            for (login, row) in engagement.rows() {
                let (starts, ends) = engagement.days(row);
                let is_over = ends.is_some_and(|ends| ends.value <= day);
                let is_on = starts.is_none_or(|starts| starts.value <= day) && !is_over;
                if is_on {
                    engagement.add_groups(roster, login);
                }
                if is_on || is_over {
                    engagement.set_accounts(roster, login, if is_on { State::Present } else { State::Absent });
                }
            }
        }
    }

    fn add_groups(&self, roster: &mut Roster, login: &Written<String>) {
        let Some(user) = roster.users.iter_mut().find(|user| user.name.value == login.value) else { return };
        let own = user.group.value.clone();
        for group in self.groups.iter().filter(|group| group.value != own) {
            if !user.groups.iter().any(|other| other.value == group.value) {
                user.groups.push(group.clone());
            }
        }
    }

    /// What another entry says of the person in the account stands; within two that overlap, being in it does.
    fn set_accounts(&self, roster: &mut Roster, login: &Written<String>, state: State) {
        let belongs = roster.user(login).is_some_and(|user| user.standing.belongs());
        if !belongs && state == State::Present {
            return;
        }
        for wanted in &self.accounts {
            let Some(account) = roster.accounts.iter_mut().find(|account| account.name.value == wanted.user.value)
            else {
                continue;
            };
            match account.users.iter_mut().find(|member| member.user.value == login.value) {
                Some(there) if there.of_engagement && state == State::Present => there.state = State::Present,
                Some(_) => {}
                None => {
                    account.users.push(Member { user: login.clone(), state, of_engagement: true, ..wanted.clone() })
                }
            }
        }
    }

    /// The accounts that it names.
    pub fn account_names(&self) -> impl Iterator<Item = &Written<String>> {
        self.accounts.iter().map(|account| &account.user)
    }

    /// Its members' logins.
    pub fn logins(&self) -> impl Iterator<Item = &Written<String>> {
        self.rows().map(|(login, _)| login)
    }
}

/// A person whose fields are written in two places.
fn twice(login: &Written<String>, row: &Row, first: &Place) -> Option<Diagnostic> {
    if row.fields.is_empty() {
        return None;
    }
    let problem = Diagnostic::input(&login.place, format!("`{}` is described in two places", login.value));
    Some(problem.note(format!("first at {first}")).hint("write nothing but the login and days here"))
}

impl Newcomer<'_> {
    /// From the first day of any to the last of all; without a last day of one, for as long as that goes on.
    fn entry(&self) -> Node {
        let days = || self.of.iter().map(|(engagement, row)| engagement.days(row));
        let first = if days().all(|(starts, _)| starts.is_some()) {
            days().filter_map(|(day, _)| day).min_by_key(by_day)
        } else {
            None
        };
        let last = if days().all(|(_, ends)| ends.is_some()) {
            days().filter_map(|(_, day)| day).max_by_key(by_day)
        } else {
            None
        };
        let mut fields = self.fields.to_vec();
        let mut add = |key: &str, text: String| fields.push(self.field(key, Kind::Scalar(Value::String(text))));
        first.into_iter().for_each(|day| add("starts", day.value.to_string()));
        last.into_iter().for_each(|day| add("ends", day.value.to_string()));
        let latest = self.of.iter().max_by_key(|(engagement, row)| engagement.days(row).1.map(|day| day.value));
        if let Some((engagement, _)) = latest {
            add("after_end", engagement.after_end.word().to_owned());
        }
        if let Some(group) = self.of.iter().find_map(|(engagement, _)| engagement.group.as_ref()) {
            add("group", group.value.clone());
        }
        let has_manager = self.fields.iter().any(|(key, _)| key.as_str() == Some("manager"));
        if let Some(manager) = self.of.iter().find_map(|(one, _)| one.manager.as_ref()).filter(|_| !has_manager) {
            add("manager", manager.value.clone());
        }
        fields.push(self.field("only_groups", Kind::Scalar(Value::Bool(true))));
        Node { kind: Kind::Map(fields), place: self.name.place.clone(), tag: None }
    }

    fn field(&self, key: &str, value: Kind) -> (Node, Node) {
        let node = |kind| Node { kind, place: self.name.place.clone(), tag: None };
        (node(Kind::Scalar(Value::String(key.to_owned()))), node(value))
    }
}

fn by_day(day: &&Written<Date>) -> Date {
    day.value
}
