//! Names and numbers of signals, as Slurm's commands take them.

const SIGNALS: &[(&str, u8)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
];

/// Signals that there are.
const GREATEST: u8 = 64;

/// The number of a signal by name, with or without `SIG`, in any case, or by number.
pub fn number(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse::<u8>() {
        return Some(number).filter(|number| (1..=GREATEST).contains(number));
    }
    let name = text.get(..3).filter(|begin| begin.eq_ignore_ascii_case("SIG")).map_or(text, |_| &text[3..]);
    SIGNALS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)
}

/// What C programs call a signal (strsignal(3)).
pub fn words(number: u8) -> String {
    let known = match number {
        1 => "Hangup",
        2 => "Interrupt",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        13 => "Broken pipe",
        14 => "Alarm clock",
        15 => "Terminated",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        31 => "Bad system call",
        _ => return format!("Unknown signal {number}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, signal) in [("KILL", Some(9)), ("sigusr1", Some(10)), ("15", Some(15)), ("0", None), ("65", None)] {
            assert_eq!(number(text), signal, "{text}");
        }
        assert_eq!(number("SIG"), None);
        assert_eq!(number("가나다"), None);
    }
}
