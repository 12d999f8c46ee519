//! A session of `sacctmgr`: one command a line from standard input, until `exit`, `quit` or its end.

use super::prompt::Input;
use crate::accounting::command::word::begins;
use crate::cli::exit::Exit;
use std::io::{IsTerminal, Write, stdin, stdout};

/// Words that stay in force until the session ends, the shortest form of each, and the option that says the same.
const LASTING: [(&str, usize, &str); 5] =
    [("associations", 3, "-s"), ("oneliner", 1, "-o"), ("quiet", 4, "-Q"), ("readonly", 4, "-r"), ("verbose", 4, "-v")];

/// Runs each line by `run`, which gets the options in force before the line's words. `!!` is the line before once more.
pub fn session(mut options: Vec<String>, run: impl Fn(Vec<String>, &mut Input) -> Exit) -> Exit {
    let (mut input, mut exit, mut last) = (Input::default(), Exit::OK, String::new());
    while let Some(line) = next_line(&mut input) {
        let line = match line.trim() {
            "!!" if last.is_empty() => {
                exit = Exit::ERROR;
                continue;
            }
            "!!" => last.clone(),
            _ => line,
        };
        let words = words(&line);
        match words.first().map(String::as_str) {
            None => continue,
            Some(comment) if comment.starts_with('#') => continue,
            Some(word) if ["exit", "quit", "\\q"].iter().any(|end| begins(word, end, end.len().min(4))) => {
                if words.len() > 1 {
                    eprintln!("too many arguments for keyword:{word}");
                    exit = Exit::ERROR;
                }
                return exit;
            }
            Some(_) => {}
        }
        let ended = run(options.iter().chain(&words).cloned().collect(), &mut input);
        match ended == Exit::OK {
            true => options.extend(lasting(&words[0])),
            false => exit = ended,
        }
        last = line;
    }
    println!();
    exit
}

fn lasting(word: &str) -> Option<String> {
    LASTING.iter().find(|(name, shortest, _)| begins(word, name, *shortest)).map(|(.., option)| option.to_string())
}

/// Asks for a line. What a terminal would show of it is shown without one, too, as sacctmgr does: a transcript of a
/// session reads the same either way.
fn next_line(input: &mut Input) -> Option<String> {
    print!("sacctmgr: ");
    let _ = stdout().flush();
    let line = input.line()?;
    if !stdin().is_terminal() {
        println!("{line}");
    }
    Some(line)
}

/// Words of a line; blanks inside quotes don't separate (the quotes stay, the service takes them off).
fn words(line: &str) -> Vec<String> {
    let mut quote = None;
    let parts = line.trim().split(|c: char| {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        c.is_whitespace() && quote.is_none()
    });
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_lasting_words() {
        assert_eq!(words("add account a desc='x y' "), ["add", "account", "a", "desc='x y'"]);
        assert_eq!(lasting("READ"), Some("-r".into()));
        assert_eq!((lasting("rea"), lasting("show")), (None, None));
    }
}
