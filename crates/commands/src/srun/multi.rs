//! `--multi-prog`: a file that says which task runs what (srun(1), "MULTIPLE PROGRAM CONFIGURATION").

use crate::sbatch::{Stop, complaint};
use scheduling::request::RankedProgram;

/// One line: ranks and words; without ranks it is for all that no other line names.
struct Line {
    ranks: Option<Vec<(u32, u32)>>,
    words: Vec<String>,
}

/// A program for each of so many tasks. `%t` in a word is the task's rank, `%o` its place among those of its line.
pub fn programs(file: &str, text: &str, tasks: u32) -> Result<Vec<RankedProgram>, Stop> {
    let mut lines = Vec::new();
    for (number, text) in text.lines().enumerate() {
        let invalid = format!("Line {} of configuration file {file} invalid", number + 1);
        lines.extend(line(text).map_err(|why| crate::sbatch::lines(1, &[&why, &invalid]))?);
    }
    let one = |task: u32| {
        let (offset, words) = of_task(&lines, task)?;
        let word = |word: &String| word.replace("%t", &task.to_string()).replace("%o", &offset.to_string()).into();
        Some(RankedProgram { ranks: Some((task, task)), argv: words.iter().map(word).collect() })
    };
    let missing = |task| {
        let text = format!("Configuration file {file} invalid, no record for task id {task}");
        complaint(1, &text)
    };
    (0..tasks).map(|task| one(task).ok_or_else(|| missing(task))).collect()
}

/// What a task runs, and which of its line's it is.
fn of_task(lines: &[Line], task: u32) -> Option<(u32, &[String])> {
    let in_line = |line: &Line| {
        let mut before = 0;
        for (first, last) in line.ranks.iter().flatten() {
            if (*first..=*last).contains(&task) {
                return Some(before + task - first);
            }
            before += last - first + 1;
        }
        None
    };
    let named = lines.iter().rev().find_map(|line| Some((in_line(line)?, line.words.as_slice())));
    named.or_else(|| lines.iter().find(|line| line.ranks.is_none()).map(|line| (task, line.words.as_slice())))
}

/// Ranks, blanks, and words as a shell reads them; nothing of a blank line and of a comment.
fn line(text: &str) -> Result<Option<Line>, String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (ranks, rest) = text.split_once(char::is_whitespace).ok_or("a program is missing")?;
    let words = words(rest)?;
    if words.is_empty() {
        return Err("a program is missing".to_owned());
    }
    let ranks = if ranks == "*" {
        None
    } else {
        Some(ranks_of(ranks).ok_or(format!("Invalid task range specification ({ranks})"))?)
    };
    Ok(Some(Line { ranks, words }))
}

/// `0-3,5`
fn ranks_of(text: &str) -> Option<Vec<(u32, u32)>> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < u32::MAX).then_some((first, last))
    };
    text.split(',').map(part).collect()
}

/// Words between blanks; quotes and `\` keep blanks in them.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    match quote {
        Some(quote) => Err(format!("a {quote} does not end")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, tasks: u32) -> Result<String, String> {
        let shown = |program: &RankedProgram| {
            program.argv.iter().map(|word| word.shown().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let programs = programs("f", text, tasks).map_err(|Stop(reply)| reply.stderr)?;
        Ok(programs.iter().map(shown).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn each_task_has_its_program() {
        let text = "# who does what\n0 master 'a b'\n\n1-2,4 worker %t:%o\n* rest %t\n";
        assert_eq!(read(text, 5).unwrap(), "master a b|worker 1:0|worker 2:1|rest 3|worker 4:2");
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = "sbatch: error: Configuration file f invalid, no record for task id 1\n";
        assert_eq!(read("0 a\n2 b\n", 3).unwrap_err(), missing);
        for (text, why) in [
            ("0\n", "a program is missing\nsbatch: error: Line 1 of configuration file f invalid"),
            ("\nx a\n", "Invalid task range specification (x)\nsbatch: error: Line 2 of configuration file f invalid"),
            ("3-1 a\n", "Invalid task range specification (3-1)"),
            ("0 'a\n", "a ' does not end"),
        ] {
            assert!(read(text, 1).unwrap_err().contains(why), "{text}");
        }
    }
}
