use super::redact::Redaction;
use super::{FORMATS, Review};
use crate::view::fold::Extent;
use control::plan::{FORMAT, HostPlan, LeftOut, Phase, Plan, RosterMark, Step};
use control::roster::guards::Settings;
use expect_test::expect;
use host::change::{Action, Change};
use words::value::{Map, Value};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g kim@laptop";

fn step(phase: Phase, module: &str, args: &[(&str, &str)], change: Change) -> Step {
    let args: Map = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Step { phase, module: module.into(), args, changes: vec![change] }
}

fn person(name: &str, comment: &str) -> Vec<Step> {
    let args = [("name", name), ("comment", comment), ("state", "present")];
    let user = Change::new(Action::Create, "user", name).field("uid", Value::Null, 2001);
    let user = user.field("comment", Value::Null, comment).field("home", Value::Null, format!("/home/{name}"));
    let file = format!("/home/{name}/.ssh/authorized_keys");
    let key = Change::new(Action::Create, "authorized_key", &file).text(&file, None, Some(format!("{KEY}\n")));
    vec![
        step(Phase::Accounts, "user", &args, user),
        step(Phase::Accounts, "authorized_key", &[("user", name), ("key", KEY), ("state", "present")], key),
    ]
}

fn gone(name: &str) -> Step {
    let change = Change::new(Action::Delete, "user", name).field("uid", 2002, Value::Null);
    step(Phase::AccountRemovals, "user", &[("name", name), ("state", "absent")], change)
}

fn plan(steps: Vec<Step>) -> Plan {
    let host =
        |host: &str| HostPlan { host: host.into(), observed: String::new(), steps: steps.clone(), directory: None };
    Plan {
        format: FORMAT,
        enlist: String::new(),
        created: "2026-11-30T12:00:00Z".into(),
        site: "ref".into(),
        roster: RosterMark { file: "roster.yml".into(), digest: String::new(), users: 1 },
        inventory: Vec::new(),
        guards: Settings::default(),
        hosts: vec![host("login1"), host("login2")],
        at: None,
        left_out: Vec::new(),
    }
}

fn example() -> Plan {
    let group = Change::new(Action::Create, "group", "ai").field("gid", Value::Null, 3001);
    let jobs = Change::new(Action::Update, "jobs", "dooly").field("waiting", 2, 0);
    let jobs = step(Phase::SchedulerRemovals, "slurm_jobs", &[("name", "dooly"), ("jobs", "cancel")], jobs);
    let mut steps = vec![gone("dooly"), jobs];
    steps.extend(person("gildong", "홍길동"));
    steps.push(step(Phase::Accounts, "group", &[("name", "ai")], group));
    plan(steps)
}

fn written(plan: &Plan, format: &str, commands: bool) -> String {
    let format = FORMATS.iter().find(|one| one.name == format).unwrap();
    (format.write)(&Review::new(plan, Extent::Folded, commands))
}

