//! Options that several commands share.

use clap::Args;
use std::path::{Path, PathBuf};

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
