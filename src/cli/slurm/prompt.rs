//! sacctmgr's question: one letter, 30 seconds.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use std::io::{IsTerminal, Stdin, Write, stdin};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long one may think.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// Asks on standard output, reads from standard input without waiting for a newline.
pub fn ask(question: &str) -> Answer {
    print!("{question} (You have 30 seconds to decide)\n(N/y): ");
    let input = stdin();
    let _letters = LetterMode::enter(&input);
    loop {
        let _ = std::io::stdout().flush();
        let letter = match next_letter(&input) {
            Letter::Is(letter) => letter,
            Letter::TooLate => {
                println!("timeout");
                return Answer::No;
            }
            Letter::End => {
                println!();
                return Answer::EndOfInput;
            }
        };
        println!();
        match letter {
            b'y' | b'Y' => return Answer::Yes,
            b'n' | b'N' | b'\n' => return Answer::No,
            _ => print!("Y or N please\n(N/y): "),
        }
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
        // Not through `Stdin`'s buffer: the next question's answer must stay where poll sees it.
        let mut letter = [0];
        return match nix::unistd::read(input.as_fd(), &mut letter) {
            Ok(1) => Letter::Is(letter[0]),
            Err(Errno::EINTR) => continue,
            _ => Letter::End,
        };
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
