use super::*;
use crate::change::outcome::Failure;
use crate::choices;
use words::value::Value;

choices! {
    /// How loud.
    pub enum Loudness {
        /// Hardly.
        Low = "low",
        /// Very.
        High = "high",
    }
}

parameters! {
    /// Whose it is.
    struct Ownership {
        /// The owner.
        owner: Option<String>,
    }
    unread {
        /// Taken and left alone.
        label: Option<String>,
    }
}

parameters! {
    /// Rings a bell,
    /// once or twice.
    struct BellParameters for "bell" {
        /// Which
        /// bell: \1 is none.
        name | "bell" | "which-one": String,
        /// A word of Rust.
        r#type: Option<String>,
        /// How loud.
        loudness: Loudness = "low",
        /// How often.
        count: i64 = "1",
        /// In what order.
        order: Option<Vec<String>>,
        /// Another order.
        sequence: Option<Vec<String>>,
        /// The code of its box.
        code: Option<GivenSecret>,
        ..ownership: Ownership,
    }
    unread {
        /// Ignored.
        colour: bool = "no",
    }
    exclusive [order, sequence];
    one_of [order, sequence, count];
    free_form name;
    check_mode Partial;
    facts "bell_";
}

fn read(json: &str) -> Result<BellParameters, Failure> {
    let Ok(Value::Map(map)) = Value::from_json(json) else { panic!("{json}") };
    BellParameters::read(&map)
}

fn msg(json: &str) -> String {
    read(json).unwrap_err().msg
}

#[test]
fn the_table_has_a_row_for_each_field_and_group_and_what_is_not_read() {
    let spec = BellParameters::SPEC;
    assert_eq!((spec.name, spec.summary), ("bell", "Rings a bell, once or twice."));
    let names: Vec<_> = spec.params.iter().map(|param| param.name).collect();
    let all = ["name", "type", "loudness", "count", "order", "sequence", "code", "owner", "label", "colour"];
    assert_eq!(names, all);
    let [name, r#type, loudness, count, order, ..] = spec.params else { panic!() };
    assert_eq!((name.aliases, name.help), (&["bell", "which-one"][..], "Which bell: \\1 is none."));
    assert_eq!((name.kind, name.required, r#type.required), (ParameterKind::Str, true, false));
    assert_eq!((loudness.choices, loudness.default, loudness.required), (&["low", "high"][..], Some("low"), false));
    assert_eq!((count.kind, order.kind), (ParameterKind::Int, ParameterKind::List));
    assert!(spec.param("code").is_some_and(|code| code.no_log) && !name.no_log);
    assert_eq!((spec.exclusive, spec.free_form), (&[&["order", "sequence"][..]][..], Some("name")));
    assert_eq!((spec.one_of[0].len(), spec.check_mode, spec.facts), (3, CheckMode::Partial, &["bell_"][..]));
}

#[test]
fn a_struct_holds_what_was_given_and_defaults() {
    let bell = read(r#"{"which-one": 7, "type": "x", "loudness": "high", "order": "a, b", "owner": null}"#).unwrap();
    assert_eq!((bell.name.as_str(), bell.r#type.as_deref()), ("7", Some("x")));
    assert_eq!((bell.loudness, bell.loudness.word(), bell.count), (Loudness::High, "high", 1));
    assert_eq!((bell.order.unwrap(), bell.sequence, bell.ownership.owner), (vec!["a".into(), "b".into()], None, None));
}

#[test]
fn what_is_wrong_is_told_in_this_order() {
    let known = "code, colour, count, label, loudness, name, order, owner, sequence, type";
    assert_eq!(
        msg(r#"{"nme": 1}"#),
        format!("Unsupported parameters for (bell) module: nme. Supported parameters include: {known}.")
    );
    assert_eq!(msg(r#"{"loudness": "mid"}"#), "value of loudness must be one of: low, high, got: mid");
    assert!(
        msg(r#"{"count": "many"}"#).starts_with("argument 'count' is of type str and we were unable to convert to int")
    );
    assert_eq!(msg(r#"{"order": "a", "sequence": "b"}"#), "missing required arguments: name");
    assert_eq!(
        msg(r#"{"name": "a", "order": "a", "sequence": "b"}"#),
        "parameters are mutually exclusive: order|sequence"
    );
}

#[test]
fn a_secret_is_in_no_message() {
    let bell = read(r#"{"name": "a", "code": "4711"}"#).unwrap();
    assert_eq!(bell.code.as_ref().map(GivenSecret::reveal), Some("4711"));
    assert!(!format!("{bell:?}").contains("4711"));
}
