use super::*;

fn vars(json: &str) -> Arc<dyn Scope> {
    let Ok(Value::Map(map)) = Value::from_json(json) else { panic!("no JSON object: {json}") };
    MapScope::trusted(map)
}

fn render(text: &str, json: &str) -> Result<Value, String> {
    Templar::new().render_str(text, &vars(json)).map_err(|error| error.to_string())
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
    assert_eq!(Templar::new().render_str("{{ out.stdout }}", &scope), Ok("{{ evil }}".into()));
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
    assert_eq!(Templar::new().render_str("{{ r.rc == 0 }}", &scope), unknown);
    assert_eq!(Templar::new().render_str("rc {{ r }}", &scope), unknown);
    assert_eq!(Templar::new().render_str("{{ r.changed }}", &scope), Ok(Value::Bool(true)));
}

#[test]
fn conditions() {
    let scope = vars(r#"{"x": 1, "names": ["a"], "cond": "x == 1"}"#);
    let holds = |condition: Value| Templar::new().condition(&condition, &scope).map(|truth| truth.holds);
    assert_eq!(holds("x == 1".into()), Ok(true));
    assert_eq!(holds(Value::Bool(false)), Ok(false));
    assert_eq!(holds("{{ cond }}".into()), Ok(true));
    assert_eq!(holds(vec!["x == 2".into(), "nope".into()].into()), Ok(false));
    assert!(holds(vec!["x == 1".into(), "nope".into()].into()).is_err());
    let truth = Templar::new().condition(&"names".into(), &scope).unwrap();
    assert_eq!((truth.holds, truth.not_boolean), (true, Some(("names".into(), "list"))));
}

#[test]
fn omit_drops_entries() {
    let value = Value::from_json(r#"{"a": "{{ omit }}", "b": ["{{ omit }}", 1], "c": "x"}"#).unwrap();
    let rendered = Templar::new().render(&value, &vars("{}")).unwrap();
    assert_eq!(rendered.to_json_line(false), r#"{"b": [1], "c": "x"}"#);
    assert_eq!(Templar::new().render_or_omit(&"{{ omit }}".into(), &vars("{}")), Ok(None));
}
