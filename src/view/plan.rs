//! A plan for people: what would change, once for all hosts on which it is the same; and what became of it.

use super::diff::line_diff;
use super::fold::{Extent, Fate, fates, shape};
use super::styled::Styled;
use super::styles::Style;
use control::plan::{DirectoryMark, LeftOut, Phase, Plan, Step};
use control::sync::{Applied, Became};
use host::change::{Action, Change, FieldDiff};
use indexmap::IndexMap;
use similar::ChangeTag;
use std::collections::HashMap;
use words::text::visible::on_one_line;
use words::text::width::{pad, width};
use words::value::Value;

/// The same change with all the hosts that have it.
pub(super) struct Shared<'p> {
    /// The step that it is of, on the first of the hosts.
    pub step: &'p Step,
    /// The change.
    pub change: &'p Change,
    /// Their inventory names.
    pub hosts: Vec<&'p str>,
}

impl Shared<'_> {
    /// Whose change it is, as the step says.
    pub fn person(&self) -> &str {
        let args = &self.step.args;
        let named = args.get("user").or(args.get("name")).and_then(Value::as_str);
        named.unwrap_or(&self.change.address.name)
    }
}

/// The plan's lines: phase by phase, one block a change, and the summary last. Removals are never folded.
pub fn plan(plan: &Plan, extent: Extent) -> Vec<Styled> {
    let mut lines = Vec::new();
    let shared = shared(plan);
    for phase in Phase::ALL {
        let of_phase: Vec<_> = shared.iter().filter(|shared| shared.step.phase == phase).collect();
        if of_phase.is_empty() {
            continue;
        }
        lines.push(Styled::of(Style::Heading, heading(phase)));
        lines.extend(one_phase(&of_phase, plan.hosts.len(), extent));
        lines.push(Styled::new());
    }
    lines.extend(directories(plan));
    lines.extend(left_out(plan));
    lines.push(summary(plan).into());
    lines
}

/// Where the directories are that the plan changes: equal steps for another server are another plan.
pub(super) fn directories(plan: &Plan) -> Vec<Styled> {
    let changed = plan.hosts.iter().filter(|place| !place.steps.is_empty());
    let marks = changed.filter_map(|place| Some((&place.host, place.directory.as_ref()?)));
    let line = |(name, mark): (&String, &DirectoryMark)| {
        let DirectoryMark { server, people, groups, .. } = mark;
        Styled::from(format!("  {name}  {}", on_one_line(&format!("{server}, people in {people}, groups in {groups}"))))
    };
    let lines: Vec<_> = marks.map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    [vec![Styled::of(Style::Heading, "Directories")], lines, vec![Styled::new()]].concat()
}

fn one_phase(all: &[&Shared], hosts: usize, extent: Extent) -> Vec<Styled> {
    let shapes: Vec<_> = all.iter().map(|shared| shape_of(shared)).collect();
    let fates = fates(&shapes, extent);
    let shown = all.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Shown);
    let column = shown.map(|(shared, _)| width(&shared.change.address.to_string())).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (shared, fate) in all.iter().zip(&fates) {
        let (mark, style) = mark(shared.change.action);
        let on = format!("on {}", name_hosts(&shared.hosts, hosts));
        let (title, fields) = match fate {
            Fate::Hidden => continue,
            Fate::Shown => (pad(&shared.change.address.to_string(), column), fields(shared.change)),
            Fate::Folded(rest) => {
                let last = all[rest.last].person();
                (rest.says(&shared.change.address.kind, shared.person(), last), Vec::new())
            }
        };
        let title = Styled::from("  ").styled(style, format!("{mark} {title}"));
        lines.push(title.text("  ").styled(Style::Faint, on));
        lines.extend(fields.into_iter().map(|line| line.indented(6)));
    }
    lines
}

/// In what it is like others, if it may be folded with them.
fn shape_of(shared: &Shared) -> Option<String> {
    let Shared { step, change, hosts } = shared;
    (!step.phase.removes()).then(|| shape(change, shared.person(), &hosts.join(",")))
}

/// At most this many are named of those that are left out for one reason.
const NAMED: usize = 8;

