use super::control_node::fake::FakeNode;
use super::*;
use crate::local_node::LocalNode;

/// On a control node that has nothing.
pub(super) fn templar() -> Templar {
    Templar::on(Arc::new(FakeNode::default()))
}

fn vars(json: &str) -> Arc<dyn Scope> {
    let Ok(Value::Map(map)) = Value::from_json(json) else { panic!("no JSON object: {json}") };
    MapScope::trusted(map)
}

fn render(text: &str, json: &str) -> Result<Value, String> {
    templar().render_str(text, &vars(json)).map_err(|error| error.to_string())
}

#[test]
fn a_sole_expression_keeps_its_type() {
    assert_eq!(render("{{ 2001 }}", "{}"), Ok(Value::Int(2001)));
    assert_eq!(render("{{ '2001' }}", "{}"), Ok(Value::from("2001")));
    assert_eq!(render("{{ x }}", r#"{"x": [1, "a"]}"#), Ok(Value::List(vec![Value::Int(1), "a".into()])));
    assert_eq!(render("x: {{ x }}", r#"{"x": [1, "a", true, null]}"#), Ok("x: [1, 'a', True, None]".into()));
    assert_eq!(render("그룹 생성 (GID: {{ gid }})", r#"{"gid": 3001}"#), Ok("그룹 생성 (GID: 3001)".into()));
}

#[test]
fn a_block_that_prints_one_value_is_that_value() {
    assert_eq!(render("{% if x %}{{ x }}{% endif %}", r#"{"x": 5}"#), Ok(Value::Int(5)));
    assert_eq!(render("{% if x %} {{ x }}{% endif %}", r#"{"x": 5}"#), Ok(" 5".into()));
}

#[test]
fn variables_are_evaluated_when_used() {
    let json = r#"{"a": "{{ b }}/x", "b": "{{ c.d[0] }}", "c": {"d": ["{{ e }}"], "self": "{{ c.d }}"}, "e": "E", "bad": "{{ nope }}"}"#;
    assert_eq!(render("{{ a }}", json), Ok("E/x".into()));
    assert_eq!(render("{{ c.self }}", json), Ok(Value::List(vec!["E".into()])));
    assert_eq!(render("{{ bad }}", json), Err("'nope' is undefined (in the value of 'bad')".into()));
}

#[test]
fn data_is_never_evaluated() {
    let Ok(Value::Map(map)) = Value::from_json(r#"{"out": {"stdout": "{{ evil }}"}}"#) else { panic!() };
    let scope = MapScope::data(map);
    assert_eq!(templar().render_str("{{ out.stdout }}", &scope), Ok("{{ evil }}".into()));
}

#[test]
fn endless_variables_are_named() {
    let error = render("{{ a }}", r#"{"a": "{{ b }}", "b": "x{{ c }}", "c": "{{ a }}"}"#).unwrap_err();
    assert!(error.contains("a → b → c → a"), "{error}");
}

#[test]
fn undefined_names_come_with_a_remedy() {
    let json = r#"{"user_id": "gildong", "user": {"shell": "/bin/sh"}}"#;
    let error = |text| render(text, json).unwrap_err();
    assert_eq!(error("{{ user_ld }}"), "'user_ld' is undefined; did you mean 'user_id'?");
    assert_eq!(error("a{{ user.shel }}"), "'user.shel' is undefined; did you mean 'shell'?");
    assert_eq!(error("{{ 1 + zzz }}"), "'zzz' is undefined");
    assert_eq!(
        error("{{ user.shell.x }}"),
        "'user.shell.x' is undefined; 'user.shell' is of type str, which has no such entry"
    );
}

#[test]
fn the_unknown_spreads() {
    let result = Value::from_iter([("rc", Value::Unknown("not run".into())), ("changed", Value::Bool(true))]);
    let scope = MapScope::data(Map::from_iter([("r".to_owned(), result)]));
    let unknown = Err(TemplateError::Unknown { why: "not run".into() });
    assert_eq!(templar().render_str("{{ r.rc == 0 }}", &scope), unknown);
    assert_eq!(templar().render_str("rc {{ r }}", &scope), unknown);
    assert_eq!(templar().render_str("{{ r.changed }}", &scope), Ok(Value::Bool(true)));
}

#[test]
fn conditions() {
    let scope = vars(r#"{"x": 1, "names": ["a"], "cond": "x == 1"}"#);
    let holds = |condition: Value| templar().condition(&condition, &scope).map(|truth| truth.holds);
    assert_eq!(holds("x == 1".into()), Ok(true));
    assert_eq!(holds(Value::Bool(false)), Ok(false));
    assert_eq!(holds("{{ cond }}".into()), Ok(true));
    assert_eq!(holds(vec!["x == 2".into(), "nope".into()].into()), Ok(false));
    assert!(holds(vec!["x == 1".into(), "nope".into()].into()).is_err());
    let truth = templar().condition(&"names".into(), &scope).unwrap();
    assert_eq!((truth.holds, truth.not_boolean), (true, Some(("names".into(), "list"))));
}

/// Conditions over the text that a host printed, and over what authors wrote.
fn judge(condition: &str, printed: &str) -> Result<Truth, String> {
    let written = r#"{"cond": "x == 1", "off": "no", "wrapped": "{{ r.stdout }}", "deep": {"cond": "{{ cond }}"},
        "x": 1, "circle": "{{ circle }}", "flag": "false"}"#;
    let Ok(Value::Map(written)) = Value::from_json(written) else { panic!() };
    let result = Value::from_iter([("stdout", Value::from(printed))]);
    let local = Map::from_iter([("r".to_owned(), result)]);
    let scope: Arc<dyn Scope> = Arc::new(Both(MapScope::data(local), MapScope::trusted(written)));
    templar().condition(&condition.into(), &scope).map_err(|error| error.to_string())
}

struct Both(Arc<dyn Scope>, Arc<dyn Scope>);

impl Scope for Both {
    fn lookup(&self, name: &str) -> Option<Lookup> {
        self.0.lookup(name).or_else(|| self.1.lookup(name))
    }
    fn names(&self) -> Vec<String> {
        [self.0.names(), self.1.names()].concat()
    }
}

#[test]
fn braces_in_a_condition_are_values() {
    let holds = |condition, printed| judge(condition, printed).map(|truth| truth.holds);
    assert_eq!(holds("{{ r.stdout == 'x' }}", "x"), Ok(true));
    assert_eq!(holds("{{ r.stdout }} == 'x == x'", "x == x"), Ok(true));
    assert_eq!(holds("'{{ r.stdout }}' == 'a\\'b'", "a'b"), Ok(true));
    assert_eq!(holds("\"{{ r.stdout }}-{{ x }}\" == 'it-1'", "it"), Ok(true));
    assert_eq!(holds("'{{ r.stdout | default('y') }}' in ['x']", "x"), Ok(true));
    assert_eq!(holds("not {{ x }} and false", "x"), Ok(false));
    assert_eq!(holds("{% if x == 1 %}true{% else %}false{% endif %}", "x"), Ok(true));
    for open in ["{{ x == 1", "'{{ x' == 1", "{{ x }} == 'y", "{{ }} == 1"] {
        assert!(holds(open, "x").unwrap_err().contains("cannot be read"), "{open}");
    }
    assert!(holds("{% if x %}x == 1{% endif %}", "x").unwrap_err().contains("neither true nor false"));
}

#[test]
fn only_authors_write_conditions() {
    let holds = |condition, printed| judge(condition, printed).map(|truth| truth.holds);
    for written in ["{{ cond }}", "{{ deep.cond }}"] {
        assert_eq!(holds(written, ""), Ok(true), "{written}");
    }
    assert_eq!(holds("{{ off }}", ""), Ok(false));
    assert_eq!(holds("{{ flag }}", ""), Ok(false));
    assert!(holds("{{ circle }}", "").unwrap_err().contains("without end"));
    // A host's text is a text: its truth is that of Python, or of Ansible's words.
    for printed in ["x == 2", "nope", "{{ nope }}", "false or nope"] {
        for condition in ["{{ r.stdout }}", "{{ wrapped }}", "wrapped"] {
            assert_eq!(holds(condition, printed), Ok(true), "{condition}: {printed}");
        }
    }
    assert_eq!(holds("{{ r.stdout }}", "False"), Ok(false));
    assert_eq!(judge("{{ r.stdout }}", "x").unwrap().not_boolean, Some(("{{ r.stdout }}".into(), "str")));
}

#[test]
fn flags_are_words() {
    let scope = vars(r#"{"yes_text": "Yes", "none": null, "text": "maybe", "cond": "1 == 1"}"#);
    let flag = |flag: Value| templar().flag(&flag, &scope).map_err(|error| error.to_string());
    assert_eq!(flag(Value::Bool(true)), Ok(Some(true)));
    assert_eq!(flag("off".into()), Ok(Some(false)));
    assert_eq!(flag("{{ yes_text }}".into()), Ok(Some(true)));
    assert_eq!(flag("{{ omit }}".into()), Ok(None));
    assert_eq!(flag(Value::Null), Ok(None));
    for wrong in ["{{ text }}", "{{ cond }}", "1 == 1", "maybe"] {
        assert!(flag(wrong.into()).unwrap_err().starts_with("takes yes or no"), "{wrong}");
    }
}

/// A host that prints what stood for `omit` once prints a text.
#[test]
fn no_text_is_omit() {
    let scope = MapScope::data(Map::from_iter([("printed".to_owned(), Value::from("\u{10fffd}omit"))]));
    let render = |value: Value| templar().render_or_omit(&value, &scope);
    assert_eq!(render("{{ printed }}".into()), Ok(Some("\u{10fffd}omit".into())));
    assert_eq!(render("{{ [printed, omit] | list }}".into()), Ok(Some(vec!["\u{10fffd}omit".into()].into())));
    assert_eq!(
        render("{{ {'a': omit} | combine({'b': 1}) }}".into()),
        Ok(Some(Value::from_iter([("b", 1i64.into())])))
    );
    let printed = r#"{"__enlist_unknown__": "x"}"#;
    let read = templar().render_str(&format!("{{{{ '{printed}' | from_json }}}}"), &scope);
    assert_eq!(read.map(|value| value.to_json_line(false)), Ok(printed.into()));
}

/// `hostvars` within itself, and a variable that holds all variables.
#[test]
fn all_variables_are_data_with_an_end() {
    struct Host(Arc<dyn Scope>);
    impl Scope for Host {
        fn lookup(&self, name: &str) -> Option<Lookup> {
            match name {
                "hostvars" => Some(Lookup::Scope(Arc::new(Hosts(self.0.clone())))),
                _ => self.0.lookup(name),
            }
        }
        fn names(&self) -> Vec<String> {
            [self.0.names(), vec!["hostvars".into()]].concat()
        }
        fn own_names(&self) -> Vec<String> {
            self.0.names()
        }
    }
    struct Hosts(Arc<dyn Scope>);
    impl Scope for Hosts {
        fn lookup(&self, name: &str) -> Option<Lookup> {
            (name == "a").then(|| Lookup::Scope(Arc::new(Host(self.0.clone()))))
        }
        fn names(&self) -> Vec<String> {
            vec!["a".into()]
        }
    }
    let render = |text: &str, json: &str| {
        let scope: Arc<dyn Scope> = Arc::new(Host(vars(json)));
        templar().render_str(text, &scope).map(|value| value.to_json_line(false)).map_err(|e| e.to_string())
    };
    assert_eq!(render("{{ hostvars }}", r#"{"n": "{{ 5 }}"}"#), Ok(r#"{"a": {"n": 5}}"#.into()));
    assert_eq!(render("{{ vars }}", r#"{"n": 5}"#), Ok(r#"{"n": 5}"#.into()));
    assert_eq!(render("{{ vars | dict2items | length }}", r#"{"n": 5}"#), Ok("1".into()));
    for endless in ["{{ hostvars }}", "{{ vars }}", "{{ hostvars['a'] | to_json }}"] {
        let json = Value::from_iter([("x", endless.into())]).to_json_line(false);
        assert!(render("{{ vars }}", &json).unwrap_err().contains("without end"), "{endless}");
    }
}

#[test]
fn omit_drops_entries() {
    let value = Value::from_json(r#"{"a": "{{ omit }}", "b": ["{{ omit }}", 1], "c": "x"}"#).unwrap();
    let rendered = templar().render(&value, &vars("{}")).unwrap();
    assert_eq!(rendered.to_json_line(false), r#"{"b": [1], "c": "x"}"#);
    assert_eq!(templar().render_or_omit(&"{{ omit }}".into(), &vars("{}")), Ok(None));
}

/// What one recorded case says, and what enlist makes of it.
mod ours_and_theirs {
    use super::*;
    use crate::yaml::parse_one;
    use words::diag::Source;

    fn evaluate(case: &Value, scope: &Arc<dyn Scope>) -> Result<Value, TemplateError> {
        let templar = Templar::on(Arc::new(LocalNode::new(false)));
        let text = |key: &str| case.get(key).and_then(Value::as_str);
        let render = |text: &str| {
            let rendered = templar.render_or_omit(&text.into(), scope)?;
            rendered.ok_or_else(|| TemplateError::failed("the whole value is omitted"))
        };
        match (text("expr"), text("when")) {
            (Some(expr), _) => render(&format!("{{{{ {expr} }}}}")),
            (_, Some(when)) => templar.condition(&when.into(), scope).map(|truth| truth.holds.into()),
            _ => render(text("text").expect("a case has expr, text or when")),
        }
    }

    /// The difference, if there is one.
    fn difference(case: &Value, scope: &Arc<dyn Scope>) -> Option<String> {
        let ours = evaluate(case, scope);
        match (case.get("gives"), ours) {
            (Some(theirs), Ok(ours)) if ours == *theirs => None,
            (Some(theirs), Ok(ours)) => Some(format!("ours {} theirs {}", ours.repr(), theirs.repr())),
            (Some(theirs), Err(error)) => Some(format!("ours fails ({error}), theirs {}", theirs.repr())),
            (None, Ok(ours)) => Some(format!("ours {}, theirs fails", ours.repr())),
            (None, Err(_)) => None,
        }
    }

    fn compare(name: &str, text: &str) {
        let content = parse_one(&Source::new(name, text)).expect("valid YAML").expect("not empty").to_value();
        let Some(Value::Map(vars)) = content.get("vars").cloned() else { panic!("{name} has no vars") };
        let scope = MapScope::trusted(vars);
        let cases = content.get("cases").and_then(Value::as_list).expect("a list of cases");
        let (mut wrong, mut listed) = (Vec::new(), 0);
        for case in cases {
            let shown = ["expr", "text", "when"].iter().find_map(|key| case.get(key)).expect("a case").repr();
            match (difference(case, &scope), case.get("differs")) {
                (None, None) => {}
                (Some(_), Some(_)) => listed += 1,
                (Some(difference), None) => wrong.push(format!("{shown}: {difference}")),
                (None, Some(_)) => wrong.push(format!("{shown}: listed as a difference, but is none any more")),
            }
        }
        println!("{name}: {} of {} agree, {listed} known differences", cases.len() - wrong.len() - listed, cases.len());
        assert!(wrong.is_empty(), "{} cases of {name}:\n{}", wrong.len(), wrong.join("\n"));
    }

    macro_rules! case_files {
        ($($name:ident),*) => {$(
            #[test]
            fn $name() {
                let name = concat!(stringify!($name), ".yml");
                compare(name, include_str!(concat!("../../../../tests/cases/template/", stringify!($name), ".yml")));
            }
        )*};
    }
    case_files!(language, filters, tests, lookups);
}

#[test]
fn soft_values_do_not_hide_the_unknown() {
    let result = Value::from_iter([("stdout", Value::Unknown("not run".into()))]);
    let scope = MapScope::data(Map::from_iter([("r".to_owned(), result)]));
    let render = |text: &str| templar().render_str(text, &scope);
    let unknown = Err(TemplateError::Unknown { why: "not run".into() });
    assert_eq!(render("{{ r.stdout is defined }}"), Ok(Value::Bool(true)));
    assert_eq!(render("{{ r.stdout is undefined }}"), Ok(Value::Bool(false)));
    assert_eq!(render("{{ r.stdout | default('x') }}"), unknown);
    assert_eq!(render("{{ r.stdout | trim | default('x') }}"), unknown);
    assert_eq!(render("{{ [r] | map(attribute='stdout') | list }}"), unknown);
    assert_eq!(render("{{ r is changed }}"), Ok(Value::Bool(false)));
    assert_eq!(render("{{ r.stderr | default('x') }}"), Ok("x".into()));
}

#[test]
fn an_unknown_part_does_not_outweigh_a_false_one() {
    let scope = MapScope::data(Map::from_iter([("x".to_owned(), Value::Unknown("not run".into()))]));
    let holds = |parts: Vec<Value>| templar().condition(&parts.into(), &scope).map(|truth| truth.holds);
    assert_eq!(holds(vec!["x == 1".into(), "false".into()]), Ok(false));
    assert!(matches!(holds(vec!["x == 1".into(), "true".into()]), Err(TemplateError::Unknown { .. })));
}

#[test]
fn values_of_other_scopes_are_evaluated_there() {
    struct Hosts;
    impl Scope for Hosts {
        fn lookup(&self, name: &str) -> Option<Lookup> {
            match name {
                "hostvars" => Some(Lookup::Scope(Arc::new(Hosts))),
                "web1" => Some(Lookup::Scope(vars(r#"{"name": "web1", "url": "http://{{ name }}/"}"#))),
                "name" => Some(Lookup::Data(Arc::new("here".into()))),
                _ => None,
            }
        }
        fn names(&self) -> Vec<String> {
            vec!["web1".into()]
        }
    }
    let scope: Arc<dyn Scope> = Arc::new(Hosts);
    let render = |text: &str| templar().render_str(text, &scope);
    assert_eq!(render("{{ name }} {{ hostvars['web1'].url }}"), Ok("here http://web1/".into()));
    assert_eq!(render("{{ hostvars.web2.url | default('-') }}{{ 'web1' in hostvars }}"), Ok("-True".into()));
}

#[test]
fn template_files() {
    let scope = vars(r#"{"names": ["a", "b"], "x": "{{ y }}", "y": 1}"#);
    let file = |text: &str| {
        let file = templar().render_file("t.j2", text, &scope, &FileOptions::default());
        file.map_err(|error| error.to_string())
    };
    assert_eq!(file("{% for n in names %}\n{{ n }}\n{% endfor %}\n").as_deref(), Ok("a\nb\n"));
    assert_eq!(file("x={{ x }}\n\n").as_deref(), Ok("x=1\n\n"));
    assert_eq!(file("{{ 'a\\tb' }}\n").as_deref(), Ok("a\tb\n"));
    assert_eq!(file("{{ none }}").as_deref(), Ok(""));
    let header = "#jinja2: variable_start_string:'[%', variable_end_string:'%]', trim_blocks: False\n";
    assert_eq!(file(&format!("{header}[% x %] {{{{ x }}}}\n")).as_deref(), Ok("1 {{ x }}\n"));
    assert_eq!(file("a\n{{ nope }}\n"), Err("'nope' is undefined (in t.j2, line 2)".into()));
    assert!(file("a\n{% if %}\n").unwrap_err().ends_with(" (in t.j2, line 2)"));
    assert!(file("#jinja2: trim_blocks:False\na\n{{ nope }}\n").unwrap_err().ends_with(" (in t.j2, line 3)"));
}

#[test]
fn files_beside_the_playbook() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("templates")).unwrap();
    std::fs::write(place.path().join("templates/main.j2"), "{% include 'part.j2' %}-{{ y }}\n").unwrap();
    std::fs::write(place.path().join("templates/part.j2"), "part {{ y }}\n").unwrap();
    std::fs::write(place.path().join("users.csv"), "kim,1002\nlee,1001\n").unwrap();
    let json = Value::from_iter([("playbook_dir", place.path().to_str().unwrap().into()), ("y", Value::Int(1))]);
    let scope = MapScope::data(json.as_map().unwrap().clone());
    let render = |text: &str| {
        Templar::on(Arc::new(LocalNode::new(false))).render_str(text, &scope).map(|value| value.to_string())
    };
    assert_eq!(render("{{ lookup('template', 'main.j2') }}"), Ok("part 1-1\n".into()));
    assert_eq!(render("{{ lookup('csvfile', 'lee file=users.csv delimiter=,') }}"), Ok("1001".into()));
    let password = render("{{ lookup('password', 'secret length=8') }}").unwrap();
    assert_eq!(password.len(), 8);
    assert_eq!(render("{{ lookup('password', 'secret length=8') }}"), Ok(password.clone()));
    assert_eq!(std::fs::read_to_string(place.path().join("secret")).unwrap(), format!("{password}\n"));
    let hashed = render("{{ lookup('password', 'other length=8 encrypt=sha512_crypt') }}").unwrap();
    assert!(hashed.starts_with("$6$rounds=656000$"), "{hashed}");
    assert_eq!(render("{{ lookup('password', 'other length=8 encrypt=sha512_crypt') }}"), Ok(hashed));
}

#[test]
fn deep_chains_end_with_an_error() {
    let link = |n: usize| format!(r#""v{n}": "{{{{ v{} }}}}""#, n + 1);
    let json = format!("{{{}, \"v200\": 1}}", (0..200).map(link).collect::<Vec<_>>().join(", "));
    let error = render("{{ v0 }}", &json).unwrap_err();
    assert!(error.contains("refer to each other without end"), "{error}");
    assert_eq!(render("{{ v170 }}", &json), Ok(Value::Int(1)));
}

#[test]
fn extreme_arguments_do_not_panic() {
    let extremes = [
        "'x' | center(99999999999) | length",
        "'%99999999999.99999s' % 'x' | length",
        "'%.99999f' % 1.5 | length",
        "1.5 | round(99999999)",
        "range(-9223372036854775807, 9223372036854775807)",
        "9223372036854775807 | random(-9223372036854775807) is number",
        "query('sequence', 'start=-9223372036854775807 end=9223372036854775807')",
        "query('sequence', 'count=9223372036854775807 stride=2')",
        "query('sequence', 'start=0 end=-9223372036854775808 stride=-1')",
        "query('sequence', 'start=-9223372036854775808 count=-9223372036854775808')",
        "query('sequence', 'start=9223372036854775807 count=2')",
        "[9223372036854775807, true] | sum",
        "'홍길동' | truncate(2, true, '', 0)",
        "'%홍' % 1",
        "'홍' | win_splitdrive",
        "'abc'[::-9223372036854775807 - 1]",
        "[1] | batch(9223372036854775807, 'x')",
        "[1] | slice(9223372036854775807)",
        "[1] | to_nice_json(indent=9223372036854775807)",
        "[1] | product(repeat=9223372036854775807)",
        "[] | permutations(9223372036854775807)",
        "'x' | comment(prefix='홍길동' * 1000, prefix_count=1000000) | length",
        "('\\n' * 1000000) | indent(1000000)",
        "query('password', '/dev/null length=99999999999999')",
        "9223372036854775807 | random(start=-9223372036854775807, step=-9223372036854775807)",
        "'x'.ljust(1000000, '홍길동') | length",
        "'x' | password_hash('sha512', '홍')",
        "'홍%2' | urldecode",
        "'홍' | regex_replace('', '-')",
    ];
    for text in extremes {
        drop(render(&format!("{{{{ {text} }}}}"), "{}"));
    }
    assert_eq!(render("{{ '홍길동' | regex_replace('', '-') }}", "{}"), Ok("-홍-길-동-".into()));
}
