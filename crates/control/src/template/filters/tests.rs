//! Filters, tests and lookups with odd arguments: an error is an answer, a panic is not.

use super::{FILTERS, REACHING_FILTERS, REACHING_TESTS, TESTS};
use crate::template::MapScope;
use crate::template::tests::templar;
use proptest::prelude::*;
use words::value::Map;

/// Numbers at the ends of their ranges, empty and odd texts, lists and mappings, as a template writes them.
const ODD: [&str; 32] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "1001",
    "9223372036854775807",
    "-9223372036854775807 - 1",
    "2 ** 64",
    "1.5",
    "-0.0",
    "1e308",
    "2.0 ** 2000.0",
    "''",
    "'x'",
    "'홍길동'",
    "'%d%s%'",
    "'{}'",
    "'0x1F'",
    "'a=b c=d'",
    "'\\n'",
    "'['",
    "'2030-01-01'",
    "true",
    "none",
    "[]",
    "[1, 'a', none]",
    "[[1], [2, [3]]]",
    "{}",
    "{'a': 1, 'b': [2]}",
    "omit",
];

/// What may take as long as its argument says.
const LEFT_OUT: [&str; 3] = ["password_hash", "product", "permutations"];

const LOOKUPS: [&str; 10] =
    ["sequence", "dict", "items", "flattened", "indexed_items", "together", "subelements", "varnames", "vars", "list"];

const METHODS: [&str; 22] = [
    "split",
    "rsplit",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "replace",
    "find",
    "count",
    "format",
    "splitlines",
    "strip",
    "index",
    "join",
    "get",
    "pop",
    "insert",
    "startswith",
    "partition",
    "title",
    "items",
    "removeprefix",
];

const OPERATORS: [&str; 14] =
    ["+", "-", "*", "/", "//", "%", "~", "<", ">=", "==", "in", "not in", "and", "is divisibleby"];

fn odd() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&ODD[..])
}

/// `name(odd, odd, name=odd)`, the names out of the signature or none that it has.
fn call(names: Vec<(&'static str, &'static str)>) -> impl Strategy<Value = String> {
    let name = prop::sample::select(names);
    (name, prop::collection::vec((odd(), any::<bool>()), 0..5)).prop_map(|((name, signature), args)| {
        let words = signature.split(',').skip(1).map(|word| word.trim().trim_start_matches('*'));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).chain(["nonsense"]).collect();
        let (mut given, mut named) = (Vec::new(), Vec::new());
        for (index, (value, by_name)) in args.into_iter().enumerate() {
            match words.get(index).filter(|_| by_name) {
                Some(word) => named.push(format!("{word}={value}")),
                None => given.push(value.to_owned()),
            }
        }
        given.extend(named);
        format!("{name}({})", given.join(", "))
    })
}

fn plain(names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, "")).collect()
}

fn expression() -> impl Strategy<Value = String> {
    let (pure, reaching) = (FILTERS.iter().copied().flatten(), REACHING_FILTERS.iter().copied().flatten());
    let filters = pure.map(|(name, signature, _)| (*name, *signature));
    let filters = filters.chain(reaching.map(|(name, signature, _)| (*name, *signature)));
    let filters: Vec<_> = filters.filter(|(name, _)| !LEFT_OUT.contains(name)).collect();
    let words = |names: Vec<(&'static str, &'static str)>| -> Vec<_> {
        names.into_iter().filter(|(name, _)| name.starts_with(char::is_alphabetic)).collect()
    };
    let (pure, reaching) = (TESTS.iter().copied().flatten(), REACHING_TESTS.iter().copied().flatten());
    let tests = pure.map(|(name, signature, _)| (*name, *signature));
    let tests = words(tests.chain(reaching.map(|(name, signature, _)| (*name, *signature))).collect());
    prop_oneof![
        6 => (odd(), call(filters)).prop_map(|(input, call)| format!("({input}) | {call}")),
        2 => (odd(), call(tests)).prop_map(|(input, call)| format!("({input}) is {call}")),
        2 => (odd(), call(plain(&METHODS))).prop_map(|(input, call)| format!("({input}).{call}")),
        2 => (odd(), prop::sample::select(&OPERATORS[..]), odd()).prop_map(|(a, sign, b)| format!("({a}) {sign} ({b})")),
        1 => (odd(), odd(), odd(), odd()).prop_map(|(a, b, c, d)| format!("({a})[{b}:{c}:{d}]")),
        1 => (odd(), odd()).prop_map(|(a, b)| format!("({a})[{b}]")),
        1 => (odd(), odd(), odd()).prop_map(|(a, b, c)| format!("range({a}, {b}, {c})")),
        1 => (prop::sample::select(&LOOKUPS[..]), odd(), odd()).prop_map(|(name, a, b)| format!("query('{name}', {a}, {b})")),
        1 => (odd(), odd(), odd(), odd()).prop_map(|(a, b, c, d)| {
            format!("query('sequence', start={a}, end={b}, stride={c}, format={d})")
        }),
        1 => (odd(), odd(), odd()).prop_map(|(a, b, c)| format!("query('sequence', start={a}, count={b}, stride={c})")),
    ]
}

/// `ENLIST_FUZZ_CASES` asks for more than the few seconds of a test.
fn cases() -> u32 {
    std::env::var("ENLIST_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn odd_arguments_never_panic(expression in expression()) {
        let scope = MapScope::trusted(Map::new());
        drop(templar().render_str(&format!("{{{{ {expression} }}}}"), &scope));
        drop(templar().condition(&expression.into(), &scope));
    }
}
