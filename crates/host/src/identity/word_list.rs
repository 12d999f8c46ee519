//! [`NameList`]: the names in a list of an account file, cheap to copy and to add to however many they are.

use std::sync::Arc;

/// How many names stand together: what a change of one of them copies.
const TOGETHER: usize = 64;

/// Names as they are written, in order; with blanks around them and with empty ones.
#[derive(Clone, Debug, Default, Eq)]
pub struct NameList {
    chunks: Vec<Arc<Vec<String>>>,
}

impl NameList {
    /// No names.
    pub const NONE: NameList = NameList { chunks: Vec::new() };

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.is_empty())
    }

    /// Adds one at the end.
    pub fn push(&mut self, name: String) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < TOGETHER) {
            Some(chunk) => Arc::make_mut(chunk).push(name),
            None => self.chunks.push(Arc::new(vec![name])),
        }
    }

    /// Takes out those for which `stays` is false.
    pub fn retain(&mut self, stays: impl Fn(&str) -> bool) {
        for chunk in &mut self.chunks {
            if chunk.iter().any(|name| !stays(name)) {
                Arc::make_mut(chunk).retain(|name| stays(name));
            }
        }
    }

    /// With commas between them.
    pub fn join(&self) -> String {
        self.iter().collect::<Vec<_>>().join(",")
    }

    /// The names in the parts of both lists that differ: what is here and what is in `other`. A name may be in both.
    pub(super) fn differing<'a>(&'a self, other: &'a NameList) -> (Vec<&'a str>, Vec<&'a str>) {
        let is_same = |at: usize| match (self.chunks.get(at), other.chunks.get(at)) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            _ => false,
        };
        let rest = |names: &'a NameList| {
            let differing = names.chunks.iter().enumerate().filter(|(at, _)| !is_same(*at));
            differing.flat_map(|(_, chunk)| chunk.iter()).map(String::as_str).collect()
        };
        (rest(self), rest(other))
    }
}

impl PartialEq for NameList {
    fn eq(&self, other: &Self) -> bool {
        let is_shared = |(one, two): &(&Arc<_>, &Arc<_>)| Arc::ptr_eq(one, two);
        let shared = self.chunks.iter().zip(&other.chunks).take_while(is_shared).count();
        let names = |rest| <[Arc<Vec<String>>]>::iter(rest).flat_map(|chunk| chunk.iter());
        names(&self.chunks[shared..]).eq(names(&other.chunks[shared..]))
    }
}

impl<S: Into<String>> FromIterator<S> for NameList {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = NameList::default();
        names.into_iter().for_each(|name| all.push(name.into()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_share_what_they_do_not_change() {
        let first: NameList = (0..200).map(|n| n.to_string()).collect();
        let mut second = first.clone();
        second.push("new".into());
        second.retain(|name| name != "3");
        assert_ne!(first, second);
        assert_eq!((first.iter().count(), second.iter().count()), (200, 200));
        let (here, there) = first.differing(&second);
        assert!(here.contains(&"3") && there.contains(&"new") && here.len() < 150 && !here.contains(&"70"));
        second.retain(|name| name != "new");
        second.push("3".into());
        assert_eq!(second.iter().last(), Some("3"));
        assert_eq!(first, first.join().split(',').collect());
    }

    #[test]
    fn lists_are_equal_however_they_came_to_be() {
        let long: NameList = (0..200).map(|n| n.to_string()).collect();
        let mut grown: NameList = (0..199).map(|n| n.to_string()).collect();
        assert_ne!(long, grown);
        grown.push("199".into());
        assert_eq!(long, grown);
        let mut cut = long.clone();
        cut.retain(|name| name != "70");
        assert_ne!(long, cut);
        let mut other = long.clone();
        other.retain(|name| name != "199");
        other.push("200".into());
        assert_ne!(long, other);
    }
}
