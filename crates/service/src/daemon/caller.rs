//! Who asks. This is the only place that decides it.
//!
//! On the unix socket the kernel says who is at the other end. Over TLS a login node's daemon vouches for its users; its
//! word is limited (`docs/cluster.md`, "Trust").

use super::config::Config;
use super::nss::ThisHost;
use super::pki::{Certificate, Directory, Revocations, Role, Standing, now};
use axum::extract::FromRequestParts;
use axum::extract::connect_info::ConnectInfo;
use axum::http::StatusCode;
use axum::http::request::Parts;
use slurm::settings::Settings;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use words::people::{People, Sought, Uid};

/// Header in which a node says for which of its user numbers it asks.
pub const UID_HEADER: &str = "enlist-uid";

/// Header in which a node says which name that number has there.
pub const USER_HEADER: &str = "enlist-user";

/// What a node's root, and everyone else whom a node may not speak for, counts as.
const NOBODY: Uid = Uid(65534);

/// The other end of a connection.
#[derive(Clone, Debug)]
pub enum Peer {
    /// A process on this host, with its user number from the kernel; `None` when the kernel would not say.
    Local(Option<Uid>),
    /// A login node or a compute node, with a certificate that TLS has verified.
    Node(Arc<Node>),
}

/// A login node on a connection.
#[derive(Debug)]
pub struct Node {
    /// What its certificate says.
    pub certificate: Certificate,
    /// What nodes may.
    pub rules: Arc<Rules>,
}

/// What nodes may: the settings of now, and the certificates that no longer count.
#[derive(Debug)]
pub struct Rules {
    granted: RwLock<Granted>,
    /// Which certificates no longer count.
    pub revocations: Arc<Revocations>,
}

/// What the configuration says of nodes.
#[derive(Debug)]
struct Granted {
    /// `TrustedNodes`: those whose root and SlurmUser count as the master's.
    trusted: Vec<String>,
    /// `OrdinaryNodes`: those whose users are neither Administrators nor Operators.
    ordinary: Vec<String>,
    /// `SlurmUser`.
    slurm_user: String,
}

impl Granted {
    fn of(config: &Config) -> Self {
        Self {
            trusted: config.network.trusted_nodes.clone(),
            ordinary: config.network.ordinary_nodes.clone(),
            slurm_user: config.accounting.slurm_user.clone(),
        }
    }
}

/// Whether a list names the node, itself or as one of `all`.
fn names(list: &[String], node: &str) -> bool {
    list.iter().any(|name| name.eq_ignore_ascii_case(node) || name.eq_ignore_ascii_case("all"))
}

impl Rules {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        let revocations = Arc::new(Revocations::of(Directory::new(&config.network.certificates)));
        Self { granted: RwLock::new(Granted::of(config)), revocations }
    }

    /// Takes on new settings, which count at once, on open connections too.
    pub fn reload(&self, config: &Config) {
        *self.granted.write().unwrap_or_else(PoisonError::into_inner) = Granted::of(config);
    }
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user number that counts.
    pub uid: Uid,
    /// The node that vouches for it; `None` when the kernel does.
    pub node: Option<String>,
    /// Whether it counts as an ordinary user, whatever the store says.
    pub is_ordinary: bool,
}

impl Caller {
    /// Who asks, without where from.
    pub fn who(&self) -> Who {
        Who { uid: self.uid, is_ordinary: self.is_ordinary }
    }
}

/// Whether a caller stands for those of a node whom it may not speak for.
pub fn is_nobody(caller: &Caller) -> bool {
    caller.uid == NOBODY && caller.node.is_some()
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// The user number.
    pub uid: Uid,
    /// Whether it counts as an ordinary user, whatever the store says.
    pub is_ordinary: bool,
}

impl From<Uid> for Who {
    fn from(uid: Uid) -> Self {
        Self { uid, is_ordinary: false }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            None => write!(f, "user {}", self.uid),
            Some(node) => write!(f, "user {} by the word of {node}", self.uid),
        }
    }
}

