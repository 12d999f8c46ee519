//! Files of `sacctmgr dump` and `load`: read and written here, as the caller and where the caller stands. The service
//! only names them, and only those that stand on the command line are believed.

use nix::errno::Errno;
use service::daemon::api::{CallerFile, Request, Response};

/// Reads a file that the service asks for.
pub fn read(path: &str, request: &Request) -> Result<CallerFile, String> {
    if !is_named(path, request) || request.files.iter().any(|file| file.path == path) {
        return Err(format!("the service asks for the file {path:?}, which this command does not name"));
    }
    let text = std::fs::read(path).map_err(|error| words(&error));
    let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()));
    let (text, error) = text.map_or_else(|error| (String::new(), Some(error)), |text| (text, None));
    Ok(CallerFile { path: path.to_owned(), text, error })
}

/// Writes what the answer holds.
pub fn write(answer: &Response, request: &Request) -> Result<(), String> {
    for file in &answer.writes {
        if !is_named(&file.path, request) {
            let path = &file.path;
            return Err(format!(
                "sacctmgr: error: the service wants to write {path:?}, which this command does not name"
            ));
        }
        std::fs::write(&file.path, &file.text)
            .map_err(|error| format!("Can't open file {}, {}", file.path, words(&error)))?;
    }
    Ok(())
}

/// The operating system's words, as C programs say them.
fn words(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| Errno::from_raw(code).desc().to_owned())
}

/// A path that ends a word of the command line, its quotes aside; or `dump`'s own `./CLUSTER.cfg`.
fn is_named(path: &str, request: &Request) -> bool {
    let default = path.strip_prefix("./").and_then(|name| name.strip_suffix(".cfg"));
    let named = |word: &String| word.trim_end_matches(['\'', '"']).ends_with(path);
    !path.is_empty()
        && (request.argv.iter().any(named)
            || default.is_some_and(|cluster| {
                !cluster.contains('/') && request.argv.iter().any(|word| word.to_ascii_lowercase().ends_with(cluster))
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_the_command_names() {
        let request =
            |argv: &[&str]| Request { argv: argv.iter().map(|s| s.to_string()).collect(), ..Request::default() };
        let dump = request(&["dump", "Ref", "file='a b'"]);
        assert!(is_named("a b", &dump) && is_named("./ref.cfg", &dump));
        assert!(!is_named("/etc/passwd", &dump) && !is_named("./../x.cfg", &dump) && !is_named("", &dump));
        assert!(read("/etc/shadow", &dump).is_err());
    }
}
