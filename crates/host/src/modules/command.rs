//! `command`: runs a program, without a shell. [`Job`] is what `shell` shares with it.

use super::shared::files::expand_variables;
use crate::change::outcome::{Failure, Outcome};
use crate::engine::{Module, Verdict};
use crate::parameters;
use crate::parameters::HostPath;
use crate::system::{self, FileKind, ProgramOutput, System, SystemError};
use std::path::{Path, PathBuf};
use words::text::{glob, shlex};
use words::value::Value;

/// The module.
pub struct Command;

parameters! {
    /// Runs a program; no shell takes part, so pipes and redirections are plain text.
    pub struct CommandParameters for "command" {
        /// The command line in free form.
        _raw_params | "free_form": Option<String>,
        /// The command line.
        cmd: Option<String>,
        /// Program and arguments, one each.
        argv: Option<Vec<String>>,
        /// Cuts newlines off the end of the output.
        strip_empty_ends: bool = "yes",
        /// Expands $VAR and ~ in arguments.
        expand_argument_vars: bool = "yes",
        /// Ignored, since no shell takes part.
        executable: Option<HostPath>,
        ..job: JobParameters,
    }
    exclusive [_raw_params, cmd, argv];
    one_of [_raw_params, cmd, argv];
    free_form _raw_params;
    check_mode Partial;
}

parameters! {
    /// When a program runs, where, and what it reads.
    pub struct JobParameters {
        /// Does nothing when this is there; a pattern may be given.
        creates: Option<HostPath>,
        /// Does nothing when this is not there; a pattern may be given.
        removes: Option<HostPath>,
        /// Directory to run in.
        chdir: Option<HostPath>,
        /// What the program reads.
        stdin: Option<String>,
        /// Ends that with a newline.
        stdin_add_newline: bool = "yes",
    }
}

impl Module for Command {
    type Parameters = CommandParameters;

    fn check(&self, given: &CommandParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let mut argv = match &given.argv {
            Some(argv) => argv.clone(),
            None => shlex::split(line(&given._raw_params, &given.cmd))
                .map_err(|why| Failure::new(format!("cannot split the command: {why}")))?,
        };
        if argv.is_empty() {
            return Err(Failure::new("no command given").with("rc", 256));
        }
        if given.expand_argument_vars {
            argv = argv.iter().map(|word| expand_word(word, system)).collect::<Result<_, _>>()?;
        }
        let shown = Value::List(argv.iter().map(|word| word.as_str().into()).collect());
        let warning = given.executable.as_ref().map(|_| {
            "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module".to_owned()
        });
        Job { argv, shown, warning, strip: given.strip_empty_ends }.verdict(&given.job, system)
    }
}

/// The command line, from free form or `cmd`.
pub(super) fn line<'a>(free: &'a Option<String>, cmd: &'a Option<String>) -> &'a str {
    free.as_deref().or(cmd.as_deref()).unwrap_or_default()
}

fn expand_word(word: &str, system: &dyn System) -> Result<String, Failure> {
    if word.starts_with('~') {
        return Ok(super::shared::files::expand(word, system)?.to_string_lossy().into_owned());
    }
    Ok(expand_variables(word, &|name| system.variable(name)))
}

/// One program to run, with its conditions.
pub(super) struct Job {
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    /// The result's `cmd`.
    pub(super) shown: Value,
    /// What to warn about.
    pub(super) warning: Option<String>,
    /// Whether newlines are cut off the end of the output.
    pub(super) strip: bool,
}

impl Job {
    /// Whether `creates` and `removes` call for a run, and the run.
    pub(super) fn verdict(self, given: &JobParameters, system: &dyn System) -> Result<Verdict, Failure> {
        let chdir = given.chdir.as_ref().map(|chdir| chdir.on(system)).transpose()?;
        if let Some(directory) = &chdir
            && !matches!(system.stat(directory, true)?, Some(stat) if stat.kind == FileKind::Directory)
        {
            let shown = directory.display();
            let msg =
                format!("Unable to change directory before execution: [Errno 2] No such file or directory: b'{shown}'");
            return Err(Failure::new(msg));
        }
        if let Some(why) = needless(given, chdir.as_deref(), system)? {
            return Ok(Verdict::Satisfied(self.needless(&why, system.is_predicted())));
        }
        let command = system::Command {
            stdin: given.stdin.as_deref().map(|text| stdin(text, given.stdin_add_newline)),
            chdir,
            ..system::Command::new(&self.argv)
        };
        let has_condition = given.creates.is_some() || given.removes.is_some();
        Ok(Verdict::would(Vec::new(), move |system| {
            let started = jiff::Zoned::now();
            match system.run(&command) {
                Ok(output) => self.finish(output, started),
                Err(SystemError::Unknown(why)) => Ok(self.unknown(&why, has_condition)),
                Err(SystemError::Io { source, .. }) => Err(self.not_started(&source)),
                Err(error @ SystemError::TooMuch(_)) => Err(Failure { acted: true, ..error.into() }),
                Err(error) => Err(error.into()),
            }
        }))
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::new().with("cmd", self.shown.clone());
        outcome.warnings.extend(self.warning.clone());
        outcome
    }

