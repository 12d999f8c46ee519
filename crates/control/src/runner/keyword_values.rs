//! What keywords and modes may hold that are written without a template, so that it can be told before the run.

use crate::playbook::model::Argument;
use crate::playbook::{Expr, Keywords, Task};
use crate::runner::preflight::has_template;
use words::diag::Diagnostic;
use words::value::Value;

/// Keywords whose written value is none of theirs.
pub fn errors(keywords: &Keywords) -> Vec<Diagnostic> {
    let flags = [
        ("become", &keywords.escalate),
        ("check_mode", &keywords.check_mode),
        ("diff", &keywords.diff),
        ("ignore_errors", &keywords.ignore_errors),
        ("ignore_unreachable", &keywords.ignore_unreachable),
        ("no_log", &keywords.no_log),
        ("any_errors_fatal", &keywords.any_errors_fatal),
        ("run_once", &keywords.run_once),
        ("delegate_facts", &keywords.delegate_facts),
    ];
    let numbers = [("port", &keywords.port), ("throttle", &keywords.throttle), ("timeout", &keywords.timeout)];
    let wrong_flags = flags.into_iter().filter_map(|(name, expr)| wrong_flag(name, expr.as_ref()?));
    let wrong_numbers = numbers.into_iter().filter_map(|(name, expr)| wrong_count(name, expr.as_ref()?));
    wrong_flags.chain(wrong_numbers).collect()
}

/// The numbers of a task that is repeated.
pub fn check_numbers(task: &Task) -> Result<(), Diagnostic> {
    let retries = task.retries.as_ref().and_then(|expr| wrong_count("retries", expr));
    let delay = task.delay.as_ref().and_then(wrong_delay);
    retries.or(delay).map_or(Ok(()), Err)
}

fn wrong_flag(name: &str, expr: &Expr) -> Option<Diagnostic> {
    let is_fine = expr.value == Value::Null || has_template(&expr.value) || expr.value.to_bool().is_some();
    (!is_fine).then(|| {
        Diagnostic::input(&expr.place, format!("`{name}` takes yes or no, and this is {}", expr.value.repr()))
            .hint("a variable needs its braces: \"{{ variable }}\"")
    })
}

fn wrong_count(name: &str, expr: &Expr) -> Option<Diagnostic> {
    let is_count = || expr.value.to_string().trim().parse::<u32>().is_ok();
    wrong_number(expr, is_count, || format!("`{name}` takes a whole number"))
}

fn wrong_delay(expr: &Expr) -> Option<Diagnostic> {
    let is_time = || expr.value.to_string().trim().parse::<f64>().is_ok_and(|seconds| seconds >= 0.0);
    wrong_number(expr, is_time, || "`delay` takes a number of seconds".to_owned())
}

fn wrong_number(expr: &Expr, is_fine: impl Fn() -> bool, takes: impl Fn() -> String) -> Option<Diagnostic> {
    let is_fine = expr.value == Value::Null || has_template(&expr.value) || is_fine();
    (!is_fine).then(|| Diagnostic::input(&expr.place, format!("{}, and this is {}", takes(), expr.value.repr())))
}

/// A `mode` such as 2775 that YAML reads as a decimal number, though it looks octal: the bits are other ones.
pub fn odd_mode(arg: &Argument) -> Option<Diagnostic> {
    let Value::Int(number) = arg.value.value else { return None };
    let written = arg.value.place.rest_of_line()?;
    let digits: String = written.chars().take_while(char::is_ascii_digit).collect();
    let meant = u32::from_str_radix(&digits, 8).ok().filter(|_| arg.name == "mode" && !digits.starts_with('0'))?;
    let bits = u32::try_from(number).ok().filter(|bits| *bits != meant)?;
    Some(
        Diagnostic::input(
            &arg.value.place,
            format!("`mode: {digits}` is a decimal number: the mode becomes {bits:04o}"),
        )
        .hint(format!("write mode: \"{digits:0>4}\"")),
    )
}
