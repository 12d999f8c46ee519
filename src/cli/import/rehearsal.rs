//! The rehearsal of an import: each step is tried on a copy of the service's books after those before it; what is refused
//! is named, and left out if that is wanted.

use crate::cli::exit::caution;
use crate::cli::slurm::side::{self, ask};
use crate::view::styles::stdout;
use commands::migrate::Command;
use service::daemon::api::{CallerFile, Request, Response};
use std::collections::BTreeSet;
use words::diag::{Diagnostic, ErrorKind};

/// The steps that were found good so far.
pub struct Rehearsal {
    skip_bad: bool,
    /// What is to be done, in this order.
    pub steps: Vec<Command>,
    /// The dumps that the steps load.
    pub files: Vec<CallerFile>,
    /// How many rows are left out.
    pub passed_over: u64,
}

impl Rehearsal {
    /// Nothing was tried yet.
    pub fn new(skip_bad: bool) -> Self {
        Self { skip_bad, steps: Vec::new(), files: Vec::new(), passed_over: 0 }
    }

    /// Takes a command, and tells it as one would type it. Where one may be left out it is tried after the first `needs`
    /// steps; else the transaction shows whether all are good.
    pub fn command(&mut self, command: Command, needs: usize) -> Result<(), Diagnostic> {
        if self.skip_bad {
            let answer = self.answer(&command, needs)?;
            if answer.code != 0 {
                return self.pass_over(format!("{}: {}", side::typed(&command), reason(&answer)));
            }
        }
        stdout().line(side::typed(&command));
        self.steps.push(command);
        Ok(())
    }

    /// Tries to load every dump.
    pub fn dumps(&mut self, dumps: &[(String, String)]) -> Result<(), Diagnostic> {
        dumps.iter().try_for_each(|(cluster, dump)| self.dump(cluster, dump))
    }

    /// A row that is left out; an error where none may be.
    pub fn pass_over(&mut self, what: String) -> Result<(), Diagnostic> {
        if !self.skip_bad {
            let error = Diagnostic::new(ErrorKind::Input, what);
            return Err(error.note("nothing was imported").hint("--skip-bad passes over what is refused"));
        }
        caution(&format!("passed over: {what}"));
        self.passed_over += 1;
        Ok(())
    }

    /// A dump without its QOS lines (of 25.05 and later): the listing of the QOS says more. The lines keep their numbers.
    fn dump(&mut self, cluster: &str, dump: &str) -> Result<(), Diagnostic> {
        let mut lines: Vec<&str> = dump.lines().collect();
        lines.iter_mut().filter(|line| line.starts_with("QOS - ")).for_each(|line| *line = "");
        let path = format!("{cluster}.cfg");
        let load: Command = ["-i", "load", &path].map(str::to_owned).into();
        let mut left_out = BTreeSet::new();
        self.files.push(CallerFile { path: path.clone(), text: String::new(), error: None });
        loop {
            if let Some(file) = self.files.last_mut() {
                file.text = lines.iter().flat_map(|line| [*line, "\n"]).collect();
            }
            let answer = self.answer(&load, self.steps.len())?;
            if answer.code == 0 {
                if !answer.stdout.ends_with(" Nothing new added.\n") {
                    stdout().text(&answer.stdout);
                    self.steps.push(load);
                }
                return Ok(());
            }
            let why = reason(&answer);
            let number = line_number(&answer).filter(|number| left_out.insert(*number) && *number <= lines.len());
            let Some(number) = number.filter(|number| !lines[number - 1].starts_with("Cluster")) else {
                self.files.pop();
                return self.pass_over(format!("{path}: nothing of it can be loaded: {why}"));
            };
            let with_it = blank(&mut lines, number - 1);
            self.pass_over(format!("{path}:{number}: {why}"))?;
            if with_it > 0 {
                caution(&format!("and the {with_it} lines below it, which hang on that account"));
                self.passed_over += with_it;
            }
        }
    }

    /// What the service would say after the first `needs` steps.
    fn answer(&self, command: &Command, needs: usize) -> Result<Response, Diagnostic> {
        let rehearse = Some(self.steps[..needs].to_vec());
        ask(&Request { argv: command.clone(), rehearse, files: self.files.clone(), ..Request::default() })
    }
}

/// Takes a line out. What stands below a `Parent` line hangs on that account and would go to another without it: it goes
/// too. Says how many lines that were.
fn blank(lines: &mut [&str], at: usize) -> u64 {
    let is_parent = lines[at].starts_with("Parent");
    lines[at] = "";
    if !is_parent {
        return 0;
    }
    let mut gone = 0;
    for line in lines[at + 1..].iter_mut().take_while(|line| !line.starts_with("Parent")) {
        gone += u64::from(line.contains(" - "));
        *line = "";
    }
    gone
}

/// The line of a file that an answer is about: `line(12)`.
fn line_number(answer: &Response) -> Option<usize> {
    let (_, rest) = answer.stderr.split_once("line(")?;
    rest.split(')').next()?.parse().ok().filter(|number| *number > 0)
}

/// What was said against it, in one line.
fn reason(answer: &Response) -> String {
    let lines = answer.stderr.lines().map(|line| line.trim().trim_start_matches("sacctmgr: error: "));
    let said: Vec<_> =
        lines.filter(|line| !line.is_empty() && *line != "Problem with requests: Unspecified error").collect();
    if said.is_empty() { answer.stdout.trim().replace('\n', "; ") } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_on_a_parent_goes_with_it() {
        let mut lines =
            vec!["Cluster - 'c'", "Parent - 'a'", "User - 'x'", "# more", "User - 'y'", "Parent - 'b'", "User - 'z'"];
        assert_eq!(blank(&mut lines, 1), 2);
        assert_eq!(lines, ["Cluster - 'c'", "", "", "", "", "Parent - 'b'", "User - 'z'"]);
        assert_eq!(blank(&mut lines, 6), 0);
        assert_eq!(lines[5..], ["Parent - 'b'", ""]);
    }

    #[test]
    fn the_line_is_the_one_that_is_named() {
        let said = |stderr: &str| Response { stderr: stderr.to_owned(), ..Response::default() };
        assert_eq!(line_number(&said(" Bad x\n This is line(12): User - 'a'\n")), Some(12));
        assert_eq!(
            (line_number(&said("no")), line_number(&said("line(x)")), line_number(&said("line(0)"))),
            (None, None, None)
        );
        assert_eq!(reason(&said("sacctmgr: error: no\n Problem with requests: Unspecified error\n")), "no");
    }
}
