//! Why no agent came up, or why it broke off, told to people: Ansible's words where they search for them, and a remedy.

use crate::connection::answer::Breach;
use crate::connection::image::Image;
use crate::connection::incoming::is_timeout;
use crate::connection::machine::Program;
use crate::connection::{Become, LinkError};
use host::protocol::AgentAnswer;
use std::io;
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};

/// Why no agent came up.
#[derive(Debug)]
pub enum Refusal {
    /// The connection broke.
    Broken(io::Error),
    /// Nothing came for too long, or no agent was up in time.
    Silent,
    /// More came than any login script prints.
    Noisy,
    /// It asked twice for what comes once.
    Repeating,
    /// The hello was no message of an agent.
    Strange(Breach),
    /// sudo asked for the password again.
    WrongPassword,
    /// The kept copy does not run or is not what its name says.
    Damaged,
    /// The agent is built for another processor: the host's.
    OtherMachine(String),
    /// The script gave up: its words, and what was printed before.
    GaveUp(String, String),
    /// It ended by itself: how, and what it had printed.
    Ended(String, String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        if is_timeout(&error) { Refusal::Silent } else { Refusal::Broken(error) }
    }
}

impl From<Breach> for Refusal {
    fn from(breach: Breach) -> Self {
        match breach {
            Breach::Lost(error) => Refusal::Broken(error),
            Breach::TooSlow => Refusal::Silent,
            Breach::Ended => Refusal::Damaged,
            other => Refusal::Strange(other),
        }
    }
}

/// The error for people.
pub fn explain(why: Refusal, host: &str, who: &Become, image: &Image, patience: Duration) -> LinkError {
    let diagnostic = match why {
        Refusal::Broken(error) => return lost(host, &error),
        Refusal::Silent => silent(host, who, patience),
        Refusal::Noisy => host_error(format!("{host} prints without end instead of starting the agent"))
            .hint("look into the login scripts of the user there"),
        Refusal::Repeating => host_error(format!("{host} asks for the agent again and again instead of starting it")),
        Refusal::Strange(breach) => host_error(format!("what was started on {host} is no agent: {}", told(&breach))),
        Refusal::WrongPassword => wrong_password(),
        Refusal::Damaged => host_error(format!("the agent on {host} is damaged, also after a new upload"))
            .hint("look for disk errors and full file systems on the host"),
        Refusal::OtherMachine(machine) => other_machine(host, &machine, image),
        Refusal::GaveUp(reason, noise) => gave_up(host, &reason, &noise),
        Refusal::Ended(how, noise) => match who {
            Become::Sudo { user, .. } => by_sudo(host, user, &how, &noise),
            Become::Login => ended(host, &how, &noise),
        },
    };
    LinkError::Failed(Box::new(diagnostic))
}

fn host_error(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(ErrorKind::Host, message)
}

/// The connection itself is gone.
fn lost(host: &str, error: &io::Error) -> LinkError {
    let message = format!("Failed to connect to the host via ssh: the connection to {host} was lost: {error}");
    LinkError::Unreachable(Box::new(host_error(message)))
}

fn silent(host: &str, who: &Become, patience: Duration) -> Diagnostic {
    let seconds = patience.as_secs();
    match who {
        Become::Login => host_error(format!("Timeout ({seconds}s) waiting for the agent on {host}"))
            .hint("is the host overloaded, or does a login script wait for input?"),
        Become::Sudo { .. } => host_error(format!("Timeout ({seconds}s) waiting for privilege escalation prompt"))
            .note(format!("sudo on {host} neither started the agent nor asked for the password with our prompt"))
            .hint("does PAM ask for something else, such as a one-time code? A longer --timeout may help"),
    }
}

const GIVE_PASSWORD: &str =
    "give it with -K (--ask-become-pass) or ansible_become_password, or let sudoers say NOPASSWD";

fn missing_password() -> Diagnostic {
    host_error("Missing sudo password").hint(GIVE_PASSWORD)
}

fn wrong_password() -> Diagnostic {
    host_error("Incorrect sudo password").hint(GIVE_PASSWORD)
}

fn other_machine(host: &str, machine: &str, image: &Image) -> Diagnostic {
    let ours = image.machine().unwrap_or("another kind of processor");
    host_error(format!("{host} is {machine}, and the agent {} is built for {ours}", image.path.display()))
        .hint(format!("build enlist-agent for {machine} and name it with ENLIST_AGENT"))
}

fn gave_up(host: &str, reason: &str, noise: &str) -> Diagnostic {
    let error = host_error(format!("the agent could not be started on {host}: {reason}"));
    match noise {
        "" => error,
        noise => error.note(noise),
    }
}

