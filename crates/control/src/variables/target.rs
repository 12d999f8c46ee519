//! Where a host is and whom to be there: from inventory variables, keywords and the command line. Facts have no say.

use crate::connection::{Become, Secret, Target};
use crate::playbook::{Expr, Keywords};
use crate::template::{Lookup, Scope, Templar};
use crate::variables::HostScope;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

/// What the command line says about logging in. Inventory variables and keywords win over it.
#[derive(Clone, Debug)]
pub struct Login {
    /// Login user.
    pub user: Option<String>,
    /// Private key file.
    pub key: Option<PathBuf>,
    /// Login password.
    pub password: Option<Secret>,
    /// Whether to become another user.
    pub escalate: bool,
    /// Whom to become.
    pub become_user: String,
    /// sudo password.
    pub become_password: Option<Secret>,
    /// `ssh` or `local`.
    pub connection: String,
    /// How long connecting may take.
    pub timeout: Duration,
    /// Further ssh options.
    pub ssh_args: Vec<String>,
    /// Whether unknown and changed host keys are refused.
    pub host_key_checking: bool,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            user: None,
            key: None,
            password: None,
            escalate: false,
            become_user: "root".into(),
            become_password: None,
            connection: "ssh".into(),
            timeout: Duration::from_secs(10),
            ssh_args: Vec::new(),
            host_key_checking: true,
        }
    }
}

/// What a variable can decide about connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Connection,
    Address,
    Port,
    User,
    Password,
    Key,
    SshArgs,
    CommonArgs,
    ExtraArgs,
    HostKeyChecking,
    Timeout,
    Become,
    BecomeMethod,
    BecomeUser,
    BecomePassword,
}

/// The names of the variables that decide about connecting, old ones too. Where several are set, ansible-core takes
/// the last of its list (`config/manager.py`, `_loop_entries`), which is the first here.
const SETTINGS: [(Setting, &[&str]); 15] = [
    (Setting::Connection, &["ansible_connection"]),
    (Setting::Address, &["ansible_ssh_host", "ansible_host"]),
    (Setting::Port, &["ansible_ssh_port", "ansible_port"]),
    (Setting::User, &["ansible_ssh_user", "ansible_user"]),
    (Setting::Password, &["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"]),
    (Setting::Key, &["ansible_ssh_private_key_file", "ansible_private_key_file"]),
    (Setting::SshArgs, &["ansible_ssh_args"]),
    (Setting::CommonArgs, &["ansible_ssh_common_args"]),
    (Setting::ExtraArgs, &["ansible_ssh_extra_args"]),
    (Setting::HostKeyChecking, &["ansible_ssh_host_key_checking", "ansible_host_key_checking"]),
    (Setting::Timeout, &["ansible_ssh_timeout", "ansible_timeout"]),
    (Setting::Become, &["ansible_become"]),
    (Setting::BecomeMethod, &["ansible_become_method"]),
    (Setting::BecomeUser, &["ansible_sudo_user", "ansible_become_user"]),
    (Setting::BecomePassword, &["ansible_sudo_pass", "ansible_become_pass", "ansible_become_password"]),
];

/// Beginnings of names that are about connecting, whether or not enlist knows them.
const ABOUT_CONNECTING: [&str; 7] = [
    "ansible_ssh_",
    "ansible_become",
    "ansible_sudo_",
    "ansible_su_",
    "ansible_paramiko_",
    "ansible_sftp_",
    "ansible_scp_",
];

/// Names about connecting that say how fast, not where or as whom: enlist has its own way, so they change nothing.
const CHANGE_NOTHING: [&str; 10] = [
    "ansible_ssh_pipelining",
    "ansible_ssh_transfer_method",
    "ansible_ssh_use_tty",
    "ansible_ssh_retries",
    "ansible_ssh_verbosity",
    "ansible_scp_if_ssh",
    "ansible_scp_executable",
    "ansible_scp_extra_args",
    "ansible_sftp_executable",
    "ansible_sftp_extra_args",
];

/// Every name of a variable that decides about connecting.
pub fn setting_names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().flat_map(|(_, names)| names.iter().copied())
}

fn is_about_connecting(name: &str) -> bool {
    // Public host keys are facts.
    !name.starts_with("ansible_ssh_host_key_") && ABOUT_CONNECTING.iter().any(|start| name.starts_with(start))
}

