//! Reading a person: the entry with what it inherits from the defaults of his group and of everybody.

use super::engagements::Engagement;
use super::ids::Kind as Numbered;
use super::load::{read_key, read_members};
use super::model::*;
use super::reader::Reader;
use super::shape::{DEFAULTS, USER};
use super::standing::{AFTER_END, PersonState, STATES, Tenure};
use jiff::civil::Date;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use words::diag::Diagnostic;
use words::value::node::{Kind, Node};

/// A person's entry with all that it inherits.
pub(super) struct Entry<'n> {
    name: Written<String>,
    node: Cow<'n, Node>,
    /// The accounts are those of a default: what an account itself says of the person counts more.
    inherits_accounts: bool,
}

/// Everybody: those under `users`, then those who come with projects and courses alone.
pub(super) fn entries<'n>(reader: &mut Reader, tree: &'n Node, engagements: &'n [Engagement]) -> Vec<Entry<'n>> {
    let defaults = tree.get("defaults");
    if let Some(node) = defaults {
        reader.fields(node, "`defaults`", DEFAULTS);
    }
    let of_groups = defaults_of_groups(reader, tree);
    let named = tree.get("users").map(|node| reader.named(node, "`users`")).unwrap_or_default();
    let listed: HashMap<String, _> = named.iter().map(|(name, _)| (name.value.clone(), name.place.clone())).collect();
    let own = named.into_iter().map(|(name, node)| (name, Cow::Borrowed(node)));
    let others = Engagement::people(reader, engagements, &listed);
    let all = own.chain(others.into_iter().map(|(name, node)| (name, Cow::Owned(node))));
    all.map(|(name, node)| inherit(name, node, &of_groups, defaults)).collect()
}

fn defaults_of_groups<'n>(reader: &mut Reader, tree: &'n Node) -> HashMap<String, &'n Node> {
    let groups = tree.get("groups").and_then(Node::entries).unwrap_or_default();
    let own = groups.iter().filter_map(|(name, node)| Some((name.key_text(), node.get("defaults")?)));
    own.inspect(|(_, node)| _ = reader.fields(node, "`defaults`", DEFAULTS)).collect()
}

/// The entry, with the fields that it lacks from the defaults of its group, and then from those of everybody.
fn inherit<'n>(
    name: Written<String>,
    node: Cow<'n, Node>,
    of_groups: &HashMap<String, &Node>,
    defaults: Option<&Node>,
) -> Entry<'n> {
    let group = node.get("group").or(defaults.and_then(|all| all.get("group"))).map(Node::key_text);
    let of_group = group.and_then(|group| of_groups.get(&group).copied());
    let lacks = |node: &Node, key: &str| node.get(key).is_none();
    let layers = || of_group.into_iter().chain(defaults).flat_map(|layer| layer.entries().unwrap_or_default());
    let is_mapping = node.entries().is_some() || node.is_null();
    let mut inherited: Vec<(Node, Node)> = Vec::new();
    for (key, value) in layers().filter(|_| is_mapping) {
        let is_new = inherited.iter().all(|(other, _)| other.key_text() != key.key_text());
        if lacks(&node, &key.key_text()) && is_new {
            inherited.push((key.clone(), value.clone()));
        }
    }
    let inherits_accounts = inherited.iter().any(|(key, _)| key.as_str() == Some("accounts"));
    if inherited.is_empty() {
        return Entry { name, node, inherits_accounts };
    }
    let own = node.entries().unwrap_or_default().to_vec();
    let kind = Kind::Map(own.into_iter().chain(inherited).collect());
    let node = Cow::Owned(Node { kind, place: node.place.clone(), tag: node.tag.clone() });
    Entry { name, node, inherits_accounts }
}

/// The person of an entry, as he stands on `day`.
pub(super) fn read(reader: &mut Reader, entry: &Entry, day: Date) -> Option<User> {
    let (name, node) = (entry.name.clone(), entry.node.as_ref());
    let secrets = node.entries().unwrap_or_default().iter().filter(|(key, _)| is_secret(&key.key_text()));
    secrets.for_each(|(key, value)| reader.keep_secret(key, value));
    reader.fields(node, "a user", USER);
    let uid = reader.own_number(node, &name, Numbered::User);
    let group = reader.text_field(node, "group");
    if node.get("group").is_none() {
        reader.missing(&name, "group", "without a primary group each host would choose a gid of its own");
    }
    let keys = reader.items(node.get("keys"), "`keys`").iter().filter_map(|key| read_key(reader, key)).collect();
    let home = reader.text_field(node, "home").map(|home| filled(home, &name, group.as_ref()));
    let tenure = read_tenure(reader, node);
    check_private(reader, node);
    let user = User {
        was_uid: reader.number_field(node, "was_uid"),
        groups: reader.text_list(node, "groups"),
        only_groups: reader.yes_or_no(node, "only_groups").unwrap_or(false),
        shell: reader.text_field(node, "shell"),
        home,
        comment: reader.text_field(node, "comment"),
        keys,
        default_account: reader.text_field(node, "default_account"),
        password: read_password(reader, node),
        sudo: read_sudo(reader, node),
        manager: reader.text_field(node, "manager"),
        jobs: reader.jobs_of_leavers(node),
        standing: tenure.on(day),
        tenure,
        uid: uid?,
        group: group?,
        name,
    };
    Some(user)
}

/// Whether a field holds what is not shown, also where its name is misspelt.
fn is_secret(field: &str) -> bool {
    ["pas", "pw", "priv", "secret"].iter().any(|begin| field.to_lowercase().starts_with(begin))
}

