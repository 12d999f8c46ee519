//! Groups that mean the same everywhere.

use super::{Choice, Found, FoundGroup, FoundPlaceOfPeople, by_name, fields, told};
use std::collections::{BTreeMap, BTreeSet};
use words::value::Value;

/// A group that has one number, wherever it is.
pub(super) struct Agreed<'p> {
    pub name: &'p str,
    pub gid: u32,
    /// Its entries, by place.
    pub places: Vec<(&'p str, &'p FoundGroup)>,
}

/// All groups that can be in a roster. The others are told only where somebody needs them.
pub(super) fn agreed<'p>(places: &'p [FoundPlaceOfPeople], choice: &Choice, found: &mut Found) -> Vec<Agreed<'p>> {
    let all = by_name(places, |place| &place.groups, |group| &group.name);
    let mut owners: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for (name, entries) in &all {
        entries.iter().for_each(|(_, group)| _ = owners.entry(group.gid).or_default().insert(name));
    }
    let mut agreed = Vec::new();
    for (name, entries) in all {
        let gid = entries[0].1.gid;
        if choice.without.contains(name) || choice.refusal(name, gid).is_some() {
            continue;
        }
        if entries.iter().any(|(_, group)| group.gid != gid) {
            let gids = told(entries.iter().map(|(place, group)| (*place, group.gid)));
            found.add(format!("group {name}"), format!("left out: its gid differs: {gids}"));
        } else if owners[&gid].len() > 1 {
            let names: Vec<_> = owners[&gid].iter().copied().collect();
            found.add(format!("group {name}"), format!("left out: gid {gid} is that of {}", names.join(" and ")));
        } else {
            agreed.push(Agreed { name, gid, places: entries });
        }
    }
    agreed
}

/// The groups that are used, as a roster writes them.
pub(super) fn written(groups: &[Agreed], used: &BTreeSet<&str>) -> Value {
    let all = groups.iter().filter(|group| used.contains(group.name));
    all.map(|group| (group.name, fields([("gid", group.gid.into())]))).collect()
}

/// Groups that are used and are not everywhere: the first plan makes them there.
pub(super) fn missing(places: &[FoundPlaceOfPeople], groups: &[Agreed], used: &BTreeSet<&str>, found: &mut Found) {
    for group in groups.iter().filter(|group| used.contains(group.name)) {
        let has = |place: &&FoundPlaceOfPeople| group.places.iter().any(|(name, _)| *name == place.name);
        let without: Vec<_> = places.iter().filter(|place| !has(place)).map(|place| place.name.as_str()).collect();
        if !without.is_empty() {
            found.add(
                format!("group {}", group.name),
                format!("is not on {}: the first plan makes it", without.join(", ")),
            );
        }
    }
}
