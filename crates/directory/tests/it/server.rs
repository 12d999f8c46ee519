//! A server that does what it is told, faults included, over a socket: no other one can be made to fail so exactly.

use bytes::BytesMut;
use directory::dn::{is_below, normal};
use directory::entry::{Edit, Entry};
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapAddRequest, LdapBindResponse, LdapFilter, LdapModify, LdapModifyRequest, LdapModifyType, LdapMsg, LdapOp,
    LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchRequest, LdapSearchResultEntry,
    LdapSearchResultReference, LdapSearchScope,
};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::codec::{Decoder, Encoder};

/// What a request is, for a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Bind,
    /// One entry.
    Look,
    /// Everything below.
    Sweep,
    Add,
    Modify,
    Delete,
    Other,
}

/// What the server does instead of its work.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Says no, with this code, after what it has found.
    Code(LdapResultCode),
    /// Says that all went well, and does nothing.
    Nothing,
    /// Does its work, and closes before it says so.
    Close,
    /// Closes, and does its work never, or so many milliseconds later.
    Late(Option<u64>),
    /// Sends what is no LDAP.
    Garbage,
    /// Sends a reference to another server, this URL, with what it found.
    Reference(&'static str),
    /// Forgets to say whether there are more pages.
    Unpaged,
    /// Sends a page without entries, and says that there are more: its cookie is a new one for the same place.
    Hollow,
    /// Somebody else adds this entry at the same time.
    Rival(Entry),
}

type Script = Box<dyn FnMut(Asked) -> Option<Fault> + Send>;

/// What is in it, and how it behaves.
pub struct World {
    pub entries: BTreeMap<String, Entry>,
    pub script: Script,
    /// Whether it knows conditions.
    pub asserts: bool,
    /// What it says of itself beside.
    pub root: Entry,
    /// Its schema.
    pub schema: Entry,
    /// Members that it sends of a group at a time; 0: all.
    pub members: usize,
    /// Whether it shows how often an entry was changed.
    pub counts: bool,
    /// Bits of `userAccountControl` that it keeps, whatever it is told.
    pub keeps: i64,
    /// What it gives each new person by itself.
    pub gives: Option<&'static str>,
    /// Entries a page.
    pub page: usize,
    /// Messages that it sends until it closes each connection.
    pub sends: usize,
    /// Adds, changes and removals that were really made.
    pub writes: Vec<String>,
    clock: usize,
}