/// Whether a fact may not have this name: it decides, here or with Ansible, what the controller does.
pub fn is_reserved(name: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "ansible_pipelining",
        "ansible_shell_type",
        "ansible_shell_executable",
        "ansible_module_compression",
        "ansible_network_os",
        "ansible_playbook_python",
        "ansible_rsync_path",
        super::facts::ALL,
    ];
    let is_interpreter = name.starts_with("ansible_") && name.ends_with("_interpreter");
    is_interpreter || setting_names().any(|it| it == name) || is_about_connecting(name) || OTHERS.contains(&name)
}

/// Whether this variable is meant to decide about connecting, and enlist does not know it: Ansible would do something
/// that enlist does not.
pub fn is_overlooked(name: &str) -> bool {
    is_about_connecting(name) && !setting_names().any(|it| it == name) && !CHANGE_NOTHING.contains(&name)
}

/// A task's keywords, and the variables that they are read with: the task's, also where it is delegated.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The keywords.
    pub keywords: &'a Keywords,
    /// The variables that the task sees.
    pub scope: &'a Arc<dyn Scope>,
}

/// Finds out where a host is and whom to be there.
pub struct Resolver<'a> {
    /// Renders variables.
    pub templar: &'a Templar,
    /// The command line's word.
    pub login: &'a Login,
}

