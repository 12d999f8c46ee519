//! A session of `sacctmgr` or `sreport`: one command a line from standard input, until `exit`, `quit` or its end.

use super::prompt::Input;
use crate::cli::exit::Exit;
use crate::view::styles::{stderr, stdout};
use commands::sacctmgr::word::begins;
use std::io::{IsTerminal, stdin};

/// A program that has sessions.
pub struct Program {
    /// Its name, which prompts.
    pub name: &'static str,
    /// Words that end a session, and the shortest form of each.
    pub ends: &'static [(&'static str, usize)],
    /// Changes the options in force as a line does that was good.
    pub lasts: fn(&mut Vec<String>, &[String]),
}

/// Runs each line by `run`, which gets the options in force before the line's words, and says how it ended and whether what
/// the line sets holds from there on. `!!` is the line before once more.
pub fn session(
    program: &Program,
    mut options: Vec<String>,
    run: impl Fn(Vec<String>, &mut Input) -> (Exit, bool),
) -> Exit {
    let (mut input, mut exit, mut last) = (Input::default(), Exit::OK, String::new());
    while let Some(line) = next_line(program, &mut input) {
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
            Some(word) if program.ends.iter().any(|(end, shortest)| begins(word, end, *shortest)) => {
                if words.len() > 1 {
                    stderr().line(format!("too many arguments for keyword:{word}"));
                    exit = Exit::ERROR;
                }
                return exit;
            }
            Some(_) => {}
        }
        // The line itself is run with what it sets, so that it complains if that is wrong.
        let mut then = options.clone();
        (program.lasts)(&mut then, &words);
        let (ended, holds) = run(then.iter().chain(&words).cloned().collect(), &mut input);
        if holds {
            options = then;
        }
        if ended != Exit::OK {
            exit = ended;
        }
        last = line;
    }
    stdout().line("");
    exit
}

/// Asks for a line. What a terminal would show of it is shown without one, too, as Slurm does: a transcript of a session
/// reads the same either way.
fn next_line(program: &Program, input: &mut Input) -> Option<String> {
    stdout().text(&format!("{}: ", program.name));
    let line = input.line()?;
    if !stdin().is_terminal() {
        stdout().line(&line);
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
    fn words_of_a_line() {
        assert_eq!(words("add account a desc='x y' "), ["add", "account", "a", "desc='x y'"]);
    }
}
