use super::fake::FakeNode;
use crate::template::{FileOptions, MapScope, Scope, Templar};
use std::sync::Arc;
use words::value::{Map, Value};

/// What expressions come to on one control node, for a playbook in `/play`.
struct Asked {
    node: Arc<FakeNode>,
    templar: Templar,
    scope: Arc<dyn Scope>,
}

impl Asked {
    fn of(node: FakeNode) -> Asked {
        let node = Arc::new(node);
        let scope = MapScope::data(Map::from_iter([("playbook_dir".to_owned(), "/play".into())]));
        Asked { templar: Templar::on(node.clone()), node, scope }
    }

    fn value(&self, expression: &str) -> Result<Value, String> {
        let text = format!("{{{{ {expression} }}}}");
        self.templar.render_str(&text, &self.scope).map_err(|error| error.to_string())
    }

    fn text(&self, expression: &str) -> String {
        self.value(expression).unwrap().to_string()
    }
}

#[test]
fn files_come_from_the_control_node() {
    let asked = Asked::of(FakeNode::with_files(&[
        ("/play/files/motd", "hello\n"),
        ("/play/a.conf", "a"),
        ("/play/b.conf", "$ANSIBLE_VAULT;1.1"),
        ("/start/local", "here"),
    ]));
    assert_eq!(asked.text("lookup('file', 'motd')"), "hello");
    assert_eq!(asked.text("lookup('file', 'local')"), "here");
    assert!(asked.value("lookup('file', '/etc/passwd')").unwrap_err().contains("no file '/etc/passwd'"));
    assert!(asked.value("lookup('file', '/play')").unwrap_err().contains("is a directory"));
    assert_eq!(asked.text("lookup('fileglob', '/play/*.conf')"), "/play/a.conf,/play/b.conf");
    assert_eq!(asked.text("lookup('first_found', ['none', 'b.conf'])"), "/play/b.conf");
    assert_eq!(asked.text("'/play/a.conf' is file and '/play' is directory and '/etc' is not exists"), "True");
    assert_eq!(asked.text("'/play/b.conf' is vaulted_file"), "True");
    assert_eq!(asked.text("'/play/a.conf' is same_file('/play/./a.conf')"), "True");
    assert_eq!(asked.text("'x/../y' | realpath"), "/start/y");
    assert_eq!(asked.text("'/start/a/b' | relpath"), "a/b");
}

#[test]
fn templates_include_from_the_control_node() {
    let asked =
        Asked::of(FakeNode::with_files(&[("/play/part.j2", "part {{ lookup('file', 'x') }}\n"), ("/play/x", "1")]));
    let file = |asked: &Asked, text: &str| {
        asked
            .templar
            .render_file("/play/main.j2", text, &asked.scope, &FileOptions::default())
            .map_err(|e| e.to_string())
    };
    let including = "{% include 'part.j2' %}, {% include '/etc/passwd' ignore missing %}.";
    assert_eq!(file(&asked, including), Ok("part 1, .".into()));
    // The same text on another control node, in the same process.
    let other = Asked::of(FakeNode::with_files(&[("/play/part.j2", "other")]));
    assert_eq!(file(&other, including), Ok("other, .".into()));
    assert!(file(&Asked::of(FakeNode::default()), including).is_err());
}