impl Resolver<'_> {
    /// How to reach the host of `on`. Its variables are stronger than the task's keywords, and those stronger than the
    /// command line.
    pub fn target(&self, on: &HostScope, asked: Option<Asked>) -> Result<Target, Diagnostic> {
        let name = on.name();
        let setting = |setting| self.setting(on, setting);
        let keyword = |of: fn(&Keywords) -> &Option<Expr>| self.keyword(asked, of);
        let connection = setting(Setting::Connection)?.or(keyword(|k| &k.connection)?);
        let connection = connection.unwrap_or_else(|| self.default_connection(name));
        let user = setting(Setting::User)?.or(keyword(|k| &k.remote_user)?);
        let port = setting(Setting::Port)?.or(keyword(|k| &k.port)?);
        let key = setting(Setting::Key)?.map(PathBuf::from).or_else(|| self.login.key.clone());
        let password = setting(Setting::Password)?.map(Secret::new);
        Ok(Target {
            name: name.to_owned(),
            address: setting(Setting::Address)?.unwrap_or_else(|| name.to_owned()),
            port: port.map(|port| parse_port(name, &port)).transpose()?,
            user: user.or_else(|| self.login.user.clone()),
            keys: key.map(expand_home).into_iter().collect(),
            password: password.or_else(|| self.login.password.clone()),
            ssh_args: self.ssh_args(on)?,
            host_key_checking: self.host_key_checking(on)?,
            timeout: self.timeout(on)?,
            local: is_local(name, &connection)?,
        })
    }

    fn default_connection(&self, name: &str) -> String {
        if matches!(name, "localhost" | "127.0.0.1") { "local".into() } else { self.login.connection.clone() }
    }

    /// In ssh's order: the first word on an option counts.
    fn ssh_args(&self, on: &HostScope) -> Result<Vec<String>, Diagnostic> {
        let mut args = Vec::new();
        for setting in [Setting::SshArgs, Setting::CommonArgs, Setting::ExtraArgs] {
            let Some(text) = self.setting(on, setting)? else { continue };
            let words = shell_words::split(&text).map_err(|error| {
                let name = names_of(setting)[0];
                Diagnostic::new(ErrorKind::Input, format!("`{name}` cannot be split into words: {error}"))
            })?;
            args.extend(words);
        }
        args.extend(self.login.ssh_args.iter().cloned());
        Ok(args)
    }

    fn host_key_checking(&self, on: &HostScope) -> Result<bool, Diagnostic> {
        let said = self.setting(on, Setting::HostKeyChecking)?;
        Ok(said.and_then(|text| Value::from(text).to_bool()).unwrap_or(self.login.host_key_checking))
    }

    fn timeout(&self, on: &HostScope) -> Result<Duration, Diagnostic> {
        let Some(text) = self.setting(on, Setting::Timeout)? else { return Ok(self.login.timeout) };
        text.parse().map(Duration::from_secs).map_err(|_| {
            let message = format!("`ansible_timeout` takes whole seconds, not `{text}` (host {})", on.name());
            Diagnostic::new(ErrorKind::Input, message)
        })
    }

    /// Whom to be on the host of `on`.
    pub fn escalation(&self, on: &HostScope, asked: Option<Asked>) -> Result<Become, Diagnostic> {
        let keyword = |of: fn(&Keywords) -> &Option<Expr>| self.keyword(asked, of);
        let wanted = match self.setting(on, Setting::Become)?.or(keyword(|k| &k.escalate)?) {
            Some(text) => Value::from(text.as_str()).to_bool().ok_or_else(|| {
                Diagnostic::new(ErrorKind::Input, format!("`become` takes yes or no, and this is `{text}`"))
            })?,
            None => self.login.escalate,
        };
        if !wanted {
            return Ok(Become::Login);
        }
        let method = self.setting(on, Setting::BecomeMethod)?.or(keyword(|k| &k.become_method)?);
        if let Some(method) = method.filter(|method| !matches!(method.as_str(), "sudo" | "ansible.builtin.sudo")) {
            return Err(Diagnostic::new(ErrorKind::Input, format!("enlist cannot become by `{method}`"))
                .hint("`become_method: sudo` is the one it knows"));
        }
        let user = self.setting(on, Setting::BecomeUser)?.or(keyword(|k| &k.become_user)?);
        let password = self.setting(on, Setting::BecomePassword)?.map(Secret::new);
        Ok(Become::Sudo {
            user: user.unwrap_or_else(|| self.login.become_user.clone()),
            password: password.or_else(|| self.login.become_password.clone()),
        })
    }

    /// The text of the variable that decides about this; `None` when none is set, or it is null.
    fn setting(&self, on: &HostScope, setting: Setting) -> Result<Option<String>, Diagnostic> {
        for name in names_of(setting) {
            if let Some(text) = self.decided(on, name)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn decided(&self, on: &HostScope, name: &str) -> Result<Option<String>, Diagnostic> {
        let value = match on.decided(name) {
            None | Some(Lookup::Scope(_)) => return Ok(None),
            Some(Lookup::Data(value)) => value,
            Some(Lookup::Trusted(value)) => Arc::new(self.templar.render(&value, &on.shared()).map_err(|error| {
                Diagnostic::new(ErrorKind::Input, format!("cannot tell the variable `{name}`: {error}"))
            })?),
        };
        match &*value {
            Value::List(_) | Value::Map(_) | Value::Unknown(_) => Err(Diagnostic::new(
                ErrorKind::Input,
                format!("the variable `{name}` takes text, and this is {} (host {})", value.type_name(), on.name()),
            )),
            value => Ok(shown(value)),
        }
    }

    fn keyword(&self, asked: Option<Asked>, of: fn(&Keywords) -> &Option<Expr>) -> Result<Option<String>, Diagnostic> {
        let Some((asked, expr)) = asked.and_then(|asked| Some((asked, of(asked.keywords).as_ref()?))) else {
            return Ok(None);
        };
        let value = self.templar.render(&expr.value, asked.scope);
        value.map(|value| shown(&value)).map_err(|error| Diagnostic::input(&expr.place, error.to_string()))
    }
}

/// The names of the variables of a setting, strongest first.
fn names_of(setting: Setting) -> &'static [&'static str] {
    SETTINGS.iter().find(|(it, _)| *it == setting).map(|(_, names)| *names).unwrap_or_default()
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        value => Some(value.to_string()),
    }
}

fn parse_port(host: &str, text: &str) -> Result<u16, Diagnostic> {
    text.parse().map_err(|_| Diagnostic::new(ErrorKind::Input, format!("`{text}` is no TCP port (host {host})")))
}

fn is_local(host: &str, connection: &str) -> Result<bool, Diagnostic> {
    match connection {
        "local" | "ansible.builtin.local" => Ok(true),
        "ssh" | "smart" | "paramiko" | "ansible.builtin.ssh" => Ok(false),
        other => Err(Diagnostic::new(ErrorKind::Input, format!("enlist cannot connect by `{other}` (host {host})"))
            .hint("`ssh` and `local` are the ones it knows")),
    }
}

/// `~/` at the beginning is the caller's home.
fn expand_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}
