//! One connection, by way of the crate `ldap3`: the only file that knows it.
//!
//! Its driver runs as a task of its own. The crate panics at some answers that are none; a driver or a call that dies so is a
//! connection that is lost, and no more. It neither reconnects nor pages in a way that tells what is missing: that is ours.

use super::password;
use super::trouble::{Trouble, code};
use crate::dn::normal;
use crate::entry::{Edit, Entry, Write};
use crate::settings::Server;
use ldap3::controls::{Assertion, Control, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, ResultEntry, Scope, SearchStream};
use std::collections::HashSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_rustls::rustls::ClientConfig;

/// How long one operation may take; a page of a sweep counts as one.
const PATIENCE: Duration = Duration::from_secs(30);

/// At most so many entries of one search are taken: 8 times the people of a very large site.
const MOST_ENTRIES: usize = 400_000;

/// At most so many bytes of values.
const MOST_BYTES: usize = 512 << 20;

/// Entries a page; sssd asks for 1000, and servers that allow less say so.
const PAGE: i32 = 500;

/// At most so many pages without an entry are taken one after another. RFC 2696 allows them: a server may have looked through
/// as much as it likes to at a time, and found nothing.
const MOST_EMPTY: usize = 100;

/// The control of RFC 2696.
const PAGED: &str = "1.2.840.113556.1.4.319";

/// Where a search looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Where {
    /// At this entry.
    Here,
    /// At it and everything below.
    Below,
}

/// A connection.
pub(super) struct Wire {
    // Dropped first: the driver is a task of the runtime.
    ldap: Ldap,
    runtime: Runtime,
    /// Normal names of parts on other servers in which nobody is looked for.
    pub harmless: Vec<String>,
}