/// A request of nobody: status and the reason.
pub type Refusal = (StatusCode, String);

fn forbidden(why: impl Into<String>) -> Refusal {
    (StatusCode::FORBIDDEN, why.into())
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // Nothing but this service puts one there, when it has found out once.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<Peer>>().cloned() else {
            return Err(forbidden("nothing is known of the other end of this connection"));
        };
        match peer {
            Peer::Local(Some(uid)) => Ok(Self { uid, node: None, is_ordinary: false }),
            Peer::Local(None) => Err(forbidden("the kernel does not say who you are")),
            // It has no users: what it may ask is not anybody's to ask.
            Peer::Node(node) if node.certificate.role == Some(Role::Compute) => {
                Ok(Self { uid: NOBODY, node: Some(node.name().to_owned()), is_ordinary: true })
            }
            Peer::Node(node) => {
                let (uid, user) = asserted(parts)?;
                // Names may come over the network.
                let decided = tokio::task::spawn_blocking(move || node.vouch(uid, &user, &name_here));
                decided.await.unwrap_or_else(|_| Err(forbidden("the name of the user could not be looked up")))
            }
        }
    }
}

/// SlurmUser's number on this host.
pub fn slurm_uid(settings: &Settings) -> Sought<Uid> {
    ThisHost.user(&settings.slurm_user).map(|user| user.uid)
}

/// What a node says of its user.
fn asserted(parts: &Parts) -> Result<(Uid, String), Refusal> {
    let only = |name: &str| {
        let mut values = parts.headers.get_all(name).iter();
        let first = values.next()?.to_str().ok()?;
        values.next().is_none().then(|| first.to_owned())
    };
    let uid = only(UID_HEADER).and_then(|uid| uid.parse().ok());
    let bad = || (StatusCode::BAD_REQUEST, "the node does not say for whom it asks; is its enlist older?".to_owned());
    Ok((uid.ok_or_else(bad)?, only(USER_HEADER).ok_or_else(bad)?))
}

/// What this host calls a user number.
fn name_here(uid: Uid) -> Sought<String> {
    ThisHost.user_numbered(uid).map(|user| user.name)
}

impl Node {
    /// The node's name, from its certificate.
    pub fn name(&self) -> &str {
        self.certificate.name()
    }

    /// Whether the certificate still holds: a connection may outlive it.
    pub fn check(&self) -> Result<(), Refusal> {
        let name = self.name();
        let again = format!("run playbooks/cluster.yml -e renew=yes --limit MASTER,{name} if it may be let in again");
        match self.rules.revocations.is_revoked(&self.certificate.serial) {
            Ok(false) => {}
            Ok(true) => return Err(forbidden(format!("the certificate of {name} is revoked; {again}"))),
            Err(error) => {
                tracing::error!("{error}");
                return Err(forbidden("the master cannot say which certificates are revoked; its log says why"));
            }
        }
        match self.certificate.standing(now()) {
            Standing::Good | Standing::EndsSoon => Ok(()),
            Standing::Expired | Standing::NotYet => Err(forbidden(format!(
                "the certificate of {name} has expired; run playbooks/cluster.yml, it renews it"
            ))),
        }
    }

