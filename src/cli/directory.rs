//! `enlist directory`: what hosts need to have their people from a directory.

use super::Exit;
use super::site::{fail_all, read_roster};
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use control::roster::{DirectoryEntry, Roster};
use directory::accounts::Rules;
use directory::ldap::LdapDirectory;
use directory::settings::{SchemaKind, Server};
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind};

/// How hosts are to be clients of a directory of the roster.
#[derive(Args, Debug)]
pub struct DirectoryArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Print sssd.conf, and the lines for sshd_config and nsswitch.conf, as they are tested
    ///
    /// The server is asked what its schema is like; nothing is changed.
    Client {
        /// The directory; may be left out where the roster has one
        name: Option<String>,
        /// Who works here
        #[arg(long, value_name = "FILE", default_value = "roster.yml")]
        roster: PathBuf,
        /// How hosts reach the server, if otherwise than enlist does
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        /// As whom sssd reads; anybody if left out, which Active Directory does not allow
        #[arg(long, value_name = "DN")]
        bind: Option<String>,
    },
}

/// Does it.
pub fn run(args: &DirectoryArgs) -> Exit {
    let Action::Client { name, roster, server, bind } = &args.action;
    match client(name.as_deref(), roster, server.as_deref(), bind.as_deref()) {
        Ok(text) => {
            stdout().text(&text);
            Exit::OK
        }
        Err(problems) => fail_all(&problems, false),
    }
}

fn client(
    name: Option<&str>,
    roster: &std::path::Path,
    server: Option<&str>,
    bind: Option<&str>,
) -> Result<String, Vec<Diagnostic>> {
    let roster = read_roster(roster)?;
    let entry = chosen(&roster, name).map_err(|problem| vec![problem])?;
    let server = match server {
        Some(url) => Server::parse(url).map_err(|forms| vec![usage(&format!("`{url}` is no server")).hint(forms)])?,
        None => entry.settings.server.clone(),
    };
    if matches!(server, Server::Socket(_)) {
        let problem = usage("hosts cannot reach a socket of this machine");
        return Err(vec![problem.hint("say how they reach the server: --server ldaps://HOST")]);
    }
    let rules = LdapDirectory::new(entry.settings.clone()).rules().map_err(|problem| vec![problem])?;
    if rules.shape.ranges.is_some() {
        let problem = usage("hosts become clients of a FreeIPA by its own program");
        return Err(vec![
            problem.hint("run `ipa-client-install` on each; it writes sssd.conf as that server wants it"),
        ]);
    }
    if rules.shape.kind == SchemaKind::Ad && bind.is_none() {
        let problem = usage("Active Directory shows nothing to who does not log in");
        return Err(vec![problem.hint("say as whom sssd reads: --bind DN, an entry without other rights")]);
    }
    Ok(text(&rules, &server, bind))
}

fn usage(message: &str) -> Diagnostic {
    Diagnostic::new(ErrorKind::Usage, message)
}

fn chosen<'r>(roster: &'r Roster, name: Option<&str>) -> Result<&'r DirectoryEntry, Diagnostic> {
    let known = || roster.directories.iter().map(|entry| entry.settings.name.as_str());
    match (name, roster.directories.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => Err(usage("the roster has no `directories`")),
        (None, _) => Err(usage("the roster has several directories: name one")),
        (Some(name), all) => {
            let found = all.iter().find(|entry| entry.settings.name == name);
            found.ok_or_else(|| usage(&format!("the roster has no directory `{name}`")).suggest(name, known()))
        }
    }
}

/// Without `access_provider` sssd would let in by key whoever is locked or expired.
fn text(rules: &Rules, server: &Server, bind: Option<&str>) -> String {
    let settings = &rules.settings;
    let mut lines = vec![
        "# /etc/sssd/sssd.conf, mode 0600".to_owned(),
        "[sssd]".into(),
        "services = nss, pam, ssh".into(),
        format!("domains = {}", settings.name),
        String::new(),
        format!("[domain/{}]", settings.name),
        "id_provider = ldap".into(),
        "auth_provider = ldap".into(),
        "access_provider = ldap".into(),
    ];
    lines.extend(of_schema(rules));
    lines.push(format!("ldap_uri = {server}"));
    if matches!(server, Server::StartTls(_)) {
        lines.push("ldap_id_use_start_tls = true".into());
    }
    if let Some(ca) = &settings.ca {
        lines.push(format!("ldap_tls_cacert = {}", ca.display()));
    }
    lines.push(format!("ldap_search_base = {}", settings.base));
    lines.push(format!("ldap_user_search_base = {}", settings.people));
    lines.push(format!("ldap_group_search_base = {}", settings.groups));
    if let Some(keys) = rules.shape.keys {
        lines.push(format!("ldap_user_ssh_public_key = {}", keys.attribute));
    }
    if let Some(bind) = bind {
        lines.push(format!("ldap_default_bind_dn = {bind}"));
        lines.push("# ldap_default_authtok = the password of this entry".into());
    }
    lines.extend(of_the_host());
    lines.join("\n") + "\n"
}

/// What sssd has to know of the kind of server.
fn of_schema(rules: &Rules) -> Vec<String> {
    if rules.shape.kind == SchemaKind::Ad {
        return vec![
            "ldap_access_order = expire".into(),
            "ldap_account_expire_policy = ad".into(),
            "ldap_schema = ad".into(),
            "# numbers are those of the directory; sssd would make its own".into(),
            "ldap_id_mapping = false".into(),
            "ldap_referrals = false".into(),
            "ldap_user_gecos = displayName".into(),
        ];
    }
    vec![
        format!("ldap_access_order = {}", if rules.shape.policy_lock { "expire, ppolicy" } else { "expire" }),
        "ldap_account_expire_policy = shadow".into(),
        format!("ldap_schema = {}", sssd_schema(rules.shape.kind)),
    ]
}

/// People and groups with numbers below 1000 are the host's own, whatever `ids` of the directory are: who is left alone there
/// has to be seen on hosts all the same.
fn of_the_host() -> [String; 10] {
    [
        "min_id = 1000",
        "default_shell = /bin/bash",
        "",
        "# /etc/nsswitch.conf",
        "# passwd: files sss",
        "# group: files sss",
        "",
        "# /etc/ssh/sshd_config",
        "# AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys %u",
        "# AuthorizedKeysCommandUser nobody",
    ]
    .map(str::to_owned)
}

/// What sssd calls it. One that knows both ways follows the entries.
fn sssd_schema(kind: SchemaKind) -> &'static str {
    if kind.by_entry() { "rfc2307bis" } else { "rfc2307" }
}
