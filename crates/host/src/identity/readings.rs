//! [`Readings`]: account files as they were read last, so that one which has not changed since is not indexed again.

use super::Database;
use super::entries::Entry;
use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;

/// What the texts of account files say, by name of the file. Only a text that is the same byte for byte is not read out
/// again, so it never matters who changed a file, or how.
#[derive(Default)]
pub struct Readings(RefCell<HashMap<String, Box<dyn Any + Send>>>);

/// A file's text and what it says.
struct Reading<E> {
    text: Vec<u8>,
    says: Database<E>,
}

impl Readings {
    /// What this text of a file says.
    pub fn of<E: Entry + Send + Sync + 'static>(&self, name: &str, text: Vec<u8>) -> Database<E> {
        let mut known = self.0.borrow_mut();
        if let Some(reading) = known.get(name).and_then(|reading| reading.downcast_ref::<Reading<E>>())
            && reading.text == text
        {
            return reading.says.clone();
        }
        let says = Database::parse(&text);
        known.insert(name.to_owned(), Box::new(Reading { text, says: says.clone() }));
        says
    }

    /// Lets go of all: whoever edits files in place must be the only one to have them.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::entries::{Group, Passwd};

    #[test]
    fn a_text_is_read_out_again_when_it_is_another() {
        let readings = Readings::default();
        let text = b"ann:x:1000:1000::/home/ann:/bin/sh\n".to_vec();
        let first: Database<Passwd> = readings.of("passwd", text.clone());
        let again: Database<Passwd> = readings.of("passwd", text.clone());
        assert!(first.shares_lines_with(&again), "not indexed again");
        let other: Database<Passwd> = readings.of("passwd", text.to_ascii_uppercase());
        assert_eq!((other.get("ANN").is_some(), other.get("ann")), (true, None));
        let group: Database<Group> = readings.of("group", b"x:x:1:\n".to_vec());
        assert_eq!(group.entries().count(), 1);
        readings.clear();
        assert!(!readings.of::<Passwd>("passwd", text).shares_lines_with(&first));
    }
}
