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
