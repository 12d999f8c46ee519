//! `sbcast`, pure: which file goes where on the nodes of a job, and the program that writes it there, in the words of Slurm
//! 22.05.8.

use crate::sbatch::Stop;
use std::collections::BTreeMap;
use words::text::getopt::Known;
use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};

const HELP_OPTION: char = '\u{e001}';
const USAGE_OPTION: char = '\u{e002}';
/// How it travels, which is decided otherwise here.
const IDLE: char = '\u{e003}';
const SEND_LIBS: char = '\u{e004}';

static KNOWN: Known = Known {
    program: "sbcast",
    hint: true,
    options: &[
        ("compress", 'C', Maybe),
        ("exclude", IDLE, Yes),
        ("fanout", 'F', Yes),
        ("force", 'f', No),
        ("help", HELP_OPTION, No),
        ("jobid", 'j', Yes),
        ("preserve", 'p', No),
        ("send-libs", SEND_LIBS, Maybe),
        ("size", 's', Yes),
        ("timeout", 't', Yes),
        ("treewidth", IDLE, Yes),
        ("usage", USAGE_OPTION, No),
        ("verbose", 'v', No),
        ("version", 'V', No),
    ],
};

/// Variables that sbcast heeds, with the letters of their options.
const VARIABLES: &[(&str, char)] =
    &[("SBCAST_COMPRESS", 'C'), ("SBCAST_FORCE", 'f'), ("SBCAST_PRESERVE", 'p'), ("SLURM_JOB_ID", 'j')];

/// A file, and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broadcast {
    /// The file here.
    pub from: String,
    /// Its path on the nodes.
    pub to: String,
    /// To the nodes of this job, or of a step of it, which is the same.
    pub job: u32,
    /// `--force`: a file that is there is replaced.
    pub force: bool,
    /// `--preserve`: its time and its mode are the file's here.
    pub preserve: bool,
}

fn usage(text: &str) -> Stop {
    Stop::said(1, format!("{text}\nTry \"sbcast --help\" for more information\n"))
}

fn complaint(text: &str) -> Stop {
    Stop::said(1, format!("sbcast: error: {text}\n"))
}

/// Reads a command line (without the program's name).
pub fn read(argv: &[String], environment: &BTreeMap<String, String>) -> Result<Broadcast, Stop> {
    let (mut read, mut job) = (Broadcast::default(), None);
    let of_variables = VARIABLES.iter().filter_map(|(name, letter)| Some((*letter, environment.get(*name)?.as_str())));
    let mut getopt = KNOWN.read(argv);
    let found = of_variables.map(Ok).collect::<Vec<_>>();
    for found in found.into_iter().chain(getopt.by_ref()) {
        let (letter, value) = found.map_err(|text| Stop::said(1, text))?;
        match letter {
            'f' => read.force = true,
            'p' => read.preserve = true,
            'j' => job = Some(job_id(value)?),
            SEND_LIBS => return Err(complaint("--send-libs is not there: copy the libraries one by one")),
            HELP_OPTION => return Err(Stop::told(HELP)),
            USAGE_OPTION => return Err(Stop::told("Usage: sbcast [-fp] [-j JOB] SOURCE DESTINATION\n")),
            'V' => return Err(Stop::told(crate::sreport::VERSION)),
            _ => {}
        }
    }
    let words = getopt.words();
    let [from, to] = words.as_slice() else {
        return Err(usage(&format!("Need two file names, have {} names", words.len())));
    };
    let none = "Need a job id to run this command.  Run from within a Slurm job or use the --jobid option.";
    read.job = job.ok_or_else(|| complaint(none))?;
    (read.from, read.to) = ((*from).to_owned(), (*to).to_owned());
    Ok(read)
}

fn job_id(value: &str) -> Result<u32, Stop> {
    let number = value.split(['.', '+', '_']).next().unwrap_or_default();
    let number = number.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| complaint(&format!("Invalid job id {value}")))
}

