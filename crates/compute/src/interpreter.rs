//! The `#!` line of a script, as the kernel reads it (execve(2), "Interpreter scripts"). Scripts are started by it and not by
//! their path: the directory that they lie in may be mounted `noexec`, as `/run` often is.

/// What runs a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub program: Vec<u8>,
    /// All that follows it in the line, as one argument.
    pub argument: Option<Vec<u8>>,
}

/// Reads the first line; `None` when it names no program.
pub fn of(script: &[u8]) -> Option<Interpreter> {
    let line = script.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    // A line of a file from Windows ends in a carriage return, which no program's name does.
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii();
    let end = line.iter().position(is_blank).unwrap_or(line.len());
    let (program, rest) = line.split_at(end);
    let argument = rest.trim_ascii();
    let argument = (!argument.is_empty()).then(|| argument.to_vec());
    (!program.is_empty()).then(|| Interpreter { program: program.to_vec(), argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Option<(String, Option<String>)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        of(script.as_bytes()).map(|it| (text(it.program), it.argument.map(text)))
    }

    #[test]
    fn the_first_line_says_what_runs() {
        assert_eq!(read("#!/bin/sh\nx"), Some(("/bin/sh".into(), None)));
        assert_eq!(read("#! /usr/bin/env  python3 -u \n"), Some(("/usr/bin/env".into(), Some("python3 -u".into()))));
        assert_eq!(read("#!/bin/bash -l\r\nx\r\n"), Some(("/bin/bash".into(), Some("-l".into()))));
        assert_eq!((read("echo"), read("#!\n/bin/sh"), read(""), read("#! \t")), (None, None, None, None));
    }
}