/// What the plan had to leave out: those with the same reason together, whom and where first, then why and what to do.
pub fn left_out(plan: &Plan) -> Vec<Styled> {
    if plan.left_out.is_empty() {
        return Vec::new();
    }
    let mut reasons: IndexMap<_, (&LeftOut, Vec<String>)> = IndexMap::new();
    for (one, hosts) in same_on_hosts(&plan.left_out) {
        let whom = format!("{} on {}", one.what, hosts.join(", "));
        reasons.entry((&one.why, &one.meanwhile, &one.todo)).or_insert((one, Vec::new())).1.push(whom);
    }
    let mut lines = vec![Styled::of(Style::Heading, "Left out")];
    for (one, whom) in reasons.into_values() {
        let more = whom.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let whom = whom.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
        lines.push(Styled::from("  ").styled(Style::Failed, format!("! {whom}{more}")));
        let says = [Some(&one.why), one.meanwhile.as_ref(), one.todo.as_ref()];
        lines.extend(
            says.into_iter().flatten().flat_map(|text| text.lines()).map(|line| Styled::from(line).indented(6)),
        );
    }
    lines.push(Styled::new());
    lines
}

/// The same left out on several hosts, once with all of them.
fn same_on_hosts(all: &[LeftOut]) -> Vec<(&LeftOut, Vec<&str>)> {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut shared: Vec<(&LeftOut, Vec<&str>)> = Vec::new();
    for one in all {
        match places.get(&(one.what.as_str(), one.why.as_str())) {
            Some(place) => shared[*place].1.push(&one.host),
            None => {
                places.insert((&one.what, &one.why), shared.len());
                shared.push((one, vec![&one.host]));
            }
        }
    }
    shared
}

/// Equal changes of one phase, in the order in which they are first met. Hosts mostly have the same changes in the
/// same order, so that order is also a good one for people.
pub(super) fn shared(plan: &Plan) -> Vec<Shared<'_>> {
    let mut shared: Vec<Shared> = Vec::new();
    let mut places = HashMap::new();
    for host in &plan.hosts {
        for step in &host.steps {
            for change in &step.changes {
                let found: &mut Vec<usize> = places.entry((step.phase, &change.address)).or_default();
                match found.iter().find(|place| shared[**place].change == change) {
                    Some(place) => shared[*place].hosts.push(&host.host),
                    None => {
                        found.push(shared.len());
                        shared.push(Shared { step, change, hosts: vec![&host.host] });
                    }
                }
            }
        }
    }
    shared
}

/// What a phase is called.
pub fn heading(phase: Phase) -> &'static str {
    match phase {
        Phase::Accounts => "Accounts on hosts",
        Phase::Scheduler => "Scheduler",
        Phase::SchedulerRemovals => "Removals from the scheduler",
        Phase::AccountRemovals => "Removals from hosts",
    }
}

pub(super) fn mark(action: Action) -> (char, Style) {
    match action {
        Action::Create => ('+', Style::Added),
        Action::Update => ('~', Style::Changed),
        Action::Delete => ('-', Style::Removed),
    }
}

/// "all 5 hosts", or their names.
pub(super) fn name_hosts(hosts: &[&str], of: usize) -> String {
    match hosts.len() {
        1 => hosts[0].to_owned(),
        count if count == of => format!("all {of} hosts"),
        _ => hosts.join(", "),
    }
}

/// One line a field, names aligned; texts as their added and removed lines.
pub(super) fn fields(change: &Change) -> Vec<Styled> {
    let column = change.fields.iter().map(|field| width(name_of(field))).max().unwrap_or(0);
    change.fields.iter().flat_map(|field| one_field(change.action, field, column)).collect()
}

fn name_of(field: &FieldDiff) -> &str {
    match field {
        FieldDiff::Value { name, .. } | FieldDiff::Opaque { name, .. } => name,
        FieldDiff::Text { .. } => "",
    }
}

fn one_field(action: Action, field: &FieldDiff, column: usize) -> Vec<Styled> {
    let named = |name: &str, says: String| vec![Styled::from(format!("{}  {}", pad(name, column), on_one_line(&says)))];
    match field {
        FieldDiff::Opaque { name, says } => named(name, format!("({says})")),
        FieldDiff::Value { name, after, .. } if action == Action::Create => named(name, show(after)),
        FieldDiff::Value { name, before, .. } if action == Action::Delete => named(name, show(before)),
        FieldDiff::Value { name, before, after } => named(name, format!("{} → {}", show(before), show(after))),
        FieldDiff::Text { name, before, after } => {
            let (before, after) = (before.as_deref().unwrap_or(""), after.as_deref().unwrap_or(""));
            std::iter::once(name.into()).chain(text_lines(before, after)).collect()
        }
    }
}