/// A home with the person's name and group in it.
fn filled(home: Written<String>, name: &str, group: Option<&Written<String>>) -> Written<String> {
    let group = group.map_or("", |group| group.as_str());
    Written { value: home.value.replace("{user}", name).replace("{group}", group), place: home.place }
}

fn read_tenure(reader: &mut Reader, node: &Node) -> Tenure {
    let tenure = Tenure {
        state: reader.standing(node, "state", STATES),
        locked: reader.yes_or_no(node, "locked"),
        starts: reader.day(node, "starts"),
        ends: reader.day(node, "ends"),
        after_end: reader.standing(node, "after_end", AFTER_END).map(|standing| standing.value),
        expires: reader.expiry(node),
    };
    if let (Some(state), Some(locked)) = (&tenure.state, tenure.locked)
        && state.value.locks() == Some(!locked)
        && !state.value.is_for_good()
    {
        let message = format!("`state: {}` and `locked: {}` say two things", state.value.word(), yes_no(locked));
        let problem = Diagnostic::input(&state.place, message);
        reader.problems.push(problem.hint("take `locked` out: it is the older way to write suspended and active"));
    }
    if let (Some(starts), Some(ends)) = (&tenure.starts, &tenure.ends)
        && ends.value <= starts.value
    {
        let problem =
            Diagnostic::input(&ends.place, format!("`ends` is {}, and `starts` is {}", ends.value, starts.value));
        reader.problems.push(problem.note("`ends` is the first day after the last"));
    }
    tenure
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// `password: none`, or a hash. A password in clear is refused, and not shown.
fn read_password(reader: &mut Reader, node: &Node) -> Option<FirstPassword> {
    let value = node.get("password")?;
    match value.as_str() {
        Some("none") => Some(FirstPassword::None),
        Some(text) if is_hash(text) => Some(FirstPassword::Hash(text.to_owned())),
        _ => {
            let message = format!("{}: `password` must be a hash of crypt(5), or none", value.place);
            // Said without its place: the line would be shown.
            let problem = Diagnostic::new(words::diag::ErrorKind::Input, message);
            reader.problems.push(problem.hint("make one with: openssl passwd -6"));
            None
        }
    }
}

/// `$6$SALT$HASH`, and the like: the forms that crypt(5) calls strong.
pub(crate) fn is_hash(text: &str) -> bool {
    let known = ["$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$"].iter().any(|prefix| text.starts_with(prefix));
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b":*!\\".contains(&byte));
    known && is_plain && text.len() >= 20 && text.matches('$').count() >= 3
}

/// `sudo: none`, or what stands behind the name in sudoers(5).
fn read_sudo(reader: &mut Reader, node: &Node) -> Option<SudoRight> {
    let text = reader.text_field(node, "sudo")?;
    if text.value == "none" {
        return Some(SudoRight::None);
    }
    if let Some(why) = sudo_problem(&text) {
        let problem = Diagnostic::input(&text.place, "this is no rule of sudo").note(why);
        reader.problems.push(problem.hint("write what stands behind the name in sudoers: ALL=(ALL) ALL"));
        return None;
    }
    Some(SudoRight::Rule(text.value))
}

/// Why `rule` cannot stand behind a name in a file of sudoers. What it says is for visudo to judge, on the host.
pub(crate) fn sudo_problem(rule: &str) -> Option<&'static str> {
    if rule.trim() != rule || rule.is_empty() {
        return Some("it is empty, or has blanks at an end");
    }
    if rule.contains(char::is_control) || rule.ends_with('\\') {
        return Some("it must be one line, or it would say something of others");
    }
    (!rule.contains('=')).then_some("it names no hosts: it begins with ALL=")
}

/// Private fields are texts and numbers; a mapping below them would be read by nobody.
fn check_private(reader: &mut Reader, node: &Node) {
    let Some(private) = node.get("private") else { return };
    for (name, value) in reader.named(private, "`private`") {
        if !matches!(value.kind, Kind::Scalar(_)) {
            let message = format!("the private field `{}` must be text or a number", name.value);
            reader.problems.push(Diagnostic::new(words::diag::ErrorKind::Input, format!("{}: {message}", name.place)));
        }
    }
}

/// Puts people into the accounts that their own entries name, as far as they belong to the site on the roster's day.
pub(super) fn join_accounts(reader: &mut Reader, accounts: &mut [Account], entries: &[Entry], users: &[User]) {
    let standings: HashMap<&str, PersonState> = users.iter().map(|user| (user.name.as_str(), user.standing)).collect();
    // Thousands inherit the same account: who is in it is not looked for again for each.
    let named = |account: &Account| account.users.iter().map(|member| member.user.value.clone()).collect();
    let mut members: HashMap<String, HashSet<String>> =
        accounts.iter().map(|account| (account.name.value.clone(), named(account))).collect();
    for entry in entries {
        let wanted = read_members(reader, entry.node.get("accounts"), "`accounts`");
        for Member { user: account, limits, partitions, state, .. } in wanted {
            if !standings.get(entry.name.as_str()).is_some_and(|standing| standing.belongs()) {
                continue;
            }
            let Some(found) = accounts.iter_mut().find(|other| other.name.value == account.value) else {
                let problem =
                    Diagnostic::input(&account.place, format!("there is no account `{}` in the roster", account.value));
                let known = accounts.iter().map(|account| account.name.as_str());
                reader.problems.push(problem.suggest(&account, known).hint("add it under `accounts:`"));
                continue;
            };
            let is_new = members.entry(account.value.clone()).or_default().insert(entry.name.value.clone());
            if is_new || !entry.inherits_accounts {
                let user = Written { value: entry.name.value.clone(), place: account.place };
                found.users.push(Member { limits, partitions, state, ..Member::plain(user) });
            }
        }
    }
}
