//! [`Printing`]: an answer's standard output taken out of its JSON while it comes, so that no listing is too long for this
//! process.

/// How every answer begins, and what a long one is cut down to.
const BEGIN: &[u8] = b"{\"stdout\":\"";

/// Shorter answers are printed when they are whole.
const SHORT: usize = 64 << 10;

/// What came of an answer and is not printed yet.
pub struct Printing<'a, W> {
    /// Bytes of standard output that were printed for the command so far.
    pub said: &'a mut usize,
    out: W,
    came: Vec<u8>,
    /// Bytes of this answer's standard output that are dealt with.
    done: usize,
    /// How much of the output was printed before this answer.
    before: usize,
    /// Whether the output may still go on in what comes.
    is_open: bool,
}

impl<'a, W: FnMut(&str)> Printing<'a, W> {
    /// Prints by `out` what comes after the bytes that were said before.
    pub fn new(said: &'a mut usize, out: W) -> Self {
        let before = *said;
        Self { said, out, came: Vec::new(), done: 0, before, is_open: true }
    }

    /// Takes in more of the answer; the error says that it is no JSON.
    pub fn take(&mut self, bytes: &[u8]) -> serde_json::Result<()> {
        self.came.extend_from_slice(bytes);
        if self.is_open && self.came.len() > SHORT && self.came.starts_with(BEGIN) {
            let (cut, is_open) = whole_lines(&self.came[BEGIN.len()..]);
            self.is_open = is_open;
            self.print(cut)?;
        }
        Ok(())
    }

    /// Prints so many bytes of the JSON behind the beginning.
    fn print(&mut self, cut: usize) -> serde_json::Result<()> {
        let quoted = [b"\"", &self.came[BEGIN.len()..][..cut], b"\""].concat();
        let text: String = serde_json::from_slice(&quoted)?;
        let new = &text[self.passed_over(&text)..];
        (self.out)(new);
        *self.said += new.len();
        self.done += text.len();
        self.came.drain(BEGIN.len()..BEGIN.len() + cut);
        Ok(())
    }

    /// How much of the text that comes next was said before.
    pub fn passed_over(&self, text: &str) -> usize {
        let over = self.before.saturating_sub(self.done).min(text.len());
        if text.is_char_boundary(over) { over } else { 0 }
    }

    /// The answer without what was printed.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.came)
    }
}

/// How many bytes of a JSON string's inside are whole lines, and whether the string has no end in sight.
fn whole_lines(json: &[u8]) -> (usize, bool) {
    let (mut whole, mut escaped) = (0, false);
    for (at, byte) in json.iter().enumerate() {
        match (escaped, byte) {
            (true, b'n') => (whole, escaped) = (at + 1, false),
            (true, _) => escaped = false,
            (false, b'\\') => escaped = true,
            (false, b'"') => return (whole, false),
            (false, _) => {}
        }
    }
    (whole, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::daemon::api::Response;

    /// What is printed while the answer comes in pieces of `size`, and what is left of it.
    fn printed(stdout: &str, said: &mut usize, size: usize) -> (String, Response) {
        let answer = Response { stdout: stdout.into(), code: 1, revision: 3, ..Response::default() };
        let json = serde_json::to_vec(&answer).unwrap();
        let mut out = String::new();
        let mut printing = Printing::new(said, |text: &str| out.push_str(text));
        json.chunks(size).for_each(|piece| printing.take(piece).unwrap());
        let mut answer: Response = serde_json::from_slice(&printing.rest()).unwrap();
        let over = printing.passed_over(&answer.stdout);
        answer.stdout.drain(..over);
        (out, answer)
    }

    #[test]
    fn long_answers_are_printed_as_they_come() {
        let text = "가 \"quoted\" \\n \\\\ \t\u{7f}\n".repeat(20_000) + "no end";
        for size in [1000, 1009, 70_000, usize::MAX] {
            let mut said = 0;
            let (early, answer) = printed(&text, &mut said, size);
            assert!(early.clone() + &answer.stdout == text, "{size}");
            assert_eq!((answer.code, answer.revision, said), (1, 3, early.len()));
            assert!(answer.stdout.len() <= SHORT, "{size}");
        }
    }

    #[test]
    fn short_answers_are_kept() {
        assert_eq!(printed("a\nb\n", &mut 0, 3), (String::new(), printed("a\nb\n", &mut 0, 100).1));
    }

    #[test]
    fn what_was_said_before_is_not_printed_again() {
        let text = "0123456789\n".repeat(10_000);
        let (early, answer) = printed(&text, &mut 22, 1000);
        assert!(early + &answer.stdout == text[22..]);
        let (early, answer) = printed(&text, &mut text.len(), 1000);
        assert_eq!(early + &answer.stdout, "");
        assert_eq!(printed("ab\n", &mut 3, 9).1.stdout, "");
    }
}
