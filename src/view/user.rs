//! A person as the roster has him.

use control::roster::{Roster, State, User, Written};
use words::text::width::{pad, width};
use words::value::{Map, Value};

/// What the roster says of `user`, under names that stay the same for scripts; what is not written is left out, lists
/// and accounts are always there.
pub fn fields(roster: &Roster, user: &User) -> Map {
    let text = |text: &Option<Written<String>>| Value::from(text.as_ref().map(|text| text.value.clone()));
    let names = |names: &[Written<String>]| Value::List(names.iter().map(|name| name.value.clone().into()).collect());
    let present = user.keys.iter().filter(|key| key.state == State::Present);
    let all = [
        ("user", user.name.value.clone().into()),
        ("written", user.name.place.to_string().into()),
        ("state", user.tenure.state.as_ref().map_or("present", |state| state.word()).into()),
        ("uid", user.uid.value.into()),
        ("group", user.group.value.clone().into()),
        ("groups", names(&user.groups)),
        ("shell", text(&user.shell)),
        ("home", text(&user.home)),
        ("comment", text(&user.comment)),
        ("default_account", text(&user.default_account)),
        ("locked", user.tenure.locked.into()),
        ("starts", user.tenure.starts.as_ref().map(|day| day.to_string()).into()),
        ("ends", user.tenure.ends.as_ref().map(|day| day.to_string()).into()),
        ("expires", user.tenure.expires.map(|expires| expires.to_string()).into()),
        ("keys", Value::List(present.map(|key| key.line.value.clone().into()).collect())),
        ("accounts", accounts(roster, user)),
    ];
    let written = all.into_iter().filter(|(_, value)| *value != Value::Null);
    written.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Accounts that the user is in, each with the user's own limits.
fn accounts(roster: &Roster, user: &User) -> Value {
    let there = roster.accounts.iter().filter(|account| account.state == State::Present);
    let mut all = Map::new();
    for account in there {
        let own =
            |member: &&control::roster::Member| member.user.value == user.name.value && member.state == State::Present;
        if let Some(member) = account.users.iter().find(own) {
            let limits = member.limits.iter().map(|limit| (limit.name, limit.value.value.clone().into()));
            all.insert(account.name.value.clone(), limits.collect());
        }
    }
    Value::Map(all)
}

/// The same for people: a field a line, and a line for each key and account.
pub fn lines(fields: &Map) -> Vec<String> {
    let column = fields.keys().map(|key| width(key)).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (key, value) in fields {
        let shown = match value {
            Value::Map(accounts) => accounts.iter().map(|(name, limits)| account(name, limits)).collect(),
            Value::List(items) if key == "keys" => items.iter().map(Value::to_string).collect(),
            Value::List(items) => vec![items.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")],
            other => vec![other.to_string()],
        };
        for (index, text) in shown.iter().filter(|text| !text.is_empty()).enumerate() {
            lines.push(format!("{}  {text}", pad(if index == 0 { key } else { "" }, column)));
        }
    }
    lines
}

/// One line a person: login, uid, group, what the roster says of him in one word, accounts, real name.
pub fn table(roster: &Roster, people: &[&User], state: impl Fn(&User) -> &'static str) -> Vec<String> {
    let row = |user: &&User| {
        let accounts = accounts(roster, user);
        let names: Vec<_> = accounts.as_map().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let name = user.comment.as_ref().map_or("", |comment| comment.as_str());
        let (uid, names) = (user.uid.value.to_string(), names.join(","));
        [user.name.as_str(), &uid, user.group.as_str(), state(user), &names, name].map(str::to_owned)
    };
    let head = ["LOGIN", "UID", "GROUP", "STATE", "ACCOUNTS", "NAME"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(people.iter().map(row)).collect();
    let columns: Vec<usize> = (0..6).map(|at| rows.iter().map(|row| width(&row[at])).max().unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells: Vec<_> = row.iter().zip(&columns).map(|(cell, column)| pad(cell, *column)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn account(name: &str, limits: &Value) -> String {
    let limits = limits.as_map().into_iter().flatten();
    std::iter::once(name.to_owned())
        .chain(limits.map(|(key, value)| format!("{key}={value}")))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use words::diag::Source;

    #[test]
    fn a_person_with_accounts() {
        let text = "groups: {ai: {gid: 3001}}\nusers: {a: {uid: 2001, group: ai, comment: 홍}, b: {uid: 2002, group: ai}}\n\
                    scheduler: m\naccounts:\n  x: {users: {a: {limits: {MaxJobs: 3}}}}\n  y: {users: [a, b]}\n";
        let roster = control::roster::load(&Source::new("r.yml", text)).unwrap();
        let fields = fields(&roster, roster.user("a").unwrap());
        assert_eq!(
            lines(&fields),
            [
                "user      a",
                "written   r.yml:2:9",
                "state     present",
                "uid       2001",
                "group     ai",
                "comment   홍",
                "accounts  x MaxJobs=3",
                "          y"
            ]
        );
    }
}
