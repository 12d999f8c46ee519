//! Korean names in Latin letters, by the Revised Romanization of 2000.
//!
//! Names are written as its section 3, clause 4 has it: each syllable of a given name for itself, without the changes of
//! sound between them; only ㄹㄹ is `ll`. Surnames are spelled as most of their bearers do (`lee`, `park`), since the rule
//! leaves these to them.

/// The first of the 11,172 syllables of Unicode; they are numbered by initial, vowel and final.
const FIRST: u32 = 0xac00;
const LAST: u32 = 0xd7a3;
const VOWELS: u32 = 21;
const FINALS: u32 = 28;

#[rustfmt::skip]
const INITIAL: [&str; 19] = [
    "g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h",
];
#[rustfmt::skip]
const VOWEL: [&str; 21] = [
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi", "yu", "eu", "ui",
    "i",
];
#[rustfmt::skip]
const FINAL: [&str; 28] = [
    "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t", "t", "ng", "t", "t",
    "k", "t", "p", "t",
];

/// The number of ㄹ among initials and among finals.
const R_INITIAL: u32 = 5;
const R_FINAL: u32 = 8;

/// Surnames as most people who have them write them, where the rule would say otherwise.
#[rustfmt::skip]
const SURNAMES: &[(&str, &str)] = &[
    ("강", "kang"), ("고", "ko"), ("공", "kong"), ("곽", "kwak"), ("구", "koo"), ("국", "kook"), ("권", "kwon"),
    ("금", "keum"), ("기", "ki"), ("김", "kim"), ("노", "noh"), ("류", "ryu"), ("맹", "maeng"), ("명", "myung"),
    ("문", "moon"), ("박", "park"), ("변", "byun"), ("선우", "sunwoo"), ("성", "sung"), ("손", "son"), ("신", "shin"),
    ("심", "shim"), ("안", "ahn"), ("오", "oh"), ("우", "woo"), ("유", "yoo"), ("육", "yook"), ("윤", "yoon"),
    ("이", "lee"), ("임", "lim"), ("정", "jung"), ("조", "cho"), ("주", "joo"), ("최", "choi"), ("추", "choo"),
    ("편", "pyun"), ("허", "heo"), ("현", "hyun"),
];

/// Surnames of two syllables.
const LONG_SURNAMES: [&str; 8] = ["남궁", "독고", "동방", "사공", "서문", "선우", "제갈", "황보"];

/// A Korean name in Latin letters, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Romanised {
    /// The surname as it is mostly spelled.
    pub surname: String,
    /// The given name by the rule.
    pub given: String,
}

/// A name of Hangul syllables, surname first, with or without a blank between surname and given name; also of syllables that
/// are taken apart, as file names of macOS have them. `None` for anything else.
pub fn romanised_name(name: &str) -> Option<Romanised> {
    let name = composed(name.trim());
    let (surname, given) = match name.split_once(char::is_whitespace) {
        Some((surname, given)) => (surname, given.split_whitespace().collect::<String>()),
        None => split(&name)?,
    };
    let known = SURNAMES.iter().find(|(written, _)| *written == surname).map(|(_, usual)| (*usual).to_owned());
    let surname = romanised(surname).map(|by_rule| known.unwrap_or(by_rule))?;
    let given = romanised(&given)?;
    (!surname.is_empty() && !given.is_empty()).then_some(Romanised { surname, given })
}

/// A name without blanks: of three syllables and more the first two are the surname where there is such a one.
fn split(name: &str) -> Option<(&str, String)> {
    let count = name.chars().count();
    let long = LONG_SURNAMES.iter().any(|surname| name.starts_with(surname)) && count > 2;
    let (at, _) = name.char_indices().nth(if long { 2 } else { 1 })?;
    let (surname, given) = name.split_at(at);
    Some((surname, given.to_owned()))
}

/// Hangul syllables by the rule, each for itself; `None` where there is anything else.
fn romanised(text: &str) -> Option<String> {
    let mut latin = String::new();
    let mut before = 0;
    for syllable in text.chars() {
        let code = u32::from(syllable);
        if !(FIRST..=LAST).contains(&code) {
            return None;
        }
        let index = code - FIRST;
        let (initial, vowel, last) = (index / (VOWELS * FINALS), index / FINALS % VOWELS, index % FINALS);
        let is_double = before == R_FINAL && initial == R_INITIAL;
        latin.push_str(if is_double { "l" } else { INITIAL[initial as usize] });
        latin.push_str(VOWEL[vowel as usize]);
        latin.push_str(FINAL[last as usize]);
        before = last;
    }
    Some(latin)
}

/// Syllables put together of single letters (Unicode's form C, for Hangul).
fn composed(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for letter in text.chars() {
        match whole.chars().next_back().and_then(|last| joined(u32::from(last), u32::from(letter))) {
            Some(syllable) => {
                whole.pop();
                whole.push(syllable);
            }
            None => whole.push(letter),
        }
    }
    whole
}

/// An initial and a vowel, or a syllable without a final and a final.
fn joined(last: u32, letter: u32) -> Option<char> {
    let code = match (last, letter) {
        (0x1100..=0x1112, 0x1161..=0x1175) => FIRST + ((last - 0x1100) * VOWELS + letter - 0x1161) * FINALS,
        (FIRST..=LAST, 0x11a8..=0x11c2) if (last - FIRST).is_multiple_of(FINALS) => last + letter - 0x11a7,
        _ => return None,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latin(name: &str) -> Option<String> {
        romanised_name(name).map(|name| format!("{} {}", name.surname, name.given))
    }

    #[test]
    fn names_by_the_rule_and_surnames_as_people_spell_them() {
        // The given names are those of the rule's own examples (민용하, 송나리, 한복남, 홍빛나), and some more.
        for (korean, wanted) in [
            ("홍길동", "hong gildong"),
            ("민용하", "min yongha"),
            ("송나리", "song nari"),
            ("한복남", "han boknam"),
            ("홍빛나", "hong bitna"),
            ("이순신", "lee sunsin"),
            ("박 지성", "park jiseong"),
            ("최설린", "choi seollin"),
            ("남궁민", "namgung min"),
            ("선우현", "sunwoo hyeon"),
            ("남궁", "nam gung"),
            ("김훈", "kim hun"),
            ("황보 관", "hwangbo gwan"),
            ("윤읊닭", "yoon eupdak"),
        ] {
            assert_eq!(latin(korean).as_deref(), Some(wanted), "{korean}");
        }
    }

    #[test]
    fn letters_that_are_taken_apart_are_put_together() {
        assert_eq!(latin("\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}"), Some("hong gil".into()));
    }

    #[test]
    fn what_is_no_korean_name_has_no_form() {
        for other in ["", "홍", "Hong Gildong", "홍gildong", "洪吉童", "홍길동2", "ㅎㅗㅇ길동"] {
            assert_eq!(latin(other), None, "{other}");
        }
    }
}
