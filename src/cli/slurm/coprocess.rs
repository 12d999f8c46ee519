//! `sacctmgr` as a coprocess: one process that carries out one command after another for an agent, which asks for it as
//! [`host::system::coprocess`] says.

use super::console::Collected;
use super::sacctmgr;
use crate::cli::exit::Exit;
use host::protocol::{receive, send};
use host::system::coprocess::{Asked, LANGUAGE, Ready, Said};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

/// Answers commands until the input ends.
pub fn serve() -> Exit {
    match converse() {
        Ok(()) => Exit::OK,
        // The agent at the other end is gone, and sees by the end of this process that there is no answer.
        Err(_) => Exit::ERROR,
    }
}

#[expect(clippy::disallowed_methods, reason = "an agent reads it, no person")]
fn converse() -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    send(&mut output, &Ready { language: LANGUAGE })?;
    while let Some(Asked { argv }) = receive(&mut input)? {
        send(&mut output, &answer(argv))?;
    }
    Ok(())
}

/// Runs one command as its own process would, up to where that needs its caller.
fn answer(argv: Vec<String>) -> Said {
    let mut console = Collected::default();
    match sacctmgr::run_apart(argv, &mut console) {
        Some(Exit(code)) => Said::Ended { code, stdout: console.stdout, stderr: console.stderr },
        None => Said::NotHere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Said {
        answer(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn what_needs_no_service_is_answered_and_a_session_is_not() {
        let Said::Ended { code: 0, stdout, .. } = said("-V") else { panic!("it has a version") };
        assert!(stdout.starts_with("slurm "), "{stdout}");
        let Said::Ended { code: 1, stderr, stdout } = said("-x show user") else { panic!("there is no such option") };
        assert!(stderr.starts_with("sacctmgr: invalid option -- 'x'\n") && stdout.is_empty(), "{stderr}");
        assert_eq!((said(""), said("-n -P")), (Said::NotHere, Said::NotHere));
    }
}
