//! NIS domains of a roster: people and groups in the sources of maps, on a master.

use super::directories::{DIRECTORY_IDS, read_ids};
use super::model::Written;
use super::reader::Reader;
use super::shape::NIS;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use words::diag::{Diagnostic, Place};
use words::value::node::Node;

/// A NIS domain and the hosts whose people come from it.
#[derive(Clone, Debug, PartialEq)]
pub struct NisEntry {
    /// Where it is written.
    pub place: Place,
    /// What the roster calls it.
    pub name: String,
    /// Inventory pattern of the master.
    pub master: Written<String>,
    /// The directory of `passwd`, `group` and `shadow` there, from which the maps are made (`YPPWDDIR`).
    pub source: PathBuf,
    /// The uids and gids that are enlist's there.
    pub ids: RangeInclusive<u32>,
    /// Inventory pattern of the hosts that resolve people from it, and get no accounts of their own.
    pub hosts: Option<Written<String>>,
}

/// Reads one entry of `nis:`.
pub(super) fn read(reader: &mut Reader, name: Written<String>, node: &Node) -> Option<NisEntry> {
    reader.fields(node, "a NIS domain", NIS);
    if node.get("master").is_none() {
        reader.missing(&name, "master", "the sources of its maps are changed there");
    }
    let (master, hosts) = (reader.text_field(node, "master"), reader.text_field(node, "hosts"));
    let source = match reader.text_field(node, "source") {
        Some(path) if !path.starts_with('/') || path.ends_with('/') => {
            let message = format!("`source` is `{}`, and no directory from the root on", path.value);
            reader
                .problems
                .push(Diagnostic::input(&path.place, message).hint("write it as YPPWDDIR of /var/yp/Makefile has it"));
            None
        }
        Some(path) => Some(path.value),
        None => {
            if node.get("source").is_none() {
                reader.missing(
                    &name,
                    "source",
                    "write the directory of its passwd and group: YPPWDDIR of /var/yp/Makefile",
                );
            }
            None
        }
    };
    let ids = read_ids(reader, &name, node, DIRECTORY_IDS);
    Some(NisEntry { place: name.place, name: name.value, master: master?, source: source?.into(), ids: ids?, hosts })
}
