//! A domain controller of Active Directory for tests: Samba on the controller's side of a lab, where hosts reach it too, with LDAP
//! alone and an authority of its own. It goes when dropped.

use super::slapd::certificates;
use crate::docs::page::Page;
use crate::support::{Lab, Ran};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub const BASE: &str = "DC=ad,DC=example,DC=org";
/// What `enlist` and `sssd` log in with, and the administrator.
pub const PASSWORD: &str = "Correct-Horse-2001";
/// The controller's address in every lab.
const ADDRESS: &str = "10.0.255.254";

pub struct Samba<'l> {
    lab: &'l Lab,
    dir: PathBuf,
    child: Option<Child>,
}

impl<'l> Samba<'l> {
    /// Up, with `OU=people`, `OU=groups`, `CN=enlist`, who administers the domain, and `CN=sssd`, who reads it.
    pub fn start(lab: &'l Lab) -> Self {
        let dir = lab.write_temp("tls", "").parent().unwrap().join("dc");
        copy(provisioned(lab), &dir);
        certificates(&dir);
        std::fs::set_permissions(dir.join("server.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(dir.join("etc/smb.conf"), configuration(&dir)).unwrap();
        let mut samba = Self { lab, dir, child: None };
        samba.run();
        samba.add(&seed(&samba.dir)).ok();
        samba
    }

    fn run(&mut self) {
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let configuration = self.dir.join("etc/smb.conf");
        let words = ["samba", "-F", "-M", "single", "--no-process-group", "--debug-stdout", "-s"];
        let words = [&words[..], &[configuration.to_str().unwrap()]].concat();
        let mut command = self.lab.controller_command(&words);
        let errors = log.try_clone().unwrap();
        self.child = Some(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while self.search(&["-b", "", "-s", "base", "defaultNamingContext"]).code != 0 {
            assert!(Instant::now() < until, "samba does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What the server wrote down.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// The certificate of the authority that vouches for it.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// What the roster says of it: as docs/directories.md has it, and who vouches for this one.
    pub fn entry(&self, more: &str) -> String {
        let password = self.dir.join("password");
        std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
        std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let page = Page::read("docs/directories.md");
        let shown =
            page.take("server: ldaps://dc1").strip_prefix("directories:\n  corp:\n").expect("it names the domain");
        let here = shown.replace("ldaps://dc1.ad.example.org", &format!("ldap://{ADDRESS}"));
        let here = here.replace("file: ad.pw", &format!("file: {}", password.display()));
        format!("{here}\n    ca: {}\n{more}", self.ca().display())
    }

    /// A program of ldap-utils as the domain's administrator.
    fn client(&self, words: &[&str], input: &str) -> Ran {
        use std::io::Write;
        let (url, bind) = (format!("ldap://{ADDRESS}"), format!("CN=Administrator,CN=Users,{BASE}"));
        let ca = format!("LDAPTLS_CACERT={}", self.ca().display());
        let program = ["env", &ca, words[0], "-x", "-ZZ", "-H", &url, "-D", &bind, "-w", PASSWORD];
        let mut command = self.lab.controller_command(&[&program[..], &words[1..]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    pub fn search(&self, words: &[&str]) -> Ran {
        self.client(&[&["ldapsearch", "-LLL", "-o", "ldif-wrap=no"], words].concat(), "")
    }

    pub fn add(&self, ldif: &str) -> Ran {
        self.client(&["ldapadd"], ldif)
    }

    /// How often each person and group was changed.
    pub fn versions(&self) -> String {
        let of = |unit: &str| self.search(&["-b", &format!("{unit},{BASE}"), "uSNChanged"]).ok().stdout;
        of("OU=people") + &of("OU=groups")
    }

    /// The attributes of one entry, one a line.
    pub fn of(&self, name: &str) -> String {
        let said = self.search(&["-b", BASE, &format!("(sAMAccountName={name})")]).ok().stdout;
        let lines = said.lines().filter(|line| !line.is_empty() && !line.starts_with("# refldap"));
        lines.map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Samba<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it was ours");
        }
    }
}

/// A new domain, made once and copied for each test: to make one takes much longer than to start it.
fn provisioned(lab: &Lab) -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = lab.write_temp("domain", "").parent().unwrap().join("template");
        let password = format!("--adminpass={PASSWORD}");
        let (at, address) = (format!("--targetdir={}", dir.display()), format!("--host-ip={ADDRESS}"));
        let words = [
            "samba-tool",
            "domain",
            "provision",
            "--use-rfc2307",
            "--realm=AD.EXAMPLE.ORG",
            "--domain=EXAMPLE",
            "--server-role=dc",
            "--host-name=dc1",
            "--dns-backend=SAMBA_INTERNAL",
            &password,
            &at,
            &address,
        ];
        let made: Ran = lab.controller_command(&words).output().unwrap().into();
        made.ok();
        dir
    })
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

fn configuration(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "[global]
netbios name = DC1
realm = AD.EXAMPLE.ORG
workgroup = EXAMPLE
server role = active directory domain controller
server services = ldap
interfaces = lo {ADDRESS}
bind interfaces only = yes
private dir = {dir}/private
lock directory = {dir}
state directory = {dir}/state
cache directory = {dir}/cache
pid directory = {dir}
ncalrpc dir = {dir}/ncalrpc
idmap_ldb:use rfc2307 = yes
tls keyfile = {dir}/server.key
tls certfile = {dir}/server.crt
tls cafile = {dir}/ca.crt
"
    )
}

/// `unicodePwd` is the password in quotes, in UTF-16; LDIF may name a file that has a value.
fn seed(dir: &Path) -> String {
    let password = dir.join("unicodePwd");
    let bytes: Vec<u8> = format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&password, bytes).unwrap();
    let service = |name: &str| {
        format!(
            "dn: CN={name},CN=Users,{BASE}\nobjectClass: user\nsAMAccountName: {name}\nunicodePwd:< file://{}\n\
             userAccountControl: 512\n\n",
            password.display()
        )
    };
    let unit = |name: &str| format!("dn: OU={name},{BASE}\nobjectClass: organizationalUnit\n\n");
    let admins = format!(
        "dn: CN=Domain Admins,CN=Users,{BASE}\nchangetype: modify\nadd: member\nmember: CN=enlist,CN=Users,{BASE}\n\n"
    );
    [unit("people"), unit("groups"), service("enlist"), service("sssd"), admins].concat()
}