pub struct Server {
    pub path: PathBuf,
    pub world: Arc<Mutex<World>>,
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl Server {
    /// Up, with these entries.
    pub fn start(entries: impl IntoIterator<Item = Entry>) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("enlist-ldap-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let mut world = World {
            entries: BTreeMap::new(),
            script: Box::new(|_| None),
            asserts: true,
            root: Entry::new(""),
            schema: subschema(),
            members: 0,
            counts: true,
            keeps: 0,
            gives: None,
            page: 2,
            sends: usize::MAX,
            writes: Vec::new(),
            clock: 0,
        };
        entries.into_iter().for_each(|entry| world.put(entry));
        let world = Arc::new(Mutex::new(world));
        let shared = world.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream.unwrap(), &shared));
            }
        });
        Self { path, world }
    }

    /// Behaves so from now on.
    pub fn script(&self, script: impl FnMut(Asked) -> Option<Fault> + Send + 'static) {
        self.world.lock().unwrap().script = Box::new(script);
    }

    /// What was written, in order.
    pub fn writes(&self) -> Vec<String> {
        self.world.lock().unwrap().writes.clone()
    }

    /// The entry of this name.
    pub fn entry(&self, dn: &str) -> Option<Entry> {
        self.world.lock().unwrap().entries.get(&normal(dn)).cloned()
    }

    /// Somebody else writes.
    pub fn put(&self, entry: Entry) {
        self.world.lock().unwrap().put(entry);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl World {
    /// Puts an entry there, as a new version.
    pub fn put(&mut self, mut entry: Entry) {
        self.clock += 1;
        let old = entry.values("entryCSN").to_vec();
        let new = vec![format!("20261130120000.{:06}Z#000000#000#000000", self.clock).into_bytes()];
        entry.edit(&[Edit { attribute: "entryCSN", remove: old, add: new }]);
        entry.put("uSNChanged", Some(&self.clock.to_string()));
        self.entries.insert(normal(&entry.dn), entry);
    }

    fn answer(&mut self, message: LdapMsg, fault: Option<Fault>) -> Option<Vec<LdapMsg>> {
        let id = message.msgid;
        if let Some(Fault::Rival(entry)) = &fault {
            self.put(entry.clone());
        }
        let does = !matches!(fault, Some(Fault::Nothing | Fault::Code(_)));
        let code = match &fault {
            Some(Fault::Code(code)) => Some(code.clone()),
            _ => None,
        };
        let answers = match message.op {
            LdapOp::BindRequest(_) => {
                vec![LdapMsg::new(id, LdapOp::BindResponse(LdapBindResponse { res: told(code), saslcreds: None }))]
            }
            LdapOp::SearchRequest(_) if fault == Some(Fault::Hollow) => vec![hollow(id, &message.ctrl)],
            LdapOp::SearchRequest(search) => self.search(id, &search, &message.ctrl, does, code),
            LdapOp::AddRequest(add) => {
                let code = code.or_else(|| does.then(|| self.add(add)).flatten());
                vec![LdapMsg::new(id, LdapOp::AddResponse(told(code)))]
            }
            LdapOp::ModifyRequest(modify) => {
                let code = code.or_else(|| does.then(|| self.modify(modify, &message.ctrl)).flatten());
                vec![LdapMsg::new(id, LdapOp::ModifyResponse(told(code)))]
            }
            LdapOp::DelRequest(dn) => {
                let code = code.or_else(|| does.then(|| self.delete(&dn, &message.ctrl)).flatten());
                vec![LdapMsg::new(id, LdapOp::DelResponse(told(code)))]
            }
            _ => return None,
        };
        match fault {
            Some(Fault::Close) => None,
            Some(Fault::Reference(url)) => Some([reference(id, url)].into_iter().chain(answers).collect()),
            Some(Fault::Unpaged) => Some(answers.into_iter().map(|answer| LdapMsg::new(id, answer.op)).collect()),
            _ => Some(answers),
        }
    }

    fn search(
        &self,
        id: i32,
        search: &LdapSearchRequest,
        controls: &[LdapControl],
        finds: bool,
        code: Option<LdapResultCode>,
    ) -> Vec<LdapMsg> {
        let at = normal(&search.base);
        let is_there = search.base.is_empty() || self.entries.contains_key(&at) || search.base == "cn=Subschema";
        let found: Vec<Entry> = match search.scope {
            _ if !finds && code.is_none() => Vec::new(),
            LdapSearchScope::Base if search.base.is_empty() => vec![root(&self.root, self.asserts)],
            LdapSearchScope::Base if search.base == "cn=Subschema" => vec![self.schema.clone()],
            LdapSearchScope::Base => self.entries.get(&at).into_iter().cloned().collect(),
            _ => {
                let below = self.entries.iter().filter(|(dn, _)| **dn == at || is_below(dn, &at));
                below.map(|(_, entry)| entry.clone()).filter(|entry| matches(entry, &search.filter)).collect()
            }
        };
        let missing = (!is_there && finds).then_some(LdapResultCode::NoSuchObject);
        let paged = cookie(controls).map(|cookie| String::from_utf8_lossy(cookie).parse().unwrap_or(0));
        let (start, all) = (paged.unwrap_or(0usize), found.len());
        let end = if paged.is_some() { all.min(start + self.page) } else { all };
        let mut answers: Vec<_> = found[start.min(all)..end]
            .iter()
            .map(|entry| LdapMsg::new(id, shown(&self.in_part(entry, &search.attrs))))
            .collect();
        let done = LdapOp::SearchResultDone(told(code.or(missing)));
        answers.push(match paged {
            None => LdapMsg::new(id, done),
            Some(_) => {
                let cookie = if end < all { end.to_string().into_bytes() } else { Vec::new() };
                LdapMsg::new_with_ctrls(id, done, vec![LdapControl::SimplePagedResults { size: 0, cookie }])
            }
        });
        answers
    }

    /// The entry with those of its members that go into one answer, as a domain controller sends them.
    fn in_part(&self, entry: &Entry, asked: &[String]) -> Entry {
        let start =
            asked.iter().find_map(|name| name.strip_prefix("member;range=")?.split('-').next()?.parse::<usize>().ok());
        let (mut part, all) = (entry.clone(), entry.values("member").to_vec());
        if !self.counts {
            part.take("uSNChanged");
        }
        if self.members == 0 || (start.is_none() && all.len() <= self.members) {
            return part;
        }
        let start = start.unwrap_or(0);
        let end = all.len().min(start + self.members);
        let last = if end == all.len() { "*".to_owned() } else { (end - 1).to_string() };
        part.put("member", None);
        all[start..end].iter().for_each(|value| part.add(&format!("member;range={start}-{last}"), value.clone()));
        part
    }

    fn add(&mut self, add: LdapAddRequest) -> Option<LdapResultCode> {
        if self.entries.contains_key(&normal(&add.dn)) {
            return Some(LdapResultCode::EntryAlreadyExists);
        }
        let mut entry = Entry::new(add.dn);
        for attribute in add.attributes {
            attribute.vals.into_iter().for_each(|value| entry.add(&attribute.atype, value));
        }
        if let Some(attribute) = self.gives.filter(|_| entry.is_a("posixAccount")) {
            entry.put(attribute, Some("S-1-5-21-1-2-3-1000"));
        }
        self.writes.push(format!("add {}", entry.dn));
        self.put(entry);
        None
    }

    fn modify(&mut self, modify: LdapModifyRequest, controls: &[LdapControl]) -> Option<LdapResultCode> {
        let Some(mut entry) = self.entries.get(&normal(&modify.dn)).cloned() else {
            return Some(LdapResultCode::NoSuchObject);
        };
        if self.is_other(&entry, controls) {
            return Some(LdapResultCode::AssertionFailed);
        }
        for change in modify.changes {
            if let Some(code) = make(&mut entry, change) {
                return Some(code);
            }
        }
        if let Some(bits) = entry.text("userAccountControl").and_then(|bits| bits.parse::<i64>().ok()) {
            entry.put("userAccountControl", Some(&(bits | self.keeps).to_string()));
        }
        self.writes.push(format!("modify {}", entry.dn));
        self.put(entry);
        None
    }

    fn delete(&mut self, dn: &str, controls: &[LdapControl]) -> Option<LdapResultCode> {
        let Some(entry) = self.entries.get(&normal(dn)) else { return Some(LdapResultCode::NoSuchObject) };
        if self.is_other(entry, controls) {
            return Some(LdapResultCode::AssertionFailed);
        }
        self.writes.push(format!("delete {dn}"));
        self.entries.remove(&normal(dn));
        None
    }

    /// Whether a condition does not hold: the only one that enlist makes is on the version.
    fn is_other(&self, entry: &Entry, controls: &[LdapControl]) -> bool {
        let version = entry.text("entryCSN").unwrap_or_default();
        controls.iter().any(|control| match control {
            LdapControl::Unknown { value: Some(value), .. } => {
                !value.windows(version.len()).any(|part| part == version.as_bytes())
            }
            _ => false,
        })
    }
}

fn make(entry: &mut Entry, change: LdapModify) -> Option<LdapResultCode> {
    // The few attributes that are changed in these tests.
    let known = [
        "loginShell",
        "memberUid",
        "member",
        "sshPublicKey",
        "objectClass",
        "homeDirectory",
        "displayName",
        "gecos",
        "userAccountControl",
        "unicodePwd",
        "info",
        "nsAccountLock",
        "nsSshPublicKey",
    ];
    let attribute = known.into_iter().find(|name| name.eq_ignore_ascii_case(&change.modification.atype)).unwrap();
    let values = change.modification.vals;
    let has = |value: &Vec<u8>| entry.values(attribute).contains(value);
    match change.operation {
        LdapModifyType::Add if values.iter().any(has) => Some(LdapResultCode::AttributeOrValueExists),
        LdapModifyType::Delete if !values.iter().all(has) => Some(LdapResultCode::NoSuchAttribute),
        LdapModifyType::Replace if attribute == "unicodePwd" => {
            entry.put("pwdLastSet", Some("133000000000000000"));
            None
        }
        LdapModifyType::Add => {
            entry.edit(&[Edit { attribute, remove: Vec::new(), add: values }]);
            None
        }
        _ => {
            entry.edit(&[Edit { attribute, remove: values, add: Vec::new() }]);
            None
        }
    }
}

fn asked(op: &LdapOp) -> Asked {
    match op {
        LdapOp::BindRequest(_) => Asked::Bind,
        LdapOp::SearchRequest(search) if search.scope == LdapSearchScope::Base => Asked::Look,
        LdapOp::SearchRequest(_) => Asked::Sweep,
        LdapOp::AddRequest(_) => Asked::Add,
        LdapOp::ModifyRequest(_) => Asked::Modify,
        LdapOp::DelRequest(_) => Asked::Delete,
        _ => Asked::Other,
    }
}

fn told(code: Option<LdapResultCode>) -> LdapResult {
    let code = code.unwrap_or(LdapResultCode::Success);
    let referral = if code == LdapResultCode::Referral { vec!["ldap://master".into()] } else { Vec::new() };
    LdapResult { code, matcheddn: String::new(), message: String::new(), referral }
}

/// What a paged search is to go on with; `None` of one that is not paged.
fn cookie(controls: &[LdapControl]) -> Option<&Vec<u8>> {
    controls.iter().find_map(|control| match control {
        LdapControl::SimplePagedResults { cookie, .. } => Some(cookie),
        _ => None,
    })
}

/// No entries, and a cookie that says the same in other letters.
fn hollow(id: i32, controls: &[LdapControl]) -> LdapMsg {
    let cookie = [b"0", cookie(controls).unwrap().as_slice()].concat();
    let done = LdapOp::SearchResultDone(told(None));
    LdapMsg::new_with_ctrls(id, done, vec![LdapControl::SimplePagedResults { size: 0, cookie }])
}

fn reference(id: i32, url: &str) -> LdapMsg {
    let uris = vec![url.to_owned()];
    LdapMsg::new(id, LdapOp::SearchResultReference(LdapSearchResultReference { uris }))
}

fn shown(entry: &Entry) -> LdapOp {
    let attributes = entry.attributes();
    let attributes = attributes.map(|(name, vals)| LdapPartialAttribute { atype: name.into(), vals: vals.to_vec() });
    LdapOp::SearchResultEntry(LdapSearchResultEntry { dn: entry.dn.clone(), attributes: attributes.collect() })
}

fn matches(entry: &Entry, filter: &LdapFilter) -> bool {
    match filter {
        LdapFilter::And(all) => all.iter().all(|one| matches(entry, one)),
        LdapFilter::Or(all) => all.iter().any(|one| matches(entry, one)),
        LdapFilter::Equality(name, value) => entry.texts(name).any(|text| text.eq_ignore_ascii_case(value)),
        LdapFilter::Present(_) => true,
        other => panic!("a filter that enlist does not use: {other:?}"),
    }
}

fn root(more: &Entry, asserts: bool) -> Entry {
    let root = more.clone().with("subschemaSubentry", "cn=Subschema");
    if asserts { root.with("supportedControl", "1.3.6.1.1.12") } else { root }
}

fn subschema() -> Entry {
    Entry::new("cn=Subschema")
        .with("objectClass", "subschema")
        .with("objectClasses", "( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top STRUCTURAL MUST ( cn $ gidNumber ) )")
        .with("objectClasses", "( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY )")
        .with("objectClasses", "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' STRUCTURAL )")
        .with("objectClasses", "( 1.3.6.1.4.1.24552.500.1.1.2.0 NAME 'ldapPublicKey' AUXILIARY )")
        .with("attributeTypes", "( 1.3.6.1.4.1.24552.500.1.1.1.13 NAME 'sshPublicKey' )")
}

/// A message with this number and an operation that there is not: well-formed BER, and no LDAP.
fn garbage(id: i32) -> Vec<u8> {
    let id = u8::try_from(id).unwrap();
    vec![0x30, 0x0c, 0x02, 0x01, id, 0x7f, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]
}

fn do_later(shared: &Arc<Mutex<World>>, message: LdapMsg, later: Option<u64>) {
    let Some(milliseconds) = later else { return };
    let shared = shared.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(milliseconds));
        shared.lock().unwrap().answer(message, None);
    });
}

/// One connection. It ends with the first fault that closes it.
fn serve(mut stream: UnixStream, shared: &Arc<Mutex<World>>) {
    let (mut codec, mut buffer, mut sent) = (LdapCodec::default(), BytesMut::new(), 0);
    let mut bytes = [0; 65536];
    loop {
        let Ok(length @ 1..) = stream.read(&mut bytes) else { return };
        buffer.extend_from_slice(&bytes[..length]);
        while let Ok(Some(message)) = codec.decode(&mut buffer) {
            let mut world = shared.lock().unwrap();
            let fault = (world.script)(asked(&message.op));
            if fault == Some(Fault::Garbage) {
                let _ = stream.write_all(&garbage(message.msgid));
                return;
            }
            if let Some(Fault::Late(later)) = fault {
                do_later(shared, message, later);
                return;
            }
            let Some(answers) = world.answer(message, fault) else { return };
            for answer in answers {
                if sent >= world.sends {
                    return;
                }
                let mut out = BytesMut::new();
                codec.encode(answer, &mut out).unwrap();
                if stream.write_all(&out).is_err() {
                    return;
                }
                sent += 1;
            }
        }
    }
}