fn text_lines(before: &str, after: &str) -> Vec<Styled> {
    let diff = line_diff(before, after);
    diff.iter_all_changes()
        .filter_map(|line| {
            let (mark, style) = match line.tag() {
                ChangeTag::Insert => ('+', Style::Added),
                ChangeTag::Delete => ('-', Style::Removed),
                ChangeTag::Equal => return None,
            };
            Some(Styled::of(style, format!("{mark} {}", line.value().trim_end_matches('\n'))))
        })
        .collect()
}

/// A value as people write it: lists with commas, nothing as `(none)`.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(text) if text.is_empty() => "(empty)".into(),
        Value::List(items) if items.is_empty() => "(none)".into(),
        Value::List(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        Value::Map(_) => value.to_json_line(false),
        other => other.to_string(),
    }
}

pub(super) fn summary(plan: &Plan) -> String {
    let hosts = places(plan);
    let left_out = match plan.left_out.len() {
        0 => String::new(),
        some => format!("; {some} left out"),
    };
    if plan.is_empty() && plan.left_out.is_empty() {
        return format!("Nothing to do: {hosts} looked at, all as the roster says.");
    }
    if plan.is_empty() {
        return format!("Nothing else to do: {hosts} looked at{left_out}.");
    }
    let sum = plan.summary();
    let removals = match plan.removals().len() {
        0 => String::new(),
        some => format!(" ({}, limit {})", count(some, "name"), plan.guards.max_removals),
    };
    format!(
        "Plan: {} to create, {} to change, {} to remove{removals}, on {} of {hosts}{left_out}.",
        sum.create, sum.update, sum.delete, sum.hosts
    )
}

/// How many hosts were looked at; directories are places, too.
fn places(plan: &Plan) -> String {
    let kind = if plan.hosts.iter().any(|host| host.directory.is_some()) { "place" } else { "host" };
    count(plan.hosts.len(), kind)
}

/// "1 host", "2 hosts".
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A change and what became of it, with all the hosts where it became so.
type Ended<'a> = (&'a Change, &'a Became, Vec<&'a str>);

/// What became of steps: one line a resource and result, with the reason where it is not as planned. What became as planned
/// is folded.
pub fn applied(applied: &[Applied], hosts: usize, extent: Extent) -> Vec<Styled> {
    let mut shared: Vec<Ended> = Vec::new();
    let mut places: HashMap<_, Vec<usize>> = HashMap::new();
    for one in applied {
        for change in &one.planned {
            let found = places.entry((&change.address, change.action)).or_default();
            match found.iter().find(|place| shared[**place].1 == &one.became) {
                Some(place) => shared[*place].2.push(&one.host),
                None => {
                    found.push(shared.len());
                    shared.push((change, &one.became, vec![&one.host]));
                }
            }
        }
    }
    let shapes: Vec<_> = shared.iter().map(|(change, became, on)| result_shape(change, became, on)).collect();
    let fates = fates(&shapes, extent);
    let shown = shared.iter().zip(&fates).filter(|(_, fate)| **fate == Fate::Shown);
    let column = shown.map(|((change, ..), _)| width(&change.address.to_string())).max().unwrap_or(0);
    let mut lines = Vec::new();
    for ((change, became, on), fate) in shared.iter().zip(fates) {
        let on = name_hosts(on, hosts);
        match fate {
            Fate::Hidden => {}
            Fate::Shown => lines.extend(result_lines(change, became, &on, column)),
            Fate::Folded(rest) => {
                let (mark, style) = mark(change.action);
                let says = rest.says(&change.address.kind, &change.address.name, &shared[rest.last].0.address.name);
                let title = Styled::from("  ").styled(style, format!("{mark} {says}"));
                lines.push(title.text(format!("  {} on {on}", done(change.action))));
            }
        }
    }
    lines
}

