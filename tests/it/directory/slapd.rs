//! A real OpenLDAP on the controller's side of a lab: hosts reach it at the controller's address. It goes when dropped.

use crate::support::{Lab, Ran};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub const BASE: &str = "dc=example,dc=org";
/// What `cn=enlist` logs in with: it is in no name, file or message of a test but as this password.
pub const PASSWORD: &str = "correct-horse-2001";
/// The controller's address in every lab.
const ADDRESS: &str = "10.0.255.254";

/// What groups look like.
#[derive(Clone, Copy, PartialEq)]
pub enum Schema {
    Rfc2307,
    Rfc2307bis,
}

pub struct Slapd<'l> {
    lab: &'l Lab,
    dir: PathBuf,
    child: Option<Child>,
}

/// Classes that Debian's schemas lack, under their registered numbers.
const EXTRA: &str = "
attributetype ( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' SUP top AUXILIARY MAY ( sshPublicKey $ uid ) )
";
const GROUP_OF_MEMBERS: &str = "
objectclass ( 1.3.6.1.1.1.2.18 NAME 'groupOfMembers' SUP top STRUCTURAL MUST cn MAY ( description $ member ) )
";

impl<'l> Slapd<'l> {
    /// Up, with `ou=people`, `ou=groups`, and `cn=enlist`, which logs in with [`PASSWORD`], and `cn=blind` and
    /// `cn=cut`, whose passwords are their names.
    pub fn start(lab: &'l Lab, schema: Schema) -> Self {
        Self::with(lab, schema, "")
    }

    /// The same with an overlay that takes no uid twice; `rule` goes before its URI.
    pub fn with_unique_uids(lab: &'l Lab, rule: &str) -> Self {
        let uri = format!("ldap:///ou=people,{BASE}?uidNumber?sub");
        Self::with(lab, Schema::Rfc2307, &format!("overlay unique\nunique_uri \"{rule}{uri}\"\n"))
    }

    fn with(lab: &'l Lab, schema: Schema, overlays: &str) -> Self {
        let dir = lab.write_temp("slapd.conf", "").parent().unwrap().to_owned();
        std::fs::create_dir(dir.join("db")).unwrap();
        certificates(&dir);
        std::fs::write(dir.join("groups.schema"), group_schema(schema)).unwrap();
        std::fs::write(dir.join("extra.schema"), EXTRA).unwrap();
        std::fs::write(dir.join("slapd.conf"), configuration(&dir) + overlays).unwrap();
        let mut slapd = Self { lab, dir, child: None };
        slapd.run();
        slapd.add(&seed()).ok();
        slapd
    }

    /// Starts the server, over the data that are there.
    pub fn run(&mut self) {
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let urls = format!("{} ldap://{ADDRESS}:389 ldaps://{ADDRESS}:636", self.url());
        let configuration = self.dir.join("slapd.conf");
        let words = ["slapd", "-d", "stats", "-h", &urls, "-f", configuration.to_str().unwrap()];
        let mut command = self.lab.controller_command(&words);
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while self.client(&["ldapwhoami"], "").code != 0 {
            assert!(Instant::now() < until, "slapd does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The command of the lab became slapd.
            let pid = std::fs::read_to_string(self.dir.join("pid")).unwrap_or_default();
            if let Ok(pid) = pid.trim().parse() {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
            }
            child.wait().expect("it was ours");
        }
    }

    /// What the server wrote down.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// The socket's URL.
    pub fn url(&self) -> String {
        format!("ldapi://{}", self.dir.join("ldapi").display()).replace('/', "%2F").replacen("%2F%2F", "//", 1)
    }

    /// The certificate of the authority that vouches for it.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// A program of ldap-utils as the server's administrator.
    pub fn client(&self, words: &[&str], input: &str) -> Ran {
        use std::io::Write;
        let url = self.url();
        let words = [words, &["-Q", "-Y", "EXTERNAL", "-H", &url]].concat();
        let mut command = self.lab.controller_command(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    pub fn add(&self, ldif: &str) -> Ran {
        self.client(&["ldapadd"], ldif)
    }

    pub fn modify(&self, ldif: &str) -> Ran {
        self.client(&["ldapmodify"], ldif)
    }

    /// Everything below `ou=people` and `ou=groups`, as LDIF without the two themselves.
    pub fn contents(&self) -> String {
        let filter = "(|(objectClass=posixAccount)(objectClass=posixGroup))";
        self.client(&["ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", BASE, filter], "").ok().stdout
    }

    /// How many writes the server did.
    pub fn writes(&self) -> usize {
        self.log().lines().filter(|line| [" ADD dn", " MOD dn", " DEL dn"].iter().any(|op| line.contains(op))).count()
    }
}

impl Drop for Slapd<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An authority's certificate, and the server's own, which it signed.
pub fn certificates(dir: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&key).unwrap();
    std::fs::write(dir.join("ca.crt"), ca.pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let names = vec![ADDRESS.to_owned(), "ldap.lab".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap();
    std::fs::write(dir.join("server.crt"), certificate.pem()).unwrap();
    std::fs::write(dir.join("server.key"), own.serialize_pem()).unwrap();
}

/// Debian's RFC 2307 schema; for 2307bis with `posixGroup` as that draft has it.
fn group_schema(schema: Schema) -> String {
    let nis = std::fs::read_to_string("/etc/ldap/schema/nis.schema").expect("the package slapd has it");
    match schema {
        Schema::Rfc2307 => nis,
        Schema::Rfc2307bis => {
            let (before, rest) = nis.split_once("NAME 'posixGroup'").unwrap();
            let (group, after) = rest.split_once("\n\n").unwrap();
            let group = group.replace("STRUCTURAL", "AUXILIARY").replace("( cn $ gidNumber )", "gidNumber");
            assert!(group.contains("AUXILIARY") && group.contains("MUST gidNumber"), "{group}");
            format!("{before}NAME 'posixGroup'{group}\n\n{after}{GROUP_OF_MEMBERS}")
        }
    }
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {dir}/groups.schema
include {dir}/extra.schema
pidfile {dir}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
moduleload unique
sizelimit 50
TLSCACertificateFile {dir}/ca.crt
TLSCertificateFile {dir}/server.crt
TLSCertificateKeyFile {dir}/server.key
security simple_bind=1
authz-regexp \"gidNumber=0[+]uidNumber=0,cn=peercred,cn=external,cn=auth\" \"cn=admin,{BASE}\"
database mdb
suffix {BASE}
directory {dir}/db
maxsize 67108864
rootdn cn=admin,{BASE}
index objectClass,uid,uidNumber,gidNumber,memberUid,member eq
limits dn.exact=cn=enlist,{BASE} size.pr=100 size.prtotal=unlimited
limits dn.exact=cn=cut,{BASE} size.soft=3 size.hard=3 size.pr=2 size.prtotal=3
access to attrs=userPassword by dn.exact=cn=enlist,{BASE} write by anonymous auth by * none
access to dn.subtree=ou=people,{BASE} by dn.exact=cn=blind,{BASE} none by dn.exact=cn=enlist,{BASE} manage by * read
access to * by dn.exact=cn=enlist,{BASE} manage by * read
overlay ppolicy
"
    )
}

fn seed() -> String {
    let service = |name: &str, password: &str| {
        format!(
            "dn: cn={name},{BASE}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\n\
             cn: {name}\nuserPassword: {password}\n\n"
        )
    };
    format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n\n{}{}{}",
        service("enlist", PASSWORD),
        service("blind", "blind"),
        service("cut", "cut")
    )
}

/// Somebody of the site's own, whom no roster knows.
pub fn keeper(number: u32) -> String {
    format!(
        "dn: uid=keeper,ou=people,{BASE}\nobjectClass: account\nobjectClass: posixAccount\nuid: keeper\ncn: keeper\n\
         uidNumber: {number}\ngidNumber: 100\nhomeDirectory: /home/keeper\n\n"
    )
}
