//! What a start prints, searched for the few lines that mean something. Each byte is looked at once, and little is kept.

use crate::connection::refusal::Refusal;
use std::io::Read;

/// What the bootstrap prints, in the order that it can come.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// sudo asks for the password.
    Prompt,
    /// The kept copy is about to be started.
    Have,
    /// The agent is missing; the processor's name.
    Need(String),
    /// The script gave up, saying why.
    Fail(String),
    /// The agent runs; frames follow.
    Hello,
}

/// How long the line of an event may be.
const LINE: usize = 4096;

/// How much of what means nothing is kept, to be shown to people.
const KEPT: usize = 64 << 10;

/// How much may come that means nothing: no login script prints that.
const NOISE: usize = 16 << 20;

/// Looks for events between the host's other words.
pub struct Listener {
    mark: Vec<u8>,
    prompt: Vec<u8>,
    /// What came and is not dealt with.
    pending: Vec<u8>,
    /// How much of it holds no beginning of an event.
    searched: usize,
    /// The end of what meant nothing.
    noise: Vec<u8>,
    /// How much of that there was.
    passed: usize,
}

impl Listener {
    /// Events are lines that begin with `mark`, and sudo's `prompt`.
    pub fn new(mark: &str, prompt: &str) -> Self {
        let (mark, prompt) = (mark.as_bytes().to_vec(), prompt.as_bytes().to_vec());
        Self { mark, prompt, pending: Vec::new(), searched: 0, noise: Vec::new(), passed: 0 }
    }

    /// Reads until something that means something; `None` at the end.
    pub fn next(&mut self, from: &mut impl Read) -> Result<Option<Event>, Refusal> {
        let mut piece = [0; 8192];
        loop {
            if let Some(event) = self.event()? {
                return Ok(Some(event));
            }
            match from.read(&mut piece)? {
                0 => {
                    self.pass(self.pending.len())?;
                    return Ok(None);
                }
                length => self.pending.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// What came behind the last event.
    pub fn rest(self) -> Vec<u8> {
        self.pending
    }

    /// The last lines of what meant nothing, for people.
    pub fn noise(&self) -> String {
        let text = String::from_utf8_lossy(&self.noise);
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// The first event in what came, once its line is whole.
    fn event(&mut self) -> Result<Option<Event>, Refusal> {
        let from = self.searched;
        let find = |word: &[u8]| find(&self.pending[from..], word).map(|at| from + at);
        let (mark, prompt) = (find(&self.mark), find(&self.prompt));
        match (mark, prompt) {
            (Some(mark), prompt) if prompt.is_none_or(|prompt| mark < prompt) => {
                self.pass(mark)?;
                self.line()
            }
            (_, Some(prompt)) => {
                self.pass(prompt)?;
                self.pending.drain(..self.prompt.len());
                Ok(Some(Event::Prompt))
            }
            _ => {
                let longest = self.mark.len().max(self.prompt.len());
                self.pass((self.pending.len() + 1).saturating_sub(longest))?;
                Ok(None)
            }
        }
    }

    /// The event whose mark what came begins with.
    fn line(&mut self) -> Result<Option<Event>, Refusal> {
        let Some(length) = self.pending.iter().position(|byte| *byte == b'\n') else {
            if self.pending.len() > LINE {
                return Err(Refusal::Noisy);
            }
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&self.pending[self.mark.len()..length]).into_owned();
        self.pending.drain(..=length);
        let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        Ok(Some(match word {
            "have" => Event::Have,
            "need" => Event::Need(rest.to_owned()),
            "hello" => Event::Hello,
            _ => Event::Fail(rest.to_owned()),
        }))
    }

    /// The first `length` bytes mean nothing.
    fn pass(&mut self, length: usize) -> Result<(), Refusal> {
        self.passed += length;
        if self.passed > NOISE {
            return Err(Refusal::Noisy);
        }
        self.noise.extend(self.pending.drain(..length));
        let surplus = self.noise.len().saturating_sub(2 * KEPT);
        if surplus > 0 {
            self.noise.drain(..surplus + KEPT);
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events in a text that comes in pieces of this length, and the noise.
    fn heard(text: &str, piece: usize) -> (Vec<Event>, String) {
        let mut listener = Listener::new("MARK", "ASK:");
        let mut pieces = Pieces { text: text.as_bytes(), piece };
        let mut events = Vec::new();
        while let Some(event) = listener.next(&mut pieces).unwrap() {
            events.push(event);
        }
        (events, listener.noise())
    }

    struct Pieces<'a> {
        text: &'a [u8],
        piece: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.piece.min(buffer.len());
            (&mut self.text).take(length as u64).read(buffer)
        }
    }

    #[test]
    fn events_in_noise_however_it_comes() {
        use Event::{Fail, Have, Hello, Need, Prompt};
        let cases = [
            ("Welcome!\n", vec![], "Welcome!"),
            ("Welcome!\nMARK hel", vec![], "Welcome!\nMARK hel"),
            ("hi\nMARK hello\nrest", vec![Hello], "hi\nrest"),
            ("MARK need x86_64\nxMARK fail no room\n", vec![Need("x86_64".into()), Fail("no room".into())], "x"),
            ("ASK:MARK have\nASK:", vec![Prompt, Have, Prompt], ""),
            ("MAMARK have\nASASK:", vec![Have, Prompt], "MAAS"),
        ];
        for (text, events, noise) in cases {
            for piece in [1, 2, 3, 5, 1000] {
                let expected = (events.iter().map(again).collect(), noise.to_owned());
                assert_eq!(heard(text, piece), expected, "{text:?} in pieces of {piece}");
            }
        }
    }

    fn again(event: &Event) -> Event {
        match event {
            Event::Prompt => Event::Prompt,
            Event::Have => Event::Have,
            Event::Need(machine) => Event::Need(machine.clone()),
            Event::Fail(why) => Event::Fail(why.clone()),
            Event::Hello => Event::Hello,
        }
    }

    #[test]
    fn the_last_lines_of_noise_are_shown() {
        let noise: String = (0..20_000).map(|n| format!("line {n}\n\n")).collect();
        let shown = heard(&noise, 5000).1;
        assert!(shown.starts_with("line 19988\n") && shown.ends_with("line 19999"), "{shown}");
    }

    #[test]
    fn endless_noise_ends_the_start_and_is_not_kept() {
        for text in ["x", "MARK"] {
            let mut listener = Listener::new("MARK", "ASK:");
            let mut endless = text.as_bytes().chain(std::io::repeat(b'y'));
            assert!(matches!(listener.next(&mut endless), Err(Refusal::Noisy)));
            assert!(listener.noise.len() + listener.pending.len() < 4 * KEPT);
        }
    }
}