/// sudo ended without starting anything: by its own words.
fn by_sudo(host: &str, user: &str, how: &str, noise: &str) -> Diagnostic {
    let says = |words: &[&str]| words.iter().any(|word| noise.contains(word));
    if says(&["incorrect password attempt"]) {
        return wrong_password();
    }
    if says(&["a password is required", "a terminal is required", "no password was provided"]) {
        return missing_password();
    }
    let error = if says(&["in the sudoers file", "is not allowed to", "may not run sudo"]) {
        host_error(format!("sudo on {host} does not let the login user become {user}"))
            .hint("allow it in sudoers, or log in as another user (-u, ansible_user)")
    } else if says(&["unknown user"]) {
        host_error(format!("{host} has no user {user} to become")).hint("check become_user (--become-user)")
    } else if says(&["must have a tty"]) {
        host_error(format!("sudo on {host} demands a terminal")).hint("take `Defaults requiretty` out of its sudoers")
    } else if says(&["sudo: not found", "sudo: command not found", "'sudo': No such file"]) {
        host_error(format!("sudo is not installed on {host}"))
            .hint("install it, or log in as root (-u root) without become")
    } else {
        return ended(host, how, noise);
    };
    error.note(noise)
}

fn ended(host: &str, how: &str, noise: &str) -> Diagnostic {
    let error = host_error(format!("the agent could not be started on {host}: it ended with {how}"));
    match noise {
        "" => error.hint("can the user log in and run /bin/sh there? Try it with ssh"),
        noise => error.note(noise),
    }
}

/// The error for an agent that did not answer a request. One that breaks the rules of the conversation is none of ours,
/// so nothing more is asked of its host in this run.
pub fn broken_off(
    answer: Result<Option<AgentAnswer>, Breach>,
    program: &mut impl Program,
    host: &str,
    module: &str,
) -> LinkError {
    let how = match answer {
        Ok(Some(Err(bug))) => {
            let message = format!("the agent on {host} stopped in module {module}: {bug}");
            let error = Diagnostic::new(ErrorKind::Internal, message).hint("this is a bug in enlist; please report it");
            return LinkError::Failed(Box::new(error));
        }
        Err(Breach::Lost(error)) => return lost(host, &error),
        Err(Breach::Unsent(error)) => return unsent(host, module, &error),
        Err(Breach::GivenUp(patience)) => return given_up(host, module, patience),
        Err(breach @ (Breach::TooLong(..) | Breach::TooSlow | Breach::Unreadable(_))) => {
            let message = format!("the answer of {host} to module {module} is not taken: {}", told(&breach));
            let error = host_error(message).hint("nothing more is asked of this host in this run: look at it first");
            return LinkError::Unreachable(Box::new(error));
        }
        _ => program.ending(),
    };
    let message = format!("the agent on {host} ended ({how}) before module {module} was done");
    LinkError::Failed(Box::new(
        host_error(message)
            .hint("the task may be done in part; run the playbook again: what is done already is not repeated"),
    ))
}

/// The task fails, and the host is as it was.
fn unsent(host: &str, module: &str, error: &io::Error) -> LinkError {
    let error = host_error(format!("module {module} cannot be sent to {host}: {error}"))
        .hint("a file as large as that goes another way: a shared directory, or rsync");
    LinkError::Failed(Box::new(error))
}

/// The end of a task's `timeout`, in Ansible's words. The host is there, and keeps its other agents.
fn given_up(host: &str, module: &str, patience: Duration) -> LinkError {
    let error = host_error(format!("Task failed: Timed out after {} second(s).", patience.as_secs()))
        .note(format!("{host} may still be at work on module {module}, and nobody can say what it has done"))
        .hint("look at the host, or give the task more time with `timeout`");
    LinkError::TimedOut(Box::new(error))
}

/// What is wrong with a frame.
fn told(breach: &Breach) -> String {
    match breach {
        Breach::TooLong(bytes, most) => format!("it is {bytes} bytes long, and at most {most} are taken"),
        Breach::TooSlow | Breach::GivenUp(_) => "it did not come to its end in time".into(),
        Breach::Unreadable(error) => format!("it cannot be read: {error}"),
        Breach::Lost(error) | Breach::Unsent(error) => error.to_string(),
        Breach::Ended => "it ended in the middle".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(how: &str, noise: &str) -> String {
        by_sudo("login1", "root", how, noise).to_string()
    }

    #[test]
    fn sudo_is_understood() {
        assert!(message("exit code 1", "sudo: a password is required").starts_with("Missing sudo password\n"));
        assert!(
            message("exit code 1", "Sorry, try again.\nsudo: 1 incorrect password attempt")
                .starts_with("Incorrect sudo password\n")
        );
        assert!(
            message("exit code 1", "ops is not in the sudoers file.").contains("does not let the login user become")
        );
        assert!(message("exit code 1", "sudo: unknown user x").contains("--become-user"));
        assert!(message("exit code 127", "env: 'sudo': No such file or directory").contains("not installed"));
    }

    #[test]
    fn a_request_that_is_too_long_fails_its_task_and_not_the_host() {
        let LinkError::Failed(error) = unsent("login1", "copy", &io::Error::other("a frame of 300 bytes")) else {
            panic!("the host is there");
        };
        let text = error.to_string();
        assert!(text.contains("module copy cannot be sent to login1: a frame of 300 bytes"), "{text}");
    }

    #[test]
    fn what_is_not_understood_is_shown() {
        let shown = message("exit code 9", "sudo: strange");
        assert!(shown.contains("exit code 9") && shown.contains("sudo: strange"), "{shown}");
    }
}
