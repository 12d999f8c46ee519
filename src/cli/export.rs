//! `enlist export slurm`: everything that a real Slurm needs to take over, as files and a script that makes it so.

use super::exit::{Exit, fail};
use super::slurm::side::{self, Picture, Side};
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use commands::migrate::{self, LINES_WITHOUT_WCKEYS, QosTable};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// What is exported.
#[derive(Args)]
pub struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// QOS, clusters, accounts, users, associations, coordinators and wckeys, for a real slurmdbd (or `enlist import`)
    Slurm {
        /// Directory to write qos.txt, CLUSTER.cfg and restore.sh to
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// Read from a real Slurm through this sacctmgr instead of the built-in service
        #[arg(long, value_name = "PATH")]
        sacctmgr: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(args: ExportArgs) -> Exit {
    let What::Slurm { output, sacctmgr } = args.what;
    match export(&sacctmgr.map_or(Side::Service, Side::Program), &output) {
        Ok(clusters) => {
            let output = output.display();
            stdout().line(format!("{output}: {clusters} and QOS; `sh {output}/restore.sh` there makes them"));
            Exit::OK
        }
        Err(error) => fail(&error),
    }
}

fn export(side: &Side, output: &Path) -> Result<String, Diagnostic> {
    let picture = side.picture()?;
    let script = script(&picture)?;
    picture.save(output)?;
    let path = output.join("restore.sh");
    let cannot = |error| side::unwritable(&path, &error);
    std::fs::write(&path, script).map_err(cannot)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(cannot)?;
    Ok(picture.dumps.iter().map(|(cluster, _)| format!("cluster {cluster}")).collect::<Vec<_>>().join(", "))
}

/// Commands for a slurmdbd that knows nothing but `normal` yet. QOS first, since the associations name them.
fn script(picture: &Picture) -> Result<String, Diagnostic> {
    let mut script = String::from(HEAD);
    let (normal, _) = QosTable::parse("");
    let (qos, bad) = picture.qos();
    if !bad.is_empty() {
        let error = Diagnostic::new(ErrorKind::Input, "the list of QOS cannot be read, so nothing was exported");
        return Err(bad.into_iter().fold(error, Diagnostic::note));
    }
    for command in qos.commands(&normal) {
        let known = command.get(1..4).is_some_and(|words| words == ["add", "qos", "name=normal"]);
        if !known {
            let _ = writeln!(script, "{}", side::typed(&command));
        }
    }
    for (cluster, dump) in &picture.dumps {
        let (file, strip) = (shell_words::quote(cluster), shell_words::quote(LINES_WITHOUT_WCKEYS));
        let _ = writeln!(script, "sed -E {strip} {file}.cfg >\"$work/load.cfg\"");
        let _ = writeln!(script, "sacctmgr -i load \"$work/load.cfg\" clean");
        for command in migrate::wckeys(dump) {
            let _ = writeln!(script, "{}", side::typed(&command));
        }
    }
    for command in migrate::thresholds(&picture.thresholds, "") {
        let _ = writeln!(script, "{}", side::typed(&command));
    }
    Ok(script)
}

const HEAD: &str = "\
#!/bin/sh
# Makes on a fresh slurmdbd what `enlist export slurm` found. TRES such as gres/gpu must be in AccountingStorageTRES there.
# Each cluster is flushed first (`load … clean`), so this can be run again.
set -eu
cd \"$(dirname \"$0\")\"
work=$(mktemp -d)
trap 'rm -rf \"$work\"' EXIT
";
