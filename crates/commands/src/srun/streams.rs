//! Where the input of tasks comes from and where their output goes (srun(1), "IO Redirection"): what `srun` reads and writes
//! itself, and what nodes do.

use crate::sbatch::{Stop, complaint};
use scheduling::request::{StepInput, StepOutput};
use slurm::records::StepId;

/// What `srun` itself sends to tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnInput {
    /// What it reads.
    #[default]
    Standard,
    /// A file of this host.
    File(String),
    /// Nothing: the tasks have none, or it is on the nodes.
    Nothing,
}

/// Where `srun` itself writes what comes of tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnOutput {
    /// Its own stream of that kind.
    #[default]
    Standard,
    /// A file of this host, with patterns.
    File(String),
    /// Of errors: where the output goes.
    WithOutput,
}

/// Where the input comes from; what is there once for all tasks is `srun`'s to read.
pub fn input(said: Option<&str>, has_terminal: bool) -> (StepInput, OwnInput) {
    match said {
        None if has_terminal => (StepInput::StreamedTo(0), OwnInput::Standard),
        None => (StepInput::Streamed, OwnInput::Standard),
        Some("none") => (StepInput::Nothing, OwnInput::Nothing),
        Some(text) => match text.parse() {
            Ok(task) => (StepInput::StreamedTo(task), OwnInput::Standard),
            Err(_) if is_of_nodes(text) => (StepInput::File(text.into()), OwnInput::Nothing),
            Err(_) => (StepInput::Streamed, OwnInput::File(text.to_owned())),
        },
    }
}

/// Where the output goes.
pub fn output(said: Option<&str>) -> (StepOutput, OwnOutput) {
    match said {
        None => (StepOutput::Streamed, OwnOutput::Standard),
        Some("none") => (StepOutput::Nothing, OwnOutput::Standard),
        Some(text) => match text.parse() {
            Ok(task) => (StepOutput::StreamedOf(task), OwnOutput::Standard),
            Err(_) if is_of_nodes(text) => (StepOutput::File(text.into()), OwnOutput::Standard),
            Err(_) => (StepOutput::Streamed, OwnOutput::File(text.to_owned())),
        },
    }
}

/// Where errors go: into the file of the output, if there is one and nothing else was said.
pub fn error(said: Option<&str>, output: &(StepOutput, OwnOutput)) -> (StepOutput, OwnOutput) {
    match (said, output) {
        (None, (StepOutput::File(_), _)) => (StepOutput::WithOutput, OwnOutput::Standard),
        (None, (_, OwnOutput::File(_))) => (StepOutput::Streamed, OwnOutput::WithOutput),
        (Some(text), (_, OwnOutput::File(file))) if text == file => (StepOutput::Streamed, OwnOutput::WithOutput),
        _ => self::output(said),
    }
}

/// Whether a name is another for each task or node, so that nodes open it; a `\` switches patterns off.
fn is_of_nodes(name: &str) -> bool {
    let mut letters = patterns(name);
    letters.any(|(_, letter)| matches!(letter, 't' | 'n' | 'N'))
}

/// The patterns of a name, each where its `%` is.
fn patterns(name: &str) -> impl Iterator<Item = (usize, char)> {
    let is_plain = name.contains('\\');
    let mut rest = name.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, letter) = rest.next()?;
            if letter == '%' && !is_plain {
                while rest.next_if(|(_, digit)| digit.is_ascii_digit()).is_some() {}
                return Some((at, rest.next().map_or('%', |(_, letter)| letter)));
            }
        }
    })
}

/// What stands for the patterns of a name that `srun` opens.
pub struct Naming<'a> {
    /// The job.
    pub job: u32,
    /// The array and the index, where it is a task of one.
    pub array: Option<(u32, u32)>,
    /// The step.
    pub step: StepId,
    /// The job's name.
    pub name: &'a str,
    /// The user's.
    pub user: &'a str,
}

