//! [`Lines`]: what tasks write, line by line, so that lines of several stay whole; with their numbers before them if wanted.

use std::collections::BTreeMap;

/// A line that does not end is passed on in pieces of so many bytes.
pub const LONGEST: usize = 16 << 10;

/// One stream of all tasks.
#[derive(Debug)]
pub struct Lines {
    /// So many places the numbers before lines have; `None` is no numbers.
    label: Option<usize>,
    whole: bool,
    begun: BTreeMap<u32, Begun>,
}

/// A task's line that has not ended.
#[derive(Debug, Default)]
struct Begun {
    bytes: Vec<u8>,
    /// Whether a part of it was passed on.
    is_shown: bool,
}

impl Lines {
    /// Of so many tasks. `label`: with their numbers; `whole`: a line when it is whole, not as it comes.
    pub fn new(tasks: u32, label: bool, whole: bool) -> Self {
        let width = tasks.saturating_sub(1).to_string().len();
        Self { label: label.then_some(width), whole: whole || label, begun: BTreeMap::new() }
    }

    /// Takes in what a task wrote; what is to be printed now.
    pub fn take(&mut self, task: u32, bytes: &[u8]) -> Vec<u8> {
        if !self.whole {
            return bytes.to_vec();
        }
        let (label, begun) = (self.label, self.begun.entry(task).or_default());
        let mut shown = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.bytes.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                begun.show(&mut shown, label, task);
                begun.is_shown = false;
            } else if begun.bytes.len() >= LONGEST {
                begun.show(&mut shown, label, task);
            }
        }
        shown
    }

    /// The task writes nothing more: what is left of its last line. One with a number is ended.
    pub fn end(&mut self, task: u32) -> Vec<u8> {
        let mut shown = Vec::new();
        if let Some(mut begun) = self.begun.remove(&task)
            && (!begun.bytes.is_empty() || begun.is_shown)
        {
            begun.show(&mut shown, self.label, task);
            if self.label.is_some() {
                shown.push(b'\n');
            }
        }
        shown
    }

    /// So many of a task's bytes were taken in and are not to be printed yet.
    pub fn held(&self, task: u32) -> u64 {
        self.begun.get(&task).map_or(0, |begun| begun.bytes.len() as u64)
    }
}

impl Begun {
    fn show(&mut self, shown: &mut Vec<u8>, label: Option<usize>, task: u32) {
        if let Some(width) = label.filter(|_| !self.is_shown) {
            shown.extend_from_slice(format!("{task:>width$}: ").as_bytes());
        }
        shown.append(&mut self.bytes);
        self.is_shown = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_of_several_tasks_stay_whole() {
        let mut lines = Lines::new(2, false, true);
        assert_eq!(text(lines.take(0, b"a\nb")), "a\n");
        assert_eq!(lines.held(0), 1);
        assert_eq!(text(lines.take(1, b"c\n")), "c\n");
        assert_eq!(text(lines.take(0, b"d\n")), "bd\n");
        assert_eq!((lines.held(0), text(lines.take(0, b"e"))), (0, String::new()));
        assert_eq!((text(lines.end(0)), text(lines.end(1))), ("e".into(), String::new()));
    }

    #[test]
    fn numbers_are_as_wide_as_the_greatest() {
        let mut lines = Lines::new(11, true, false);
        assert_eq!(text(lines.take(3, b"a\n\nb")), " 3: a\n 3: \n");
        assert_eq!(text(lines.take(10, b"c\n")), "10: c\n");
        assert_eq!(text(lines.end(3)), " 3: b\n");
        assert_eq!(text(lines.end(10)), "");
    }

    #[test]
    fn a_line_without_an_end_is_passed_on() {
        let mut lines = Lines::new(1, true, true);
        let shown = lines.take(0, &vec![b'x'; LONGEST]);
        assert_eq!((shown.len(), lines.held(0)), (LONGEST + 3, 0));
        assert_eq!(text(lines.take(0, b"y\nz\n")), "y\n0: z\n");
    }

    #[test]
    fn as_it_comes() {
        let mut lines = Lines::new(2, false, false);
        assert_eq!((text(lines.take(0, b"a")), lines.held(0), text(lines.end(0))), ("a".into(), 0, String::new()));
    }
}