/// What became as planned is like others of its kind, unless it is gone.
fn result_shape(change: &Change, became: &Became, on: &[&str]) -> Option<String> {
    let may_fold = *became == Became::Done && change.action != Action::Delete;
    may_fold.then(|| format!("{} {:?} {}", change.address.kind, change.action, on.join(",")))
}

fn result_lines(change: &Change, became: &Became, on: &str, column: usize) -> Vec<Styled> {
    let title = pad(&change.address.to_string(), column);
    let told = |style: Style, mark: char, says: &str| {
        Styled::from("  ").styled(style, format!("{mark} {title}")).text(format!("  {says} on {on}"))
    };
    let warned = |says: &str, reasons: Vec<Styled>| {
        let reasons = reasons.into_iter().map(|line| line.indented(6));
        std::iter::once(told(Style::Failed, '!', says)).chain(reasons).collect()
    };
    let lines = |why: &str| why.lines().map(Styled::from).collect();
    match became {
        Became::Done => {
            let (mark, style) = mark(change.action);
            vec![told(style, mark, done(change.action))]
        }
        Became::Failed { why } => warned("failed", lines(why)),
        Became::NotTried { why } => warned("left out", lines(why)),
        Became::Otherwise { changes } => warned("ran, and did not do what was planned,", really(change, changes)),
    }
}

/// What was planned and what was done instead.
fn really(planned: &Change, changes: &[Change]) -> Vec<Styled> {
    let shown = |says: &str, change: &Change| {
        let (mark, _) = mark(change.action);
        let title = format!("{says} {mark} {}", change.address);
        std::iter::once(Styled::from(title))
            .chain(fields(change).into_iter().map(|line| line.indented(4)))
            .collect::<Vec<_>>()
    };
    let done: Vec<_> = changes.iter().flat_map(|change| shown("done:   ", change)).collect();
    if done.is_empty() {
        vec!["nothing was changed: it was so already".into()]
    } else {
        shown("planned:", planned).into_iter().chain(done).collect()
    }
}