#[test]
fn person_by_person_and_what_goes_last_with_counts() {
    expect![[r#"
        Comes and changes: 3 new, 0 changed; 1 person
          Groups, accounts and QOS
            + group ai                                           on all 2 hosts
                gid  3001
          gildong (홍길동)
            + user gildong                                       on all 2 hosts
                uid      2001
                comment  홍길동
                home     /home/gildong
            + authorized_key /home/gildong/.ssh/authorized_keys  on all 2 hosts
                /home/gildong/.ssh/authorized_keys
                + ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g kim@laptop

        Goes or is cut off: 1 removal, 1 person, 2 jobs end
          dooly
            - user dooly  on all 2 hosts
                uid  2002
            ~ jobs dooly  on all 2 hosts
                waiting  2 → 0

        Plan: 6 to create, 2 to change, 2 to remove (1 name, limit 3), on 2 of 2 hosts.
    "#]]
    .assert_eq(&written(&example(), "text", false));
}

#[test]
fn every_form_names_the_same_people_and_has_what_goes_last() {
    for format in FORMATS {
        let said = written(&example(), format.name, true);
        let (comes, goes) = (said.find("gildong").unwrap(), said.find("dooly").unwrap());
        assert!(comes < goes, "{}: {said}", format.name);
        for word in ["홍길동", "userdel dooly", "groupadd -g 3001 ai", "Goes or is cut off"] {
            assert!(said.contains(word), "{}: {word} is not in {said}", format.name);
        }
        assert!(!written(&example(), format.name, false).contains("userdel"), "{}", format.name);
    }
}

#[test]
fn many_who_are_alike_are_folded_and_removals_are_not() {
    let all: Vec<Step> = (0..5000)
        .flat_map(|n| person(&format!("kim{n:04}"), ""))
        .chain((0..40).map(|n| gone(&format!("old{n}"))))
        .collect();
    let said = written(&plan(all), "markdown", false);
    assert!(said.contains("4,980 more persons like these: kim0020…kim4999") && said.contains("old39"), "{said}");
    assert!(said.len() < 65_536, "a comment of GitHub's holds no more: {}", said.len());
    let term_ends: Vec<Step> = (0..3000).map(|n| gone(&format!("student{n}"))).collect();
    let said = written(&plan(term_ends), "markdown", true);
    assert!(said.len() < 65_536 && said.contains("3,000 removals, 3,000 people"), "{}", said.len());
    assert!(said.contains("further parts are not shown"), "{said}");
}

/// What people and hosts can make a text of, to become more than a text where it is shown.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; DROP--",
    "]]> --> <!-- &lt;script&gt;",
    "```\n# heading\n@everyone ![x](http://x)\n```",
    "````` ` ``` /close",
    "\n/assign @root\n## h",
    "[x](javascript:alert(1)) **b** |a|b|",
    "\u{202e}gnp.exe\u{1b}[2J\r\n<b>",
    "</pre></style><style>*{display:none}",
];

/// How much markup a page has.
fn signs(page: &str) -> [usize; 3] {
    ["<", ">", "=\""].map(|sign| page.matches(sign).count())
}

#[test]
fn hostile_names_stay_text_in_html() {
    for hostile in HOSTILE {
        let mut plan = plan(person("kim", hostile));
        plan.site = hostile.into();
        plan.left_out.push(LeftOut {
            host: "h".into(),
            what: hostile.into(),
            why: hostile.into(),
            meanwhile: None,
            todo: None,
        });
        let page = written(&plan, "html", true);
        let mut plain = self::plan(person("kim", "plain"));
        plain.site = "plain".into();
        plain.left_out.push(LeftOut {
            host: "h".into(),
            what: "plain".into(),
            why: "plain".into(),
            meanwhile: None,
            todo: None,
        });
        let plain = written(&plain, "html", true);
        assert_eq!(signs(&page), signs(&plain), "as much markup as for a plain name: {hostile:?}: {page}");
        let tags = |page: &str| {
            let mut names: Vec<String> = page
                .split('<')
                .skip(1)
                .map(|tag| tag.chars().take_while(char::is_ascii_alphabetic).collect())
                .collect();
            names.sort();
            names.dedup();
            names
        };
        assert_eq!(tags(&page).iter().find(|name| !tags(&plain).contains(name)), None, "{hostile:?}: {page}");
        assert!(page.matches("<style>").count() == 1 && !page.contains("javascript:alert(1)\""), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{1b}']), "{page}");
        assert!(page.contains("default-src 'none'"));
    }
}

/// By CommonMark's rule for fences: what is not in a block of code or a span, a reader's forge would obey.
fn outside_of_code(markdown: &str) -> String {
    let (mut outside, mut fence) = (String::new(), None);
    for line in markdown.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(ticks),
            None => outside.push_str(&without_spans(line)),
        }
        outside.push('\n');
    }
    assert_eq!(fence, None, "a block stays open: {markdown}");
    outside
}

fn without_spans(line: &str) -> String {
    let (mut left, mut rest) = (String::new(), line);
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].chars().take_while(|c| *c == '`').count();
        let after = &rest[at + ticks..];
        let ends = "`".repeat(ticks);
        let mut places = after.match_indices(&ends).map(|(at, _)| at);
        let closing = places.find(|end| {
            let more = after[end + ticks..].starts_with('`');
            let before = after[..*end].ends_with('`');
            !more && !before
        });
        let Some(end) = closing else { panic!("a span stays open: {line}") };
        left.push_str(&rest[..at]);
        rest = &after[end + ticks..];
    }
    left + rest
}

#[test]
fn hostile_names_stay_text_in_a_comment() {
    for hostile in HOSTILE {
        let mut plan = plan(person("kim", hostile));
        plan.site = hostile.into();
        plan.left_out.push(LeftOut {
            host: "h".into(),
            what: hostile.into(),
            why: hostile.into(),
            meanwhile: None,
            todo: None,
        });
        let outside = outside_of_code(&written(&plan, "markdown", true));
        for sign in ["<", "@", "](", "**", "/close", "/assign", "heading", "javascript"] {
            assert!(!outside.contains(sign), "{hostile:?}: {sign} is obeyed: {outside}");
        }
        let headings = outside.lines().filter(|line| line.starts_with('#')).count();
        assert_eq!(headings, 4, "{hostile:?}: {outside}");
    }
}

#[test]
fn names_keys_and_comments_are_masked_always_in_the_same_way() {
    let mut plan = example();
    let why = "/home/gildong is the home of mallory (/etc/passwd:30), says lee".to_owned();
    plan.left_out.push(LeftOut {
        host: "login1".into(),
        what: "user gildong".into(),
        why,
        meanwhile: None,
        todo: None,
    });
    let masked = |secret: &str| Redaction::new(&plan, ["lee".to_owned()], secret.into()).plan(&plan);
    for format in FORMATS {
        let said = written(&masked(""), format.name, true);
        for word in ["gildong", "dooly", "홍길동", "AAAAC3", "kim@laptop", "mallory", "lee"] {
            assert!(!said.contains(word), "{}: {word} is in {said}", format.name);
        }
        assert!(said.contains("group ai") && said.contains("login1") && said.contains("3001"), "{said}");
    }
    let (one, again, other) = (masked("a"), masked("a"), masked("b"));
    assert_eq!(one, again);
    assert_ne!(written(&one, "text", false), written(&other, "text", false), "the secret counts");
    let said = written(&one, "text", false);
    let mask = said.split_whitespace().find(|word| word.starts_with("person-")).unwrap();
    assert!(said.matches(mask).count() > 3, "what belongs together is still seen: {said}");
}

#[test]
fn a_review_is_no_plan() {
    let said = written(&example(), "json", false);
    assert!(Plan::from_json("review.json", &said).is_err());
}