impl Wire {
    /// Connects, with TLS before anything is said unless it is a socket of this machine.
    pub fn connect(server: &Server, tls: Option<Arc<ClientConfig>>) -> Result<Self, Trouble> {
        let lost = |error: std::io::Error| Trouble::Lost(error.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(lost)?;
        let settings = LdapConnSettings::new().set_conn_timeout(PATIENCE);
        let settings = settings.set_starttls(matches!(server, Server::StartTls(_)));
        let settings = match tls {
            Some(config) => settings.set_config(config),
            None => settings,
        };
        let url = server.url();
        let ldap = run(&runtime, async {
            let connecting = tokio::time::timeout(PATIENCE, LdapConnAsync::with_settings(settings, &url));
            let (connection, ldap) = connecting.await.map_err(|_| Trouble::Lost("no answer in time".into()))??;
            tokio::spawn(connection.drive());
            Ok(ldap)
        })?;
        Ok(Self { ldap, runtime, harmless: Vec::new() })
    }

    /// Logs in by the kernel's word.
    pub fn bind_external(&mut self) -> Result<(), Trouble> {
        let Self { ldap, runtime, .. } = self;
        run(runtime, async { done(ldap.with_timeout(PATIENCE).sasl_external_bind().await?) })
    }

    /// Logs in with a password.
    pub fn bind(&mut self, dn: &str, password: &str) -> Result<(), Trouble> {
        let Self { ldap, runtime, .. } = self;
        run(runtime, async { done(ldap.with_timeout(PATIENCE).simple_bind(dn, password).await?) })
    }

    /// All that matches, or an error: a part is never taken for all. A server that thinks the page too large is asked for
    /// smaller ones.
    pub fn search(&mut self, base: &str, at: Where, filter: &str, attributes: &[&str]) -> Result<Vec<Entry>, Trouble> {
        let mut page = PAGE;
        loop {
            let found = self.pages(page, base, at, filter, attributes);
            match found {
                Err(trouble) if trouble.is(code::ADMIN_LIMIT) && page > 1 => page /= 2,
                other => return other,
            }
        }
    }

    fn pages(
        &mut self,
        page: i32,
        base: &str,
        at: Where,
        filter: &str,
        attributes: &[&str],
    ) -> Result<Vec<Entry>, Trouble> {
        let (mut found, mut cookie, mut bytes, mut empty) = (Vec::new(), Vec::new(), 0, 0);
        loop {
            let control =
                matches!(at, Where::Below).then(|| PagedResults { size: page, cookie: cookie.clone() }.into());
            let (is_later, before) = (!cookie.is_empty(), found.len());
            let Self { ldap, runtime, harmless } = self;
            let next = run(runtime, async {
                let ldap = ldap.with_timeout(PATIENCE).with_controls(control.into_iter().collect::<Vec<RawControl>>());
                let scope = if matches!(at, Where::Below) { Scope::Subtree } else { Scope::Base };
                let stream = ldap.streaming_search(base, scope, filter, attributes.to_vec()).await?;
                read_page(stream, harmless, &mut found, &mut bytes, is_later).await
            })?;
            if next.is_empty() {
                return Ok(found);
            }
            empty = if found.len() == before { empty + 1 } else { 0 };
            if empty == MOST_EMPTY {
                return Err(Trouble::Untrue("it sends empty pages without end".into()));
            }
            cookie = next;
        }
    }

    /// Makes one write, on the condition that the entry still is the version `seen`.
    pub fn write(&mut self, write: &Write, seen: Option<&str>) -> Result<(), Trouble> {
        let begins = match write {
            Write::Begin { edits, .. } => Some(beginning(edits)?),
            Write::Add(_) | Write::Modify { .. } | Write::Delete { .. } => None,
        };
        let assertion = seen.map(|version| {
            let mut control = Assertion::new(format!("(entryCSN={version})"));
            control.crit = true;
            control
        });
        let Self { ldap, runtime, .. } = self;
        run(runtime, async {
            let ldap = ldap.with_timeout(PATIENCE).with_controls(assertion.into_iter().collect::<Vec<RawControl>>());
            let result = match write {
                Write::Add(entry) => ldap.add(&entry.dn, all(entry)).await,
                Write::Modify { dn, edits } => ldap.modify(dn, edits.iter().flat_map(modifications).collect()).await,
                Write::Begin { dn, .. } => ldap.modify(dn, begins.unwrap_or_default()).await,
                Write::Delete { dn } => ldap.delete(dn).await,
            };
            done(result?)
        })
    }
}

fn all(entry: &Entry) -> Vec<(Vec<u8>, HashSet<Vec<u8>>)> {
    let attributes = entry.attributes();
    attributes.map(|(name, values)| (name.as_bytes().to_vec(), values.iter().cloned().collect())).collect()
}

/// What goes is named, so that a server refuses where it is not there any more.
fn modifications(edit: &Edit) -> Vec<Mod<Vec<u8>>> {
    let name = edit.attribute.as_bytes().to_vec();
    let set = |values: &[Vec<u8>]| values.iter().cloned().collect::<HashSet<_>>();
    let remove = (!edit.remove.is_empty()).then(|| Mod::Delete(name.clone(), set(&edit.remove)));
    let add = (!edit.add.is_empty()).then(|| Mod::Add(name.clone(), set(&edit.add)));
    remove.into_iter().chain(add).collect()
}

/// A password first, and then what needs one.
fn beginning(edits: &[Edit]) -> Result<Vec<Mod<Vec<u8>>>, Trouble> {
    let password = password::unknown().map_err(|why| Trouble::Untrue(format!("no password can be made: {why}")))?;
    let set = Mod::Replace(b"unicodePwd".to_vec(), HashSet::from([password]));
    Ok([set].into_iter().chain(edits.iter().flat_map(modifications)).collect())
}

/// Takes one page's entries; the cookie of the next, empty after the last.
async fn read_page<'a>(
    mut stream: SearchStream<'a, &'a str, Vec<&'a str>>,
    harmless: &[String],
    found: &mut Vec<Entry>,
    bytes: &mut usize,
    is_later: bool,
) -> Result<Vec<u8>, Trouble> {
    while let Some(item) = stream.next().await? {
        if item.is_intermediate() {
            continue;
        }
        if item.is_ref() {
            let url = reference(item).unwrap_or_else(|| "it does not say which".into());
            if named_by(&url).is_some_and(|dn| harmless.contains(&normal(&dn))) {
                continue;
            }
            return Err(Trouble::Elsewhere(url));
        }
        let entry = read_entry(item).ok_or_else(|| Trouble::Lost("it sends an entry that is none".into()))?;
        *bytes += entry.attributes().flat_map(|(_, values)| values).map(Vec::len).sum::<usize>();
        found.push(entry);
        if found.len() > MOST_ENTRIES || *bytes > MOST_BYTES {
            return Err(Trouble::Untrue(format!("it sends more than {MOST_ENTRIES} entries or {MOST_BYTES} bytes")));
        }
    }
    let mut result = stream.finish().await;
    let controls = std::mem::take(&mut result.ctrls);
    done(result)?;
    cookie(&controls, is_later)
}

/// The first URL of a search result reference.
fn reference(item: ResultEntry) -> Option<String> {
    let first = item.0.expect_constructed()?.into_iter().next()?;
    String::from_utf8(first.expect_primitive()?).ok()
}

