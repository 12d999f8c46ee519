//! What sacctmgr reads from standard input: lines, and answers to its question: one letter, 30 seconds. And scancel: a line.

use crate::view::styles::stdout;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use std::io::{IsTerminal, Stdin, stdin};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long one may think.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long after a letter Enter is taken for its end.
const HABIT: Duration = Duration::from_secs(1);

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `y`
    Yes,
    /// `n`, a newline, or no answer in time.
    No,
    /// Input ended before an answer. (Slurm 22.05 asks again without end.)
    EndOfInput,
}

/// Standard input, read without a buffer: what follows an answer must stay where the next question, line or program
/// finds it. (Slurm 22.05 loses the rest of a piped session after the first answer.)
#[derive(Debug, Default)]
pub struct Input {
    /// When a question was answered by a letter: a newline soon after it only ends that answer.
    answered: Option<Instant>,
    /// Nothing more is to be read.
    is_over: bool,
}

impl Input {
    /// The next line without its newline; `None` at the end of input.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match read_byte(&stdin()) {
                Some(b'\n') if line.is_empty() && self.ends_answer() => {}
                Some(b'\n') => break,
                Some(byte) => line.push(byte),
                None if line.is_empty() => {
                    self.is_over = true;
                    return None;
                }
                None => break,
            }
        }
        self.answered = None;
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    /// Asks on standard output, reads from standard input without waiting for a newline.
    pub fn ask(&mut self, question: &str) -> Answer {
        let out = stdout();
        out.text(&format!("{question} (You have 30 seconds to decide)\n(N/y): "));
        let input = stdin();
        let _letters = LetterMode::enter(&input);
        loop {
            let letter = match next_letter(&input) {
                Letter::Is(b'\n') if self.ends_answer() => continue,
                Letter::Is(letter) => letter,
                Letter::TooLate => {
                    out.line("timeout");
                    return Answer::No;
                }
                Letter::End => {
                    out.line("");
                    return Answer::EndOfInput;
                }
            };
            out.line("");
            self.answered = letter.is_ascii_alphabetic().then(Instant::now);
            match letter {
                b'y' | b'Y' => return Answer::Yes,
                b'n' | b'N' | b'\n' => return Answer::No,
                _ => out.text("Y or N please\n(N/y): "),
            }
        }
    }

    /// Asks as scancel does: a line that begins with y or n; anything else is asked again.
    pub fn ask_plainly(&mut self, question: &str) -> Answer {
        loop {
            stdout().text(question);
            match self.line().and_then(|line| line.bytes().next()) {
                Some(b'y' | b'Y') => return Answer::Yes,
                Some(b'n' | b'N') => return Answer::No,
                Some(_) => {}
                None if self.is_over => {
                    stdout().line("");
                    return Answer::EndOfInput;
                }
                None => {}
            }
        }
    }

    /// Whether a newline that came now belongs to the last answer: people press Enter after `y`, too.
    fn ends_answer(&mut self) -> bool {
        self.answered.take().is_some_and(|answered| !stdin().is_terminal() || answered.elapsed() < HABIT)
    }
}

enum Letter {
    Is(u8),
    TooLate,
    End,
}

fn next_letter(input: &Stdin) -> Letter {
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Letter::TooLate,
            Err(Errno::EINTR) => continue,
            Ok(_) | Err(_) => {}
        }
        return read_byte(input).map_or(Letter::End, Letter::Is);
    }
}

/// `None` at the end of input, or when it cannot be read.
fn read_byte(input: &Stdin) -> Option<u8> {
    let mut byte = [0];
    loop {
        match nix::unistd::read(input.as_fd(), &mut byte) {
            Ok(1) => return Some(byte[0]),
            Err(Errno::EINTR) => {}
            _ => return None,
        }
    }
}

/// A terminal that hands over each letter at once; as it was before when dropped.
struct LetterMode<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> LetterMode<'a> {
    fn enter(terminal: &'a Stdin) -> Option<Self> {
        if !terminal.is_terminal() {
            return None;
        }
        let before = termios::tcgetattr(terminal).ok()?;
        let mut letters = before.clone();
        letters.local_flags.remove(LocalFlags::ICANON);
        termios::tcsetattr(terminal, SetArg::TCSANOW, &letters).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for LetterMode<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(self.terminal, SetArg::TCSANOW, &self.before);
    }
}