    /// Takes the node's word for a user number and its name there, as far as it goes: the two must belong together here,
    /// too; the node's root and SlurmUser count as nobody, unless the node is trusted.
    fn vouch(&self, uid: Uid, user: &str, name_here: &dyn Fn(Uid) -> Sought<String>) -> Result<Caller, Refusal> {
        self.check()?;
        let node = self.name();
        let (is_ordinary, is_trusted, is_special) = {
            let granted = self.rules.granted.read().unwrap_or_else(PoisonError::into_inner);
            let is_special = uid == Uid::ROOT || user.eq_ignore_ascii_case(&granted.slurm_user);
            (names(&granted.ordinary, node), names(&granted.trusted, node), is_special)
        };
        let caller = |uid| Ok(Caller { uid, node: Some(node.to_owned()), is_ordinary });
        if is_special && (is_ordinary || !is_trusted) {
            return caller(NOBODY);
        }
        match name_here(uid) {
            Sought::There(name) if name.eq_ignore_ascii_case(user) => caller(uid),
            Sought::There(name) => Err(forbidden(format!(
                "user number {uid} is {user} on {node}, but {name} on the master; `enlist audit` shows all such differences"
            ))),
            Sought::Absent => Err(forbidden(format!(
                "the master does not know user number {uid} ({user} on {node}); `enlist plan` shows who is missing where"
            ))),
            Sought::CannotSay(why) => Err((
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "on the master {why}; so it does not know user number {uid} ({user} on {node}) yet, ask again later"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pki::{Authority, DAYS, Ledger, request};
    use super::*;
    use axum::http::Request;
    use words::people::Listed;

    fn config(directory: &std::path::Path, lists: &[(&str, &[&str])]) -> Config {
        let lists = lists.iter().map(|(key, nodes)| format!("{key}={}\n", nodes.join(",")));
        let text = format!("CertificateDirectory={}\nSlurmUser=slurm\n", directory.display());
        Config::parse(&words::diag::Source::new("test", lists.fold(text, |all, list| all + &list))).unwrap()
    }

    fn node(trusted: &[&str]) -> (tempfile::TempDir, Directory, Node) {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::new(root.path());
        let (authority, _) = Authority::open_or_make(&directory).unwrap();
        let asked = request(&directory, Role::Node, "login3", true).unwrap().unwrap();
        let pem = authority.issue(&asked, Role::Node, &["login3".to_owned()], DAYS).unwrap();
        directory.write("node.crt", &pem, false).unwrap();
        let certificate = directory.certificate("node.crt").unwrap().unwrap().1;
        let rules = Rules::new(&config(root.path(), &[("TrustedNodes", trusted)]));
        (root, directory, Node { certificate, rules: Arc::new(rules) })
    }

    fn here(uid: Uid) -> Sought<String> {
        let users = [("root", 0), ("slurm", 64030), ("Gildong", 2001), ("nobody", 65534)];
        Listed::new(&users, &[]).user_numbered(uid).map(|user| user.name)
    }

    #[test]
    fn number_and_name_must_be_one_person() {
        let (_root, _, node) = node(&[]);
        assert_eq!(node.vouch(Uid(2001), "gildong", &here).unwrap().uid, Uid(2001));
        let refused = |uid, user| node.vouch(uid, user, &here).unwrap_err().1;
        assert!(refused(Uid(2001), "kim").contains("2001 is kim on login3, but Gildong on the master"));
        assert!(refused(Uid(2002), "kim").contains("does not know user number 2002 (kim on login3)"));
        let down = |uid| Listed::down("no answer").user_numbered(uid).map(|user| user.name);
        let (status, why) = node.vouch(Uid(2001), "gildong", &down).unwrap_err();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{why}");
        assert!(why.contains("users cannot be looked up now: no answer"), "{why}");
        // Numbers of the special ones under another name are no way around.
        assert!(refused(Uid(64030), "kim").contains("but slurm on the master"));
    }

    #[test]
    fn a_nodes_root_is_nobody_unless_the_node_is_trusted() {
        let (_root, _, plain) = node(&["login4"]);
        let (_root2, _, trusted) = node(&["LOGIN3"]);
        for (uid, user) in [(0, "root"), (0, "gildong"), (64030, "slurm"), (2001, "slurm")] {
            let caller = plain.vouch(Uid(uid), user, &here).unwrap();
            assert_eq!(caller, Caller { uid: NOBODY, node: Some("login3".into()), is_ordinary: false });
        }
        assert_eq!(trusted.vouch(Uid::ROOT, "root", &here).unwrap().uid, Uid::ROOT);
        assert!(trusted.vouch(Uid(2001), "slurm", &here).is_err());
    }

    #[test]
    fn new_settings_count_on_connections_from_before() {
        let (root, _, node) = node(&[]);
        let taken = |uid, user| node.vouch(uid, user, &here).map(|caller| (caller.uid, caller.is_ordinary));
        let reload = |lists: &[(&str, &[&str])]| node.rules.reload(&config(root.path(), lists));
        assert_eq!(taken(Uid::ROOT, "root"), Ok((NOBODY, false)));
        reload(&[("TrustedNodes", &["login3"])]);
        assert_eq!(taken(Uid::ROOT, "root"), Ok((Uid::ROOT, false)));
        for list in [&["login4", "Login3"] as &[_], &["all"]] {
            reload(&[("TrustedNodes", &["login3"]), ("OrdinaryNodes", list)]);
            assert_eq!(taken(Uid::ROOT, "root"), Ok((NOBODY, true)), "ordinary comes first");
            assert_eq!(taken(Uid(2001), "gildong"), Ok((Uid(2001), true)));
        }
        reload(&[("OrdinaryNodes", &["login4"])]);
        assert_eq!(taken(Uid(2001), "gildong"), Ok((Uid(2001), false)));
    }

    #[test]
    fn a_connection_does_not_outlive_its_certificate() {
        let (_root, directory, mut node) = node(&[]);
        node.certificate.until = now() - 1;
        assert!(node.vouch(Uid(2001), "gildong", &here).unwrap_err().1.contains("has expired"));
        node.certificate.until = now() + 1000;
        node.vouch(Uid(2001), "gildong", &here).unwrap();
        let mut ledger = Ledger::read(&directory).unwrap();
        ledger.revoke("login3", 1);
        ledger.write(&directory).unwrap();
        assert!(node.vouch(Uid(2001), "gildong", &here).unwrap_err().1.contains("is revoked"));
        std::fs::write(directory.file("issued"), "?\n").unwrap();
        assert!(node.vouch(Uid(2001), "gildong", &here).unwrap_err().1.contains("cannot say which"));
    }

    /// What a request with these headers is taken for.
    async fn taken(peer: Option<Peer>, headers: &[(&str, &str)]) -> Result<Caller, StatusCode> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo(peer));
        }
        Caller::from_request_parts(&mut parts, &()).await.map_err(|refusal| refusal.0)
    }

    #[tokio::test]
    async fn headers_count_only_from_nodes() {
        let lie = [(UID_HEADER, "0"), (USER_HEADER, "root")];
        let own = Caller { uid: Uid(2001), node: None, is_ordinary: false };
        assert_eq!(taken(Some(Peer::Local(Some(Uid(2001)))), &lie).await, Ok(own));
        assert_eq!(taken(Some(Peer::Local(None)), &lie).await, Err(StatusCode::FORBIDDEN));
        assert_eq!(taken(None, &lie).await, Err(StatusCode::FORBIDDEN));
        let (_root, _, node) = node(&[]);
        let peer =
            || Some(Peer::Node(Arc::new(Node { certificate: node.certificate.clone(), rules: node.rules.clone() })));
        assert_eq!(taken(peer(), &lie).await.map(|caller| caller.uid), Ok(NOBODY));
        for bad in [
            &[] as &[(&str, &str)],
            &[(UID_HEADER, "0")],
            &[(UID_HEADER, "-1"), (USER_HEADER, "root")],
            &[(UID_HEADER, "4294967296"), (USER_HEADER, "root")],
            &[(UID_HEADER, "2001"), (UID_HEADER, "0"), (USER_HEADER, "root")],
        ] {
            assert_eq!(taken(peer(), bad).await, Err(StatusCode::BAD_REQUEST), "{bad:?}");
        }
    }
}