#[test]
fn environment_and_homes() {
    let variables = [("HOME", "/h/me"), ("EDITOR", "vi")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let homes = [("kim".to_owned(), "/h/kim".to_owned())];
    let asked = Asked::of(FakeNode { variables: variables.into(), homes: homes.into(), ..FakeNode::default() });
    assert_eq!(asked.text("lookup('env', 'EDITOR')"), "vi");
    assert_eq!(asked.text("lookup('env', 'PATH', default='none')"), "none");
    assert_eq!(asked.text("'$EDITOR ${HOME} $PATH' | expandvars"), "vi /h/me $PATH");
    assert_eq!(asked.text("['~/a', '~kim/b', '~root/c'] | map('expanduser') | join(' ')"), "/h/me/a /h/kim/b ~root/c");
    let down = Asked::of(FakeNode { users_are_down: true, ..FakeNode::default() });
    assert!(down.value("'~kim/b' | expanduser").unwrap_err().contains("the user 'kim' cannot be looked up"));
}

#[test]
fn programs_run_in_the_playbooks_directory() {
    let asked = Asked::of(FakeNode::default());
    assert_eq!(asked.text("lookup('pipe', 'id -u')"), "id -u\nin /play");
    assert_eq!(asked.value("query('lines', 'x')"), Ok(Value::List(vec!["x".into(), "in /play".into()])));
    assert!(asked.value("lookup('pipe', 'false')").unwrap_err().contains("`false` failed"));
}

#[test]
fn the_clock_is_the_control_nodes() {
    let asked = Asked::of(FakeNode::default());
    assert_eq!(asked.text("now()"), "2031-02-03T04:05:06");
    assert_eq!(asked.text("now(utc=true)"), "2031-02-02T19:05:06");
    assert_eq!(asked.text("now(fmt='%s')"), "1927825506");
    assert_eq!(asked.text("now().strftime('%s')"), "1927825506");
    assert_eq!(asked.text("now().timestamp() | int"), "1927825506");
    assert_eq!(asked.text("'%H:%M' | strftime"), "04:05");
    assert_eq!(asked.text("'%H:%M' | strftime(0)"), "09:00");
    assert_eq!(asked.text("'%H:%M' | strftime(0, true)"), "00:00");
}

#[test]
fn a_seed_draws_without_the_control_node() {
    let asked = Asked::of(FakeNode::default());
    assert_eq!(asked.text("range(1000) | random(seed='web1')"), asked.text("range(1000) | random(seed='web1')"));
    assert_eq!(asked.text("[3, 1, 2] | shuffle(seed='x') | sort"), "[1, 2, 3]");
    assert_eq!(asked.node.drawn.load(std::sync::atomic::Ordering::Relaxed), 0);
    // Without one, both of two nodes that give the same choose the same.
    let first = asked.text("range(1000) | random");
    assert_eq!(asked.node.drawn.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(Asked::of(FakeNode::default()).text("range(1000) | random"), first);
    assert_eq!(asked.value("lookup('random_choice', ['a'])"), Ok("a".into()));
}

#[test]
fn a_password_is_made_once() {
    let asked = Asked::of(FakeNode::with_files(&[("/play/old", "known\n"), ("/play/salted", "p salt=abc\n")]));
    assert_eq!(asked.text("lookup('password', 'old')"), "known");
    let made = asked.text("lookup('password', 'new length=12 chars=digits')");
    assert!(made.len() == 12 && made.bytes().all(|byte| byte.is_ascii_digit()), "{made}");
    assert_eq!(asked.node.file("/play/new"), Some(format!("{made}\n")));
    assert_eq!(asked.text("lookup('password', 'new')"), made);
    let hashed = asked.text("lookup('password', 'salted', encrypt='sha512_crypt')");
    assert!(hashed.starts_with("$6$rounds=656000$abc$"), "{hashed}");
    // A hash of one without salt adds it to the file, once.
    let hashed = asked.text("lookup('password', 'old', encrypt='sha512_crypt')");
    let salted = asked.node.file("/play/old").unwrap();
    assert!(salted.starts_with("known salt="), "{salted}");
    assert_eq!(asked.text("lookup('password', 'old', encrypt='sha512_crypt')"), hashed);
    assert_eq!(asked.text("lookup('password', '/dev/null length=3')").len(), 3);
    assert_eq!(asked.node.file("/dev/null"), None);
    assert!(asked.value("lookup('password', 'none', chars='')").unwrap_err().contains("no letters"));
    assert_eq!(asked.node.file("/play/none"), None);
}
