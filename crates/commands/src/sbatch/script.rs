//! The script: what makes it one, and the options in its `#SBATCH` lines (sbatch(1), "DESCRIPTION").

use super::{Stop, complaint, lines};

/// A script may be so long, in bytes (slurm.conf(5), `max_script_size`).
pub const LONGEST: usize = 4 << 20;

/// Whether this is a script at all.
pub fn check(script: &[u8]) -> Result<(), Stop> {
    if script.is_empty() {
        return Err(complaint(1, "Batch script is empty!"));
    }
    if script.iter().all(u8::is_ascii_whitespace) {
        return Err(complaint(1, "Batch script contains only whitespace!"));
    }
    if !script.starts_with(b"#!") {
        return Err(lines(
            1,
            &[
                "This does not look like a batch script.  The first",
                "line must start with #! followed by the path to an interpreter.",
                "For instance: #!/bin/sh",
            ],
        ));
    }
    if script.contains(&0) {
        let text = ["The Slurm controller does not allow scripts that", "contain a NULL character '\\0'."];
        return Err(lines(1, &text));
    }
    if script.windows(2).any(|pair| pair == b"\r\n") {
        let text = ["Batch script contains DOS line breaks (\\r\\n)", "instead of expected UNIX line breaks (\\n)."];
        return Err(lines(1, &text));
    }
    if script.len() >= LONGEST {
        let text = "Batch job submission failed: Pathname of a file, directory or other parameter too long";
        return Err(complaint(1, text));
    }
    Ok(())
}

/// Words of the options in a script, in order, and whether some stood behind `#SLURM`. `file` is what a complaint calls it.
pub fn options(script: &[u8], file: &str) -> Result<(Vec<String>, bool), Stop> {
    let (mut found, mut is_old) = (Vec::new(), false);
    for (number, line) in script.split(|byte| *byte == b'\n').enumerate() {
        let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|byte| *byte != b'#') {
            break;
        }
        let line = String::from_utf8_lossy(line);
        let directive = line.strip_prefix("#SBATCH").or_else(|| {
            let old = line.strip_prefix("#SLURM");
            is_old |= old.is_some();
            old
        });
        if let Some(rest) = directive {
            found.extend(words(rest).map_err(|(quote, from)| {
                let line = number + 1;
                let text = format!("sbatch: fatal: {file}: line {line}: Unmatched `{quote}` in [{from}]\n");
                Stop::said(1, text)
            })?);
        }
    }
    Ok((found, is_old))
}

/// The words of a line up to an unquoted `#`; the error is a quote that does not end, and the line from its word on.
fn words(line: &str) -> Result<Vec<String>, (char, &str)> {
    let (mut words, mut word, mut quote, mut from) = (Vec::new(), None::<String>, None, 0);
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                begin(&mut word, &mut from, at);
            }
            (None | Some('"'), '\\') => {
                begin(&mut word, &mut from, at).extend(letters.next().map(|(_, letter)| letter));
            }
            (None, '#') => break,
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            _ => begin(&mut word, &mut from, at).push(letter),
        }
    }
    if let Some(quote) = quote {
        return Err((quote, &line[from..]));
    }
    words.extend(word);
    Ok(words)
}

/// The word that a letter belongs to; a new one begins at it.
fn begin<'w>(word: &'w mut Option<String>, from: &mut usize, at: usize) -> &'w mut String {
    if word.is_none() {
        *from = at;
    }
    word.get_or_insert_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_up_to_the_first_command() {
        let script = b"#!/bin/sh\n# text\n#SBATCH -n 2 --job-name=\"a b\" # why\n##SBATCH -n 3\n #SBATCH -n 4\n\n\
            #SBATCH -o a\\#b '-e c'\necho\n#SBATCH -n 5\n";
        let (words, is_old) = options(script, "x").ok().unwrap();
        assert_eq!(words, ["-n", "2", "--job-name=a b", "-o", "a#b", "-e c"]);
        assert!(!is_old && options(b"#!/bin/sh\n#SLURM -n 2\n", "x").ok().unwrap().1);
    }

    #[test]
    fn quotes_must_end() {
        let Err(Stop(reply)) = options(b"#!/bin/sh\n#SBATCH -n 2 --job-name=\"a b\n", "x") else { panic!() };
        assert_eq!(reply.stderr, "sbatch: fatal: x: line 2: Unmatched `\"` in [--job-name=\"a b]\n");
    }

    #[test]
    fn what_is_no_script() {
        for bad in [&b""[..], b" \n ", b"echo", b"#!/bin/sh\r\n", b"#!/bin/sh\n\0", &[b'#'; LONGEST]] {
            assert!(check(bad).is_err());
        }
        assert!(check(b"#!/bin/sh\necho \xff\n").is_ok());
    }
}
