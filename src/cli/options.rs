//! Options that several commands share.

use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr};
use clap::Args;
use control::connection::Secret;
use control::inventory::{self, Inventory};
use control::variables::target::Login;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};

/// Where hosts come from; shared by all commands that reach hosts.
#[derive(Args, Debug, Clone)]
pub struct InventoryArgs {
    /// Inventory file, directory or comma list of hosts; repeatable
    #[arg(short = 'i', long = "inventory", value_name = "INVENTORY")]
    pub sources: Vec<String>,
    /// Only these hosts (a host pattern)
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Vec<String>,
}

impl InventoryArgs {
    /// The sources given, or those of `ANSIBLE_INVENTORY` (a comma list of paths), or `/etc/ansible/hosts` if it is
    /// there.
    pub fn sources_or_default(&self) -> Vec<String> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        if let Ok(list) = std::env::var("ANSIBLE_INVENTORY") {
            return list.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        }
        let default = "/etc/ansible/hosts";
        if Path::new(default).exists() { vec![default.to_owned()] } else { Vec::new() }
    }
}

/// How hosts are logged in to; shared by all commands that reach hosts.
#[derive(Args, Debug, Clone)]
pub struct LoginArgs {
    /// Log in as this user (inventory variables win)
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Private key file
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Ask for the login password
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Become another user (root) on the hosts
    #[arg(short = 'b', long = "become")]
    pub escalate: bool,
    /// Whom to become
    #[arg(long, value_name = "USER", default_value = "root")]
    pub become_user: String,
    /// Ask for the sudo password
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Read the sudo password from a file
    #[arg(long, visible_alias = "become-pass-file", value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
    /// `ssh` or `local`
    #[arg(short, long, value_name = "KIND", default_value = "ssh")]
    pub connection: String,
    /// Seconds that connecting may take
    #[arg(short = 'T', long, value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
    /// Further options for ssh, such as "-o ProxyJump=gate"
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
}

impl InventoryArgs {
    /// Reads the sources: those given, else `ANSIBLE_INVENTORY`, else `/etc/ansible/hosts` where it exists. Warnings go
    /// to standard error.
    pub fn load(&self, playbook_directories: &[PathBuf]) -> Result<Inventory, Diagnostic> {
        let inventory = inventory::load(&self.sources_or_default(), playbook_directories)?;
        inventory.warnings.iter().for_each(warn);
        Ok(inventory)
    }
}

/// Shows a warning on standard error, as Ansible does.
pub(super) fn warn(warning: &Diagnostic) {
    stderr().line(Styled::of(Style::Warning, format!("[WARNING]: {warning}")));
}

impl LoginArgs {
    /// What they mean; asks for passwords where they say so.
    pub fn login(&self) -> Result<Login, Diagnostic> {
        let password = if self.ask_pass { Some(ask("SSH password: ")?) } else { None };
        let ssh_args = self.ssh_common_args.as_deref().unwrap_or_default();
        let ssh_args = shell_words::split(ssh_args)
            .map_err(|error| Diagnostic::new(ErrorKind::Usage, format!("--ssh-common-args: {error}")))?;
        Ok(Login {
            user: self.user.clone(),
            key: self.private_key.clone(),
            become_password: self.become_password(password.as_ref())?,
            password,
            escalate: self.escalate,
            become_user: self.become_user.clone(),
            connection: self.connection.clone(),
            timeout: Duration::from_secs(self.timeout),
            ssh_args,
            host_key_checking: host_key_checking(),
        })
    }

    fn become_password(&self, login: Option<&Secret>) -> Result<Option<Secret>, Diagnostic> {
        if let Some(path) = &self.become_password_file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Diagnostic::new(ErrorKind::Usage, format!("cannot read the password file {}: {error}", path.display()))
            })?;
            return Ok(Some(Secret::new(text.lines().next().unwrap_or_default())));
        }
        if !self.ask_become_pass {
            return Ok(None);
        }
        let asked = ask("BECOME password: ")?;
        // As with Ansible, an empty answer means "the same as for SSH".
        Ok(Some(if asked.reveal().is_empty() { login.cloned().unwrap_or(asked) } else { asked }))
    }
}

/// Ansible's switch; only what it calls false turns checking off.
fn host_key_checking() -> bool {
    let said = std::env::var("ANSIBLE_HOST_KEY_CHECKING").unwrap_or_default();
    !matches!(said.to_ascii_lowercase().as_str(), "false" | "no" | "0" | "off" | "f" | "n")
}

/// Asks on the terminal without echo; without a terminal, reads a line of standard input.
fn ask(prompt: &str) -> Result<Secret, Diagnostic> {
    let failed = |error: String| Diagnostic::new(ErrorKind::Usage, format!("cannot read a password: {error}"));
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    let restore = if terminal { Some(without_echo().map_err(|error| failed(error.to_string()))?) } else { None };
    stderr().text(prompt);
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if let Some(settings) = restore {
        use nix::sys::termios::{SetArg, tcsetattr};
        tcsetattr(&stdin, SetArg::TCSANOW, &settings).map_err(|error| failed(error.to_string()))?;
        stderr().line("");
    }
    read.map_err(|error| failed(error.to_string()))?;
    Ok(Secret::new(line.trim_end_matches(['\n', '\r'])))
}

/// Turns the terminal's echo off; gives the settings to restore.
fn without_echo() -> nix::Result<nix::sys::termios::Termios> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    let settings = tcgetattr(&stdin)?;
    let mut quiet = settings.clone();
    quiet.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSANOW, &quiet)?;
    Ok(settings)
}