/// The last line of an apply, in the plan's measure: a change of one resource on one host.
pub fn applied_summary(applied: &[Applied], plan: &Plan) -> String {
    let done = |action: Action| {
        let done = applied.iter().filter(|one| one.became == Became::Done);
        done.flat_map(|one| &one.planned).filter(|change| change.action == action).count()
    };
    let rest = |is: fn(&Became) -> bool, says: &str| {
        let count: usize = applied.iter().filter(|one| is(&one.became)).map(|one| one.planned.len()).sum();
        if count == 0 { String::new() } else { format!(", {count} {says}") }
    };
    if applied.is_empty() {
        let left_out = if plan.left_out.is_empty() { ", all as when the plan was made" } else { "" };
        return format!("Nothing to do: {} looked at again{left_out}.", places(plan));
    }
    format!(
        "Applied: {} created, {} changed, {} removed{}{}{}.",
        done(Action::Create),
        done(Action::Update),
        done(Action::Delete),
        rest(|became| matches!(became, Became::Otherwise { .. }), "not as planned"),
        rest(|became| matches!(became, Became::Failed { .. } | Became::NotTried { .. }), "failed or left out"),
        if plan.left_out.is_empty() { String::new() } else { format!("; {} not in the plan", plan.left_out.len()) },
    )
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "changed",
        Action::Delete => "removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::styled::joined;
    use control::plan::{FORMAT, HostPlan, RosterMark, Step};
    use control::roster::guards::Settings;
    use expect_test::expect;
    use words::value::Map;

    fn step(phase: Phase, change: Change) -> Step {
        Step { phase, module: "user".into(), args: Map::new(), changes: vec![change] }
    }

    fn example() -> Plan {
        let group = || Change::new(Action::Create, "group", "ai_team").field("gid", Value::Null, 3001);
        let user = |shell: &str| {
            let user = Change::new(Action::Update, "user", "gildong").field("comment", "홍", "홍길동");
            user.field("shell", shell, "/bin/bash").opaque("password", "changed")
        };
        let keys = "/home/gildong/.ssh/authorized_keys";
        let key = Change::new(Action::Update, "authorized_key", "gildong").text(
            keys,
            Some("a\n".into()),
            Some("a\nb\n".into()),
        );
        let gone = Change::new(Action::Delete, "user", "dooly").field("uid", 2002, Value::Null);
        let host = |host: &str, steps| HostPlan { host: host.into(), observed: String::new(), steps, directory: None };
        let accounts = Phase::Accounts;
        Plan {
            format: FORMAT,
            enlist: String::new(),
            created: String::new(),
            site: "reference".into(),
            roster: RosterMark { file: "roster.yml".into(), digest: String::new(), users: 1 },
            inventory: Vec::new(),
            guards: Settings::default(),
            at: None,
            left_out: Vec::new(),
            hosts: vec![
                host("login1", vec![step(accounts, group()), step(accounts, user("/bin/sh")), step(accounts, key)]),
                host(
                    "login2",
                    vec![step(accounts, group()), step(accounts, user("")), step(Phase::AccountRemovals, gone)],
                ),
            ],
        }
    }

    #[test]
    fn the_same_change_is_shown_once() {
        expect![[r#"
            Accounts on hosts
              + group ai_team           on all 2 hosts
                  gid  3001
              ~ user gildong            on login1
                  comment   홍 → 홍길동
                  shell     /bin/sh → /bin/bash
                  password  (changed)
              ~ authorized_key gildong  on login1
                  /home/gildong/.ssh/authorized_keys
                  + b
              ~ user gildong            on login2
                  comment   홍 → 홍길동
                  shell     (empty) → /bin/bash
                  password  (changed)

            Removals from hosts
              - user dooly  on login2
                  uid  2002

            Plan: 2 to create, 3 to change, 1 to remove (1 name, limit 3), on 2 of 2 hosts."#]]
        .assert_eq(&joined(&plan(&example(), Extent::Folded)));
    }

    /// `many` people with a key each, and one with another shell, on two hosts; and as many removed.
    fn crowd(many: usize) -> Plan {
        let named = |name: &str| Map::from_iter([("name".to_owned(), Value::from(name))]);
        let person = |number: usize| {
            let (name, shell) = (format!("kim{number:04}"), if number == 22 { "/bin/zsh" } else { "/bin/bash" });
            let user = Change::new(Action::Create, "user", &name).field("uid", Value::Null, 10_000 + number as i64);
            Step { args: named(&name), ..step(Phase::Accounts, user.field("shell", Value::Null, shell)) }
        };
        let key = |number: usize| {
            let file = format!("/home/kim{number:04}/.ssh/authorized_keys");
            let text = Some(format!("ssh-ed25519 AAAA{number}\n"));
            let change = Change::new(Action::Create, "authorized_key", &file).text(&file, None, text);
            Step { args: named(&format!("kim{number:04}")), ..step(Phase::Accounts, change) }
        };
        let gone =
            |number: usize| step(Phase::AccountRemovals, Change::new(Action::Delete, "user", format!("gone{number}")));
        let mut plan = example();
        for host in &mut plan.hosts {
            host.steps = (0..many).map(person).chain((0..many).map(key)).chain((0..many).map(gone)).collect();
        }
        plan
    }

    #[test]
    fn many_people_who_are_alike_are_folded_and_all_says_each() {
        let folded = joined(&plan(&crowd(5000), Extent::Folded));
        let users = "\n  + 4,979 more users like these: kim0020…kim4999 (--all shows them)  on all 2 hosts\n";
        let keys = "\n  + 4,980 more authorized_keys like these: kim0020…kim4999 (--all shows them)  on all 2 hosts\n";
        assert!(folded.contains(users) && folded.contains(keys), "{folded}");
        assert!(folded.contains("+ user kim0022 ") && !folded.contains("+ user kim0021 "), "another shell is shown");
        assert!(folded.contains("- user gone4999 "), "who is removed is named");
        let whole = joined(&plan(&crowd(5000), Extent::Whole));
        assert!(whole.contains("+ user kim4998 ") && !whole.contains("like these"));
    }

    #[test]
    fn what_became_of_many_is_folded_and_what_failed_is_not() {
        let crowd = crowd(100);
        let steps = crowd.hosts[0].steps.iter().filter(|step| step.phase == Phase::Accounts);
        let became = |number: usize| match number {
            50 => Became::Failed { why: "the disk is full".into() },
            _ => Became::Done,
        };
        let result = |(number, step): (usize, &Step)| Applied {
            host: "login1".into(),
            phase: step.phase,
            planned: step.changes.clone(),
            became: became(number),
            warnings: Vec::new(),
        };
        let results: Vec<_> = steps.enumerate().map(result).collect();
        let folded = joined(&applied(&results, 2, Extent::Folded));
        let more = "+ 79 more users like these: kim0020…kim0099 (--all shows them)  created on login1\n";
        assert!(folded.contains(more) && folded.contains("failed on login1\n      the disk is full"), "{folded}");
        assert!(joined(&applied(&results, 2, Extent::Whole)).contains("+ user kim0099 "));
    }

    #[test]
    fn nothing_to_do_is_said() {
        let mut empty = example();
        empty.hosts.iter_mut().for_each(|host| host.steps.clear());
        assert_eq!(joined(&plan(&empty, Extent::Folded)), "Nothing to do: 2 hosts looked at, all as the roster says.");
        let again = "Nothing to do: 2 hosts looked at again, all as when the plan was made.";
        assert_eq!(applied_summary(&[], &empty), again);
    }

    #[test]
    fn what_is_left_out_is_said_once_for_each_reason() {
        let mut plan = example();
        plan.hosts.iter_mut().for_each(|host| host.steps.clear());
        let out = |host: &str, what: &str, why: &str| LeftOut {
            host: host.into(),
            what: what.into(),
            why: why.into(),
            meanwhile: Some("the login is locked".into()).filter(|_| what == "user kim"),
            todo: Some("do it".into()).filter(|_| what == "user kim"),
        };
        plan.left_out = vec![out("login1", "user kim", "busy"), out("login2", "user kim", "busy")];
        plan.left_out.extend((0..10).map(|n| out("login1", &format!("a key of u{n}"), "a link")));
        expect![[r#"
            Left out
              ! user kim on login1, login2
                  busy
                  the login is locked
                  do it
              ! a key of u0 on login1; a key of u1 on login1; a key of u2 on login1; a key of u3 on login1; a key of u4 on login1; a key of u5 on login1; a key of u6 on login1; a key of u7 on login1; and 2 more
                  a link

            Nothing else to do: 2 hosts looked at; 12 left out."#]]
        .assert_eq(&joined(&self::plan(&plan, Extent::Folded)));
    }

    #[test]
    fn results_are_grouped_and_failures_say_why() {
        let plan = example();
        let results: Vec<_> = plan
            .hosts
            .iter()
            .flat_map(|host| host.steps.iter().map(move |step| (host, step)))
            .map(|(host, step)| {
                let became = match (step.phase.removes(), host.host.as_str()) {
                    (true, _) => Became::Failed { why: "login2: user dooly: is logged in\n  = help: wait".into() },
                    (false, "login2") if step.changes[0].address.kind == "group" => {
                        Became::Otherwise { changes: vec![] }
                    }
                    (false, "login2") => {
                        Became::Otherwise { changes: vec![step.changes[0].clone().field("uid", 1, 2)] }
                    }
                    (false, _) => Became::Done,
                };
                let (phase, planned) = (step.phase, step.changes.clone());
                Applied { host: host.host.clone(), phase, planned, became, warnings: Vec::new() }
            })
            .collect();
        expect![[r#"
              + group ai_team           created on login1
              ~ user gildong            changed on login1
              ~ authorized_key gildong  changed on login1
              ! group ai_team           ran, and did not do what was planned, on login2
                  nothing was changed: it was so already
              ! user gildong            ran, and did not do what was planned, on login2
                  planned: ~ user gildong
                      comment   홍 → 홍길동
                      shell     (empty) → /bin/bash
                      password  (changed)
                  done:    ~ user gildong
                      comment   홍 → 홍길동
                      shell     (empty) → /bin/bash
                      password  (changed)
                      uid       1 → 2
              ! user dooly              failed on login2
                  login2: user dooly: is logged in
                    = help: wait
            Applied: 1 created, 2 changed, 0 removed, 2 not as planned, 1 failed or left out."#]]
        .assert_eq(&(joined(&applied(&results, 2, Extent::Folded)) + "\n" + &applied_summary(&results, &plan)));
    }
}