    fn needless(&self, why: &str, is_predicted: bool) -> Outcome {
        let verb = if is_predicted { "Would" } else { "Did" };
        self.outcome()
            .with("rc", 0)
            .with("stdout", format!("skipped, since {}", why.replace('\'', "")))
            .with("stderr", "")
            .with("start", Value::Null)
            .with("end", Value::Null)
            .with("delta", Value::Null)
            .with("msg", format!("{verb} not run command since {why}"))
    }

    /// A dry run. With `creates` or `removes` it is certain that the command would run; without, as in Ansible, the
    /// task counts as skipped.
    fn unknown(&self, why: &str, has_condition: bool) -> Outcome {
        const MSG: &str = "Command would have run if not in check mode";
        let unknown = || Value::Unknown(why.to_owned());
        let mut outcome = self.outcome().with("msg", MSG);
        for name in ["rc", "stdout", "stderr"] {
            outcome = outcome.with(name, unknown());
        }
        outcome.skipped = (!has_condition).then(|| MSG.to_owned());
        outcome
    }

    fn finish(&self, output: ProgramOutput, started: jiff::Zoned) -> Result<Outcome, Failure> {
        let ended = jiff::Zoned::now();
        if let Some(failure) = self.too_long(&output) {
            return Err(failure);
        }
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if self.strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.into_owned() }
        };
        let msg = if output.code == 0 { "" } else { "non-zero return code" };
        let outcome = self
            .outcome()
            .with("rc", output.code)
            .with("stdout", text(&output.stdout))
            .with("stderr", text(&output.stderr))
            .with("start", timestamp(&started))
            .with("end", timestamp(&ended))
            .with("delta", delta(ended.timestamp().as_microsecond() - started.timestamp().as_microsecond()))
            .with("msg", msg);
        match output.code {
            0 => Ok(outcome),
            _ => Err(Failure { values: outcome.values, acted: true, ..Failure::new(msg) }),
        }
    }

    /// A result stays in the controller's memory for the whole run, so what a program prints has a bound. To cut it would
    /// be to tell the tasks that follow something else than was printed; so the task fails, and shows both ends.
    fn too_long(&self, output: &ProgramOutput) -> Option<Failure> {
        let is_long = |bytes: &[u8]| {
            bytes.len() > LONGEST_OUTPUT || bytes.iter().filter(|byte| **byte == b'\n').count() > MOST_LINES
        };
        if !is_long(&output.stdout) && !is_long(&output.stderr) {
            return None;
        }
        let (mib, thousand) = (LONGEST_OUTPUT >> 20, MOST_LINES / 1000);
        let msg = format!("the command printed more than a result holds: {mib} MiB and {thousand},000 lines");
        let failure = Failure::new(msg)
            .hint("it has run; let it print less, or print to a file: shell: COMMAND > FILE")
            .with("cmd", self.shown.clone())
            .with("rc", output.code)
            .with("stdout", both_ends(&output.stdout))
            .with("stderr", both_ends(&output.stderr));
        Some(Failure { acted: true, ..failure })
    }

    fn not_started(&self, source: &std::io::Error) -> Failure {
        let program = self.argv.first().map(String::as_str).unwrap_or_default();
        let number = source.raw_os_error().unwrap_or(2);
        let reason = match source.kind() {
            std::io::ErrorKind::NotFound => "No such file or directory".to_owned(),
            std::io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
            _ => source.to_string(),
        };
        let said = format!("[Errno {number}] {reason}: b'{program}'");
        Failure::new(format!("Error executing command: {said}"))
            .hint("is it installed on this host, and in the PATH of the user that the task runs as?")
            .with("cmd", self.shown.clone())
            .with("rc", number)
            .with("stdout", "")
            .with("stderr", said)
    }
}