/// The entry that an LDAP URL names (RFC 4516), with what is written as `%hh` in it.
fn named_by(url: &str) -> Option<String> {
    let (_, after) = url.split_once("://")?;
    let (_, path) = after.split_once('/')?;
    let dn = path.split('?').next()?;
    let (mut bytes, mut rest) = (Vec::new(), dn.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match hex {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// As RFC 4511 has it; the crate's own reader panics at anything else.
fn read_entry(item: ResultEntry) -> Option<Entry> {
    let mut parts = item.0.match_id(4)?.expect_constructed()?.into_iter();
    let mut entry = Entry::new(String::from_utf8(parts.next()?.expect_primitive()?).ok()?);
    for attribute in parts.next()?.expect_constructed()? {
        let mut parts = attribute.expect_constructed()?.into_iter();
        let name = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        for value in parts.next()?.expect_constructed()? {
            entry.add(&name, value.expect_primitive()?);
        }
    }
    Some(entry)
}

/// The cookie in the answer to a paged search: `SEQUENCE { INTEGER, OCTET STRING }`. Without a control the first answer is all
/// there is, from a server that does not page; one that does says so with each page (RFC 2696).
fn cookie(controls: &[Control], is_later: bool) -> Result<Vec<u8>, Trouble> {
    let Some(control) = controls.iter().find(|control| control.1.ctype == PAGED) else {
        let cut = "it sends a page that does not say whether it is the last";
        return if is_later { Err(Trouble::Untrue(cut.into())) } else { Ok(Vec::new()) };
    };
    let value = control.1.val.as_deref().unwrap_or_default();
    let cookie = element(value, 0x30)
        .and_then(|(sequence, _)| element(sequence, 0x02))
        .and_then(|(_, rest)| element(rest, 0x04))
        .map(|(cookie, _)| cookie.to_vec());
    cookie.ok_or_else(|| Trouble::Lost("it sends a page without a readable end".into()))
}

/// One BER element of this tag: its content, and what follows.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (*first == tag).then_some(())?;
    rest.split_at_checked(length)
}

/// A result that is not success is trouble, also where it came with entries.
fn done(result: LdapResult) -> Result<(), Trouble> {
    if result.rc == code::SUCCESS {
        return Ok(());
    }
    Err(Trouble::Refused { code: result.rc, text: result.text, referral: result.refs.into_iter().next() })
}

impl From<LdapError> for Trouble {
    fn from(error: LdapError) -> Self {
        Trouble::Lost(match error {
            LdapError::Io { source } => source.to_string(),
            LdapError::Timeout { .. } => "no answer in time".into(),
            LdapError::OpSend { .. } | LdapError::ResultRecv { .. } | LdapError::EndOfStream => {
                "closed by the server".into()
            }
            LdapError::LdapResult { result } => return done(result).err().unwrap_or(Trouble::Lost("no reason".into())),
            other => other.to_string(),
        })
    }
}

/// Waits for `work`. A panic within it is an answer that the crate could not read.
fn run<T>(runtime: &Runtime, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    caught.unwrap_or_else(|_| Err(Trouble::Lost("it sends what is no answer".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_entries() {
        let url = "ldap://ad.example.org/CN=Configuration,DC=ad,DC=example%2cDC=org??base";
        assert_eq!(named_by(url).as_deref(), Some("CN=Configuration,DC=ad,DC=example,DC=org"));
        for none in ["", "ldap://host", "it does not say which"] {
            assert_eq!(named_by(none), None, "{none}");
        }
    }

    #[test]
    fn cookies() {
        let control = |value: &[u8]| {
            vec![Control(None, RawControl { ctype: PAGED.into(), crit: false, val: Some(value.to_vec()) })]
        };
        assert_eq!(cookie(&[], false), Ok(Vec::new()));
        assert!(matches!(cookie(&[], true), Err(Trouble::Untrue(_))), "a later page without the control is no end");
        assert_eq!(cookie(&control(b"\x30\x07\x02\x01\x00\x04\x02ab"), true), Ok(b"ab".to_vec()));
        assert_eq!(cookie(&control(b"\x30\x05\x02\x01\x00\x04\x00"), true), Ok(Vec::new()));
        for bad in [&b""[..], b"\x30", b"\x30\x85\x00", b"\x30\x05\x02\x01\x00\x04\x09", b"\x30\x84\xff\xff\xff\xff"] {
            assert!(cookie(&control(bad), true).is_err(), "{bad:?}");
        }
    }
}