impl Broadcast {
    /// What each node runs: it writes what it reads beside the path, looks at the size, and puts it there at once. `mode` and
    /// `modified` (seconds since 1970) are those of the file here.
    pub fn program(&self, size: u64, mode: u32, modified: i64) -> Vec<String> {
        let force = if self.force { "force" } else { "" };
        let stamp = if self.preserve { modified.to_string() } else { String::new() };
        let words =
            ["/bin/sh", "-c", SCRIPT, "sbcast", &self.to, &size.to_string(), &format!("{mode:o}"), force, &stamp];
        words.map(str::to_owned).to_vec()
    }
}

/// Its arguments: path, size, mode, whether an old file goes, and the time. What it says is an error of the node's.
const SCRIPT: &str = r#"
to=$1 size=$2 mode=$3 force=$4 stamp=$5
fail() { echo "$1" >&2; exit 1; }
if [ -d "$to" ]; then fail 'Is a directory'; fi
if [ -z "$force" ] && { [ -e "$to" ] || [ -L "$to" ]; }; then fail 'File exists'; fi
umask 077
part=$(mktemp -- "$to.XXXXXXXX") || exit 1
trap 'rm -f -- "$part"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$part" || exit 1
[ "$(wc -c <"$part")" -eq "$size" ] || fail "it has not the $size bytes that were sent"
chmod "$mode" -- "$part" || exit 1
if [ -n "$stamp" ]; then touch -d "@$stamp" -- "$part" || exit 1; fi
if [ -n "$force" ]; then mv -fT -- "$part" "$to"; else ln -T -- "$part" "$to"; fi || exit 1
"#;

const HELP: &str = "\
Usage: sbcast [OPTION]... SOURCE DESTINATION
Copies a file to all nodes of a job, as the user whose job it is.
    -f, --force      replace a file that is there
    -j, --jobid=JOB  the job, where it is not the one around
    -p, --preserve   keep mode and time
    -V, --version    version
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn read_in(line: &str, variables: &[(&str, &str)]) -> Result<Broadcast, String> {
        let environment = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read(&shell_words::split(line).unwrap(), &environment).map_err(|Stop(reply)| reply.stderr)
    }

    #[test]
    fn which_file_goes_where() {
        let read = read_in("-fp a /tmp/b", &[("SLURM_JOB_ID", "17")]).unwrap();
        assert_eq!((read.job, read.force, read.preserve), (17, true, true));
        assert_eq!((read.from.as_str(), read.to.as_str()), ("a", "/tmp/b"));
        assert_eq!(read_in("-j 18.0 a b", &[("SLURM_JOB_ID", "17")]).unwrap().job, 18);
        let none = "sbcast: error: Need a job id to run this command.  Run from within a Slurm job or use the --jobid option.\n";
        assert_eq!(read_in("a b", &[]).unwrap_err(), none);
        let names = "Need two file names, have 1 names\nTry \"sbcast --help\" for more information\n";
        assert_eq!(read_in("a", &[]).unwrap_err(), names);
    }

    /// The script runs as on a node.
    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let place = std::env::temp_dir().join(format!("sbcast-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let to = place.join("to b");
        let write = |force: bool, size: u64| {
            let broadcast =
                Broadcast { to: to.to_str().unwrap().into(), force, preserve: true, ..Broadcast::default() };
            let words = broadcast.program(size, 0o640, 1_000_000_000);
            let mut child = Command::new(&words[0]);
            child.args(&words[1..]).stdin(Stdio::piped()).stderr(Stdio::piped());
            let mut child = child.spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"data\n").unwrap_or_default();
            let ended = child.wait_with_output().unwrap();
            (ended.status.success(), String::from_utf8(ended.stderr).unwrap())
        };
        assert_eq!(write(false, 4), (false, "it has not the 4 bytes that were sent\n".into()));
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "nothing is left of it");
        assert_eq!(write(false, 5), (true, String::new()));
        assert_eq!(write(false, 5), (false, "File exists\n".into()));
        assert_eq!(write(true, 5), (true, String::new()));
        let about = std::fs::metadata(&to).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::mtime(&about), 1_000_000_000);
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&about) & 0o777, 0o640);
        assert_eq!((std::fs::read(&to).unwrap(), std::fs::read_dir(&place).unwrap().count()), (b"data\n".to_vec(), 1));
        std::fs::remove_dir_all(place).unwrap();
    }
}
