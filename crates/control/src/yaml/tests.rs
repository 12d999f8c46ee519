use super::*;
use expect_test::{Expect, expect};
use words::value::Map;

fn source(text: &str) -> Arc<Source> {
    Source::new("a.yml", text)
}

fn value(text: &str) -> Value {
    parse_one(&source(text)).unwrap().unwrap().to_value()
}

fn json(text: &str) -> String {
    value(text).to_json_line(false)
}

fn fails(text: &str, expected: Expect) {
    expected.assert_eq(&parse(&source(text)).unwrap_err().to_string());
}

#[test]
fn plain_scalars_are_read_as_pyyaml_reads_them() {
    let rows = [
        ("yes", "true"),
        ("On", "true"),
        ("FALSE", "false"),
        ("off", "false"),
        ("y", r#""y""#),
        ("n", r#""n""#),
        ("yEs", r#""yEs""#),
        ("", "null"),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", r#""nULL""#),
        ("0", "0"),
        ("-5", "-5"),
        ("+5", "5"),
        ("1_000", "1000"),
        ("_1", r#""_1""#),
        ("0644", "420"),
        ("-010", "-8"),
        ("08", r#""08""#),
        ("0o644", r#""0o644""#),
        ("0x1F", "31"),
        ("-0x1F", "-31"),
        ("0b1_0", "2"),
        ("0b_", r#""0b_""#),
        ("0_", "0"),
        ("12:30:45", "45045"),
        ("1:60", r#""1:60""#),
        ("0:30", r#""0:30""#),
        ("01:30", r#""01:30""#),
        ("190:20:30.15", "685230.15"),
        ("1e3", r#""1e3""#),
        ("1.0e3", r#""1.0e3""#),
        ("1.0e+3", "1000.0"),
        ("1.", "1.0"),
        (".5", "0.5"),
        ("-.5", r#""-.5""#),
        ("1_0.5_0", "10.5"),
        (".", r#"".""#),
        ("1.2.3", r#""1.2.3""#),
        ("10.0.0.1", r#""10.0.0.1""#),
        ("2026-01-02", r#""2026-01-02""#),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", r#""9223372036854775808""#),
        ("'yes'", r#""yes""#),
        ("\"0644\"", r#""0644""#),
        ("'{{ a }}'", r#""{{ a }}""#),
    ];
    for (text, expected) in rows {
        assert_eq!(json(&format!("k: {text}\n")), format!("{{\"k\": {expected}}}"), "{text}");
    }
    assert_eq!(value("k: -.inf\n").get("k"), Some(&Value::Float(f64::NEG_INFINITY)));
    assert!(matches!(value("k: .nan\n").get("k"), Some(Value::Float(n)) if n.is_nan()));
    assert_eq!(value("k: +.nan\n").get("k"), Some(&Value::from("+.nan")));
}

#[test]
fn keys_are_read_like_values_and_kept_as_text() {
    assert_eq!(json("n: 1\non: 2\n0x10: 3\n~: 4\n"), r#"{"n": 1, "True": 2, "16": 3, "None": 4}"#);
}

#[test]
fn block_scalars_and_documents() {
    assert_eq!(json("k: |\n  a\n  b"), r#"{"k": "a\nb"}"#);
    assert_eq!(json("k: >-\n  a\n  b\n"), r#"{"k": "a b"}"#);
    assert_eq!(parse_one(&source("")).unwrap(), None);
    assert_eq!(parse_one(&source("# nothing\n")).unwrap(), None);
    assert!(parse_one(&source("---\n")).unwrap().unwrap().is_null());
    assert_eq!(parse(&source("a: 1\n---\n- 2\n")).unwrap().len(), 2);
    let error = parse_one(&source("a: 1\n---\nb: 2\n")).unwrap_err();
    assert_eq!((error.place.unwrap().line, error.hints.len()), (3, 1));
}

#[test]
fn places_count_characters() {
    let root = parse_one(&source("이름: \"그룹\"\nlist:\n  - 가: 나\n")).unwrap().unwrap();
    assert_eq!(format!("{:?}", root.get("이름").unwrap().place), "a.yml:1:5");
    let item = &root.get("list").unwrap().items().unwrap()[0];
    assert_eq!(format!("{:?}", item.get("가").unwrap().place), "a.yml:3:8");
}

#[test]
fn tags() {
    let root = parse_one(&source("u: !unsafe '{{ x }}'\nl: !unsafe ['{{ y }}', z]\n"));
    let root = root.unwrap().unwrap();
    assert_eq!(root.get("u").unwrap().tag.as_deref(), Some("unsafe"));
    assert_eq!(root.get("l").unwrap().tag.as_deref(), Some("unsafe"));
    let raw = r#"{"u": "{% raw %}{{ x }}{% endraw %}", "l": ["{% raw %}{{ y }}{% endraw %}", "z"]}"#;
    assert_eq!(root.to_value().to_json_line(false), raw);
    for text in ["v: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", "$ANSIBLE_VAULT;1.1;AES256\n6162\n"] {
        assert!(parse_one(&source(text)).unwrap_err().message.contains("ansible-vault"));
    }
    assert_eq!(
        json("a: !!str 5\nb: !!str\nc: !!int '5'\nd: !!float 3\ne: !!bool 'no'\nf: ! 5\ng: !!null x\n"),
        r#"{"a": "5", "b": "", "c": 5, "d": 3.0, "e": false, "f": 5, "g": null}"#
    );
}

#[test]
fn merge_keys() {
    let text = "b: &b {x: 1, y: 2}\nc: &c {x: 3, z: 4}\nm:\n  y: 9\n  <<: *b\nl:\n  <<: [*b, *c]\nq:\n  '<<': 1\n";
    let root = value(text);
    assert_eq!(root.get("m").unwrap().to_json_line(false), r#"{"x": 1, "y": 9}"#);
    assert_eq!(root.get("l").unwrap().to_json_line(true), r#"{"x": 1, "y": 2, "z": 4}"#);
    assert_eq!(root.get("q").unwrap().to_json_line(false), r#"{"<<": 1}"#);
}

#[test]
fn duplicate_keys_warn_and_the_last_wins() {
    let parsed = read(&source("a: 1\nb: 2\na: 3\n")).unwrap();
    assert_eq!(parsed.documents[0].to_value().to_json_line(false), r#"{"a": 3, "b": 2}"#);
    expect![[r#"
        the key `a` is written twice; the last one counts
         --> a.yml:3:1
          |
        2 | b: 2
        3 | a: 3
          | ^
          = note: it is first written at a.yml:1:1
          = help: remove one of the two"#]]
    .assert_eq(&parsed.warnings[0].to_string());
    assert!(read(&source("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2\n")).unwrap().warnings.is_empty());
}

#[test]
fn bounds() {
    let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
    assert!(parse(&source(&deep)).unwrap_err().message.contains("nested more than"));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    assert!(parse(&source(&bomb)).unwrap_err().message.contains("aliases expand"));
    let mut chain = String::from("- &a0 x\n");
    for i in 1..=MAX_DEPTH {
        chain += &format!("- &a{i} [*a{}]\n", i - 1);
    }
    assert!(parse(&source(&chain)).unwrap_err().message.contains("nested more than"));
    assert!(parse(&source("&a [*a]")).unwrap_err().message.contains("inside the node"));
}

#[test]
fn unquoted_templates() {
    fails(
        "- debug:\n    msg: {{ foo }}\n",
        expect![[r#"
        a value that starts with `{` is read as a mapping
         --> a.yml:2:10
          |
        1 | - debug:
        2 |     msg: {{ foo }}
          |          ^
          = help: a value that starts with a template needs quotes: `msg: "{{ foo }}"`"#]],
    );
    fails(
        "a: {{ foo }}/{{ \"b\" }}\n",
        expect![[r#"
        a value that starts with `{` is read as a mapping
         --> a.yml:1:4
          |
        1 | a: {{ foo }}/{{ "b" }}
          |    ^
          = help: a value that starts with a template needs quotes: `a: '{{ foo }}/{{ "b" }}'`"#]],
    );
    fails(
        "- {{ foo }} bar\n",
        expect![[r#"
        a value that starts with `{` is read as a mapping
         --> a.yml:1:3
          |
        1 | - {{ foo }} bar
          |   ^
          = help: a value that starts with a template needs quotes: `- "{{ foo }} bar"`"#]],
    );
}

#[test]
fn tabs() {
    fails(
        "a:\n\tb: 1\n",
        expect![[r#"
        a tab is used for indentation
         --> a.yml:2:1
          |
        1 | a:
        2 | 	b: 1
          | ^
          = help: YAML indents with blanks only: replace the tab with blanks"#]],
    );
    fails(
        "a: b\nc: d\n\te: 1\n",
        expect![[r#"
        a tab is used for indentation
         --> a.yml:3:1
          |
        2 | c: d
        3 | 	e: 1
          | ^
          = help: YAML indents with blanks only: replace the tab with blanks"#]],
    );
}

#[test]
fn colons_and_indentation() {
    fails(
        "- name: 그룹 생성: gid\n",
        expect![[r#"
        mapping values are not allowed here
         --> a.yml:1:14
          |
        1 | - name: 그룹 생성: gid
          |                  ^
          = help: a value that holds `: ` needs quotes: `name: "그룹 생성: gid"`"#]],
    );
    fails(
        "a:b\nc: 1\n",
        expect![[r#"
        mapping values are not allowed here
         --> a.yml:2:2
          |
        1 | a:b
        2 | c: 1
          |  ^
          = help: a blank is missing after the colon in the line above: `a: b`"#]],
    );
    fails(
        "a: 1\n b: 2\n",
        expect![[r#"
        mapping values are not allowed here
         --> a.yml:2:3
          |
        1 | a: 1
        2 |  b: 2
          |   ^
          = help: check the indentation: entries of one mapping or list start in the same column"#]],
    );
    fails(
        "- hosts: all\n  tasks:\n  - a: 1\n   b: 2\n",
        expect![[r#"
        this line does not fit the mapping or list above it
         --> a.yml:4:4
          |
        3 |   - a: 1
        4 |    b: 2
          |    ^
          = help: check the indentation: entries of one mapping or list start in the same column"#]],
    );
    fails(
        "- a\nb: 1\n",
        expect![[r#"
        a list item that starts with `-` was expected
         --> a.yml:2:1
          |
        1 | - a
        2 | b: 1
          | ^
          = help: check the indentation: entries of one mapping or list start in the same column"#]],
    );
    fails(
        "a: - b\n",
        expect![[r#"
        a list cannot start on the line of its key
         --> a.yml:1:4
          |
        1 | a: - b
          |    ^
          = help: put the first `-` on a line of its own, below the key"#]],
    );
}

#[test]
fn quotes() {
    fails(
        "a: \"foo\nb: 1\n",
        expect![[r#"
        the quote that opens here is never closed
         --> a.yml:1:4
          |
        1 | a: "foo
          |    ^
          = help: add the closing quote, or quote the whole text with the other kind"#]],
    );
    fails(
        "- name: 'it's'\n",
        expect![[r#"
        there is more text after the closing quote
         --> a.yml:1:13
          |
        1 | - name: 'it's'
          |             ^
          = help: quote the whole value; inside single quotes, write a quote twice: 'it''s'"#]],
    );
    fails(
        "a: \"x\" y\n",
        expect![[r#"
        there is more text after the closing quote
         --> a.yml:1:8
          |
        1 | a: "x" y
          |        ^
          = help: quote the whole value; a value that starts with a quote must end with it"#]],
    );
    fails(
        "a: @x\n",
        expect![[r#"
        a value cannot start with '@'
         --> a.yml:1:4
          |
        1 | a: @x
          |    ^
          = help: put the value in quotes"#]],
    );
    fails(
        "a: *.log\n",
        expect![[r#"
        this alias names no anchor that is defined before it
         --> a.yml:1:4
          |
        1 | a: *.log
          |    ^
          = help: a text that starts with `*` needs quotes"#]],
    );
    fails(
        "a: \"\\d\"\n",
        expect![[r#"
        not valid YAML: while parsing a quoted scalar, found unknown escape character
         --> a.yml:1:4
          |
        1 | a: "\d"
          |    ^
          = help: in double quotes a backslash starts an escape: use single quotes, or write `\\`"#]],
    );
}

#[test]
fn brackets_tags_and_keys() {
    fails(
        "a: [1, 2\nb: 3\n",
        expect![[r#"
        not valid YAML: illegal placement of ':' indicator
         --> a.yml:2:2
          |
        1 | a: [1, 2
        2 | b: 3
          |  ^
          = help: check that every `[` and `{` is closed; a text that holds them needs quotes"#]],
    );
    fails(
        "a: [}\n",
        expect![[r#"
        not valid YAML: mismatched bracket '[' closed by '}'
         --> a.yml:1:4
          |
        1 | a: [}
          |    ^
          = help: check that every `[` and `{` is closed; a text that holds them needs quotes"#]],
    );
    fails(
        "a: !foo b\n",
        expect![[r#"
        unknown tag `!foo`
         --> a.yml:1:9
          |
        1 | a: !foo b
          |         ^
          = note: known tags are `!vault`, `!unsafe` and those of YAML itself, such as `!!str`
          = help: a text that starts with `!` needs quotes"#]],
    );
    fails(
        "? [a]\n: b\n",
        expect![[r#"
        a list cannot be the key of a mapping
         --> a.yml:1:3
          |
        1 | ? [a]
          |   ^"#]],
    );
    fails(
        "<<: 3\n",
        expect![[r#"
        `<<` merges a mapping or a list of mappings, but this is a number
         --> a.yml:1:5
          |
        1 | <<: 3
          |     ^"#]],
    );
    fails(
        "a: !!int x\n",
        expect![[r#"
        `x` cannot be read as `!!int`
         --> a.yml:1:10
          |
        1 | a: !!int x
          |          ^
          = note: tags that a scalar can have are `!!str`, `!!int`, `!!float`, `!!bool` and `!!null`"#]],
    );
    fails(
        "a: !!seq {}\n",
        expect![[r#"
        the tag `!!seq` is on a mapping
         --> a.yml:1:10
          |
        1 | a: !!seq {}
          |          ^"#]],
    );
}

#[test]
fn map_order_is_the_written_one() {
    let keys: Vec<String> = value("z: 1\na: 2\nm: 3\n").as_map().map(Map::keys).unwrap().cloned().collect();
    assert_eq!(keys, ["z", "a", "m"]);
}

proptest::proptest! {
    #[test]
    fn any_text_gives_nodes_or_an_error(text in "\\PC*") {
        let _ = parse(&source(&text)).map_err(|error| error.to_string());
    }

    #[test]
    fn any_text_of_yamls_own_marks_gives_nodes_or_an_error(text in r#"[a1가:\-\[\]{}&*!|>'"%@#,? \n\r\t~<_.\u{feff}]{0,60}"#) {
        let _ = parse(&source(&text)).map_err(|error| error.to_string());
    }

    #[test]
    fn integers_survive(number: i64) {
        proptest::prop_assert_eq!(scalar::resolve(&number.to_string()), Value::Int(number));
    }
}