/// How much a program may print on each stream.
const LONGEST_OUTPUT: usize = 4 << 20;

/// How many lines it may print on each stream.
const MOST_LINES: usize = 100_000;

/// How much of each end of a long output is shown.
const SHOWN: usize = 2000;

/// The beginning and the end, and how much lies between.
fn both_ends(bytes: &[u8]) -> String {
    if bytes.len() <= 2 * SHOWN {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let (head, tail) = (&bytes[..SHOWN], &bytes[bytes.len() - SHOWN..]);
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    format!("{head}\n[{} bytes left out]\n{tail}", bytes.len() - 2 * SHOWN)
}

fn stdin(text: &str, add_newline: bool) -> Vec<u8> {
    let newline = if add_newline { "\n" } else { "" };
    format!("{text}{newline}").into_bytes()
}

/// Why nothing needs to run, in Ansible's words.
fn needless(given: &JobParameters, chdir: Option<&Path>, system: &dyn System) -> Result<Option<String>, Failure> {
    if let Some(pattern) = &given.creates
        && exists(pattern, chdir, system)?
    {
        return Ok(Some(format!("'{}' exists", pattern.as_str())));
    }
    if let Some(pattern) = &given.removes
        && !exists(pattern, chdir, system)?
    {
        return Ok(Some(format!("'{}' does not exist", pattern.as_str())));
    }
    Ok(None)
}

/// Whether something fits a pattern; links that lead nowhere count, as in Python's glob.
fn exists(pattern: &HostPath, chdir: Option<&Path>, system: &dyn System) -> Result<bool, Failure> {
    let pattern = pattern.on(system)?;
    let pattern = chdir.unwrap_or(Path::new("/")).join(pattern);
    let mut found = vec![PathBuf::from("/")];
    for component in pattern.components().skip(1) {
        let name = component.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for directory in found {
            if !glob::is_pattern(&name) {
                next.push(directory.join(&*name));
                continue;
            }
            let names = system.list(&directory).unwrap_or_default();
            let fits = |candidate: &str| {
                glob::matches(&name, candidate) && (name.starts_with('.') || !candidate.starts_with('.'))
            };
            next.extend(names.iter().filter(|entry| fits(&entry.to_string_lossy())).map(|entry| directory.join(entry)));
        }
        found = next;
    }
    for path in found {
        if system.stat(&path, false)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn timestamp(at: &jiff::Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// Microseconds as Python prints a timedelta: `0:00:00.003600`.
fn delta(microseconds: i64) -> String {
    let seconds = microseconds / 1_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours}:{minutes:02}:{:02}.{:06}", seconds % 60, microseconds % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::super::shell::Shell;
    use super::*;
    use crate::engine::testing::{args, fails, is_ok, run};
    use crate::system::fake::{Effect, Fake};
    use crate::system::predicted::Predicted;
    use words::value::Map;

    fn host() -> Fake {
        let said = ProgramOutput { code: 0, stdout: b"hello\n\n".to_vec(), stderr: b"warned\n".to_vec() };
        let failed = ProgramOutput { code: 3, stdout: b"out".to_vec(), stderr: b"err".to_vec() };
        Fake::with_accounts().file("/etc/motd", "").program(["say"], said).program(["fail"], failed.clone())
    }

    fn text<'a>(values: &'a Map, name: &str) -> &'a str {
        values[name].as_str().unwrap()
    }

    #[test]
    fn a_program_runs_and_its_output_is_stripped() {
        let mut fake = host();
        let result = run(&Command, &args(&[("_raw_params", "say 'a b' $HOME |")]), &mut fake);
        let values = result.outcome.unwrap().values;
        assert!(result.changed);
        assert_eq!((text(&values, "stdout"), text(&values, "stderr")), ("hello", "warned"));
        assert_eq!((&values["rc"], text(&values, "msg")), (&Value::Int(0), ""));
        assert_eq!(fake.effects(), [Effect::Run(["say", "a b", "/root", "|"].map(Into::into).to_vec())]);
    }

    #[test]
    fn a_failure_keeps_its_output() {
        let result = run(&Command, &args(&[("cmd", "fail")]), &mut host());
        assert!(result.changed, "it has run");
        let failure = result.outcome.unwrap_err();
        assert_eq!((failure.msg.as_str(), &failure.values["rc"]), ("non-zero return code", &Value::Int(3)));
        assert_eq!((text(&failure.values, "stdout"), text(&failure.values, "stderr")), ("out", "err"));
    }

    #[test]
    fn what_is_too_long_fails_and_shows_both_ends() {
        let long = [b"begin".to_vec(), vec![b'x'; LONGEST_OUTPUT], b"end".to_vec()].concat();
        for stdout in [long, vec![b'\n'; MOST_LINES + 1]] {
            let output = ProgramOutput { code: 0, stdout, stderr: Vec::new() };
            let result = run(&Command, &args(&[("cmd", "say")]), &mut Fake::new().program(["say"], output));
            assert!(result.changed, "it has run");
            let failure = result.outcome.unwrap_err();
            assert!(failure.msg.contains("printed more than a result holds"), "{}", failure.msg);
            let shown = text(&failure.values, "stdout");
            assert!(shown.len() < 5000 && shown.contains("bytes left out"), "{shown}");
            assert!(shown.starts_with('\n') || (shown.starts_with("beginx") && shown.ends_with("xend")), "{shown}");
        }
    }

    #[test]
    fn a_missing_program_has_code_2() {
        let failure = run(&Command, &args(&[("cmd", "none")]), &mut host()).outcome.unwrap_err();
        assert_eq!(
            (&failure.values["rc"], text(&failure.values, "stderr")),
            (&Value::Int(2), "[Errno 2] No such file or directory: b'none'")
        );
    }

    #[test]
    fn creates_and_removes_are_tested_after_chdir() {
        let given = args(&[("cmd", "say"), ("chdir", "/etc"), ("creates", "mo*")]);
        let outcome = is_ok(&Command, &given, &mut host());
        assert_eq!(text(&outcome.values, "msg"), "Did not run command since 'mo*' exists");
        assert_eq!(text(&outcome.values, "stdout"), "skipped, since mo* exists");
        let given = args(&[("cmd", "say"), ("removes", "/etc/x")]);
        is_ok(&Command, &given, &mut host());
        let given = args(&[("cmd", "say"), ("creates", "/etc/x")]);
        assert!(run(&Command, &given, &mut host()).changed);
        let given = args(&[("cmd", "say"), ("chdir", "/none")]);
        assert!(fails(&Command, &given, &mut host()).msg.starts_with("Unable to change directory"));
    }

    #[test]
    fn a_dry_run_knows_nothing_of_the_output() {
        let mut system = Predicted::new(host());
        let result = run(&Command, &args(&[("cmd", "say")]), &mut system);
        let outcome = result.outcome.unwrap();
        assert!(!result.changed);
        assert_eq!(outcome.skipped.as_deref(), Some("Command would have run if not in check mode"));
        assert!(["rc", "stdout", "stderr"].iter().all(|name| matches!(outcome.values[*name], Value::Unknown(_))));
        let result = run(&Command, &args(&[("cmd", "say"), ("creates", "/x")]), &mut system);
        assert!(result.changed && result.outcome.unwrap().skipped.is_none());
    }

    #[test]
    fn exactly_one_command_is_wanted() {
        let none = fails(&Command, &args(&[("chdir", "/")]), &mut host());
        assert_eq!(none.msg, "one of the following is required: _raw_params, cmd, argv");
        let open = fails(&Command, &args(&[("cmd", "say 'x")]), &mut host());
        assert!(open.msg.contains("No closing quotation"));
        assert_eq!(fails(&Command, &args(&[("cmd", " ")]), &mut host()).msg, "no command given");
    }

    #[test]
    fn a_shell_gets_the_whole_line() {
        let mut fake = host().program(["/bin/sh", "-c"], ProgramOutput::default());
        let result = run(&Shell, &args(&[("_raw_params", "a | b > $HOME")]), &mut fake);
        assert_eq!(text(&result.outcome.unwrap().values, "cmd"), "a | b > $HOME");
        assert_eq!(fake.effects(), [Effect::Run(["/bin/sh", "-c", "a | b > $HOME"].map(Into::into).to_vec())]);
    }

    #[test]
    fn deltas() {
        assert_eq!(delta(3_600), "0:00:00.003600");
        assert_eq!(delta(3_723_000_001), "1:02:03.000001");
    }
}
