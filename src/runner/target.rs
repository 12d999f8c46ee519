//! Where a host is and whom to be there: from inventory variables, keywords and the command line.

use crate::connection::{Become, Secret, Target};
use crate::diag::{Diagnostic, ErrorKind};
use crate::modules::args;
use crate::playbook::{Expr, Keywords};
use crate::template::{Lookup, Scope, Templar};
use crate::value::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

/// Finds out where a host is and whom to be there.
pub struct Resolver<'a> {
    /// Renders variables.
    pub templar: &'a Templar,
    /// The command line's word.
    pub login: &'a Login,
}

impl Resolver<'_> {
    /// How to reach the host `name`, whose variables `scope` knows.
    pub fn target(
        &self,
        name: &str,
        scope: &Arc<dyn Scope>,
        keywords: Option<&Keywords>,
    ) -> Result<Target, Diagnostic> {
        let text = |variable: &str| self.text(scope, variable);
        let keyword = |expr: Option<&Expr>| self.expr(scope, expr);
        let connection = text("ansible_connection")?.or(keyword(keywords.and_then(|k| k.connection.as_ref()))?);
        let connection = connection.unwrap_or_else(|| self.default_connection(name));
        let user = text("ansible_user")?.or(text("ansible_ssh_user")?);
        let port = text("ansible_port")?.or(keyword(keywords.and_then(|k| k.port.as_ref()))?);
        let password = text("ansible_password")?.or(text("ansible_ssh_pass")?).map(Secret::new);
        let key = text("ansible_ssh_private_key_file")?.map(PathBuf::from);
        Ok(Target {
            name: name.to_owned(),
            address: text("ansible_host")?.unwrap_or_else(|| name.to_owned()),
            port: port.map(|port| parse_port(name, &port)).transpose()?,
            user: user.or(keyword(keywords.and_then(|k| k.remote_user.as_ref()))?).or_else(|| self.login.user.clone()),
            keys: key.or_else(|| self.login.key.clone()).map(expand_home).into_iter().collect(),
            password: password.or_else(|| self.login.password.clone()),
            ssh_args: self.ssh_args(scope)?,
            host_key_checking: self.host_key_checking(scope)?,
            timeout: self.login.timeout,
            local: is_local(name, &connection)?,
        })
    }

    fn default_connection(&self, name: &str) -> String {
        if matches!(name, "localhost" | "127.0.0.1") { "local".into() } else { self.login.connection.clone() }
    }

    fn ssh_args(&self, scope: &Arc<dyn Scope>) -> Result<Vec<String>, Diagnostic> {
        let mut args = Vec::new();
        for variable in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            let Some(text) = self.text(scope, variable)? else { continue };
            let words = shell_words::split(&text).map_err(|error| {
                Diagnostic::new(ErrorKind::Input, format!("`{variable}` cannot be split into words: {error}"))
            })?;
            args.extend(words);
        }
        args.extend(self.login.ssh_args.iter().cloned());
        Ok(args)
    }

    fn host_key_checking(&self, scope: &Arc<dyn Scope>) -> Result<bool, Diagnostic> {
        let said = self.text(scope, "ansible_host_key_checking")?;
        Ok(said.and_then(|text| args::bool(&text.into())).unwrap_or(self.login.host_key_checking))
    }

    /// Whom to be on the host.
    pub fn escalation(&self, scope: &Arc<dyn Scope>, keywords: Option<&Keywords>) -> Result<Become, Diagnostic> {
        let keyword = |expr: Option<&Expr>| self.expr(scope, expr);
        let wanted = self.text(scope, "ansible_become")?.or(keyword(keywords.and_then(|k| k.escalate.as_ref()))?);
        let wanted = match wanted {
            Some(text) => args::bool(&text.as_str().into()).ok_or_else(|| {
                Diagnostic::new(ErrorKind::Input, format!("`become` takes yes or no, and this is `{text}`"))
            })?,
            None => self.login.escalate,
        };
        if !wanted {
            return Ok(Become::Login);
        }
        let method = self.text(scope, "ansible_become_method")?;
        let method = method.or(keyword(keywords.and_then(|k| k.become_method.as_ref()))?);
        if let Some(method) = method.filter(|method| !matches!(method.as_str(), "sudo" | "ansible.builtin.sudo")) {
            return Err(Diagnostic::new(ErrorKind::Input, format!("enlist cannot become by `{method}`"))
                .hint("`become_method: sudo` is the one it knows"));
        }
        let user = self.text(scope, "ansible_become_user")?;
        let user = user.or(keyword(keywords.and_then(|k| k.become_user.as_ref()))?);
        let password = self.text(scope, "ansible_become_password")?.or(self.text(scope, "ansible_become_pass")?);
        Ok(Become::Sudo {
            user: user.unwrap_or_else(|| self.login.become_user.clone()),
            password: password.map(Secret::new).or_else(|| self.login.become_password.clone()),
        })
    }

    /// A variable's text; `None` when it is unset or null.
    fn text(&self, scope: &Arc<dyn Scope>, variable: &str) -> Result<Option<String>, Diagnostic> {
        let value = match scope.lookup(variable) {
            None | Some(Lookup::Scope(_)) => return Ok(None),
            Some(Lookup::Data(value)) => return Ok(shown(&value)),
            Some(Lookup::Trusted(value)) => value,
        };
        let value = self.templar.render(&value, scope).map_err(|error| {
            Diagnostic::new(ErrorKind::Input, format!("cannot tell the variable `{variable}`: {error}"))
        })?;
        Ok(shown(&value))
    }

    fn expr(&self, scope: &Arc<dyn Scope>, expr: Option<&Expr>) -> Result<Option<String>, Diagnostic> {
        let Some(expr) = expr else { return Ok(None) };
        let value = self.templar.render(&expr.value, scope);
        value.map(|value| shown(&value)).map_err(|error| Diagnostic::input(&expr.place, error.to_string()))
    }
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