impl Naming<'_> {
    /// The name of a file (srun(1), "IO Redirection"): `%4j` has at least four digits.
    pub fn file(&self, name: &str) -> String {
        if name.contains('\\') {
            return name.replace('\\', "");
        }
        let mut made = String::new();
        let mut rest = name;
        while let Some((before, after)) = rest.split_once('%') {
            made.push_str(before);
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let width = after[..digits].parse().unwrap_or(0_usize).min(10);
            let Some(letter) = after[digits..].chars().next() else {
                made.push('%');
                rest = after;
                continue;
            };
            rest = &after[digits + letter.len_utf8()..];
            made.push_str(&self.value(letter, width).unwrap_or_else(|| format!("%{}{letter}", &after[..digits])));
        }
        made + rest
    }

    fn value(&self, letter: char, width: usize) -> Option<String> {
        let padded = |number: u32| format!("{number:0width$}");
        let step = match self.step {
            StepId::Number(number) => padded(number),
            StepId::Batch => "batch".to_owned(),
            StepId::Extern => "extern".to_owned(),
            StepId::Interactive => "interactive".to_owned(),
        };
        Some(match letter {
            '%' => "%".to_owned(),
            'A' => padded(self.array.map_or(self.job, |(job, _)| job)),
            'a' => padded(self.array.map_or(u32::MAX - 1, |(_, index)| index)),
            'J' => format!("{}.{step}", self.job),
            'j' => padded(self.job),
            's' => step,
            'u' => self.user.to_owned(),
            'x' => self.name.to_owned(),
            _ => return None,
        })
    }
}

/// A task that is named must be there.
pub fn check(tasks: u32, input: &StepInput, outputs: [&StepOutput; 2]) -> Result<(), Stop> {
    let of_input = if let StepInput::StreamedTo(task) = input { Some(*task) } else { None };
    let of_outputs = outputs.map(|output| if let StepOutput::StreamedOf(task) = output { Some(*task) } else { None });
    match of_outputs.into_iter().chain([of_input]).flatten().find(|task| *task >= tasks) {
        None => Ok(()),
        Some(task) => Err(complaint(1, &format!("there is no task {task}: the tasks are 0 to {}", tasks - 1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_opens_what() {
        assert_eq!(input(None, false), (StepInput::Streamed, OwnInput::Standard));
        assert_eq!(input(None, true), (StepInput::StreamedTo(0), OwnInput::Standard));
        assert_eq!(input(Some("2"), false), (StepInput::StreamedTo(2), OwnInput::Standard));
        assert_eq!(input(Some("in-%t"), false), (StepInput::File("in-%t".into()), OwnInput::Nothing));
        assert_eq!(input(Some("in-%j"), false), (StepInput::Streamed, OwnInput::File("in-%j".into())));
        let here = output(Some("out"));
        assert_eq!(here, (StepOutput::Streamed, OwnOutput::File("out".into())));
        assert_eq!(error(None, &here).1, OwnOutput::WithOutput);
        assert_eq!(error(Some("out"), &here).1, OwnOutput::WithOutput);
        assert_eq!(error(Some("none"), &here).0, StepOutput::Nothing);
        let there = output(Some("out-%2t"));
        assert_eq!(
            (there.0.clone(), error(None, &there).0),
            (StepOutput::File("out-%2t".into()), StepOutput::WithOutput)
        );
        assert_eq!(error(None, &output(None)), (StepOutput::Streamed, OwnOutput::Standard));
        assert_eq!(output(Some(r"a\%t")).1, OwnOutput::File(r"a\%t".into()));
    }

    #[test]
    fn names_of_files() {
        let naming = Naming { job: 17, array: Some((15, 3)), step: StepId::Number(2), name: "n", user: "kim" };
        for (name, file) in [
            ("a", "a"),
            ("%x-%4j.%s", "n-0017.2"),
            ("%J/%u", "17.2/kim"),
            ("%A_%a", "15_3"),
            ("100%%", "100%"),
            ("%q%", "%q%"),
            (r"a\%j", "a%j"),
        ] {
            assert_eq!(naming.file(name), file, "{name}");
        }
    }

    #[test]
    fn a_task_that_is_named_is_there() {
        assert!(check(2, &StepInput::StreamedTo(1), [&StepOutput::Streamed, &StepOutput::StreamedOf(1)]).is_ok());
        assert!(check(2, &StepInput::StreamedTo(2), [&StepOutput::Streamed, &StepOutput::Streamed]).is_err());
    }
}
