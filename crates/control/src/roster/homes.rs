//! Where homes of people may be, and whose home a path is.

use super::User;

/// Directories of the system's that are nobody's home.
#[rustfmt::skip]
const SYSTEM: &[&str] = &[
    "/", "/home", "/media", "/mnt", "/opt", "/srv", "/tmp", "/usr", "/usr/home", "/usr/local", "/usr/local/home", "/var",
    "/var/cache", "/var/home", "/var/lib", "/var/log", "/var/mail", "/var/spool", "/var/tmp",
];

/// Directories of the system's in which there is no home either.
#[rustfmt::skip]
const CLOSED: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run", "/sbin", "/sys",
    "/usr/bin", "/usr/include", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/lib",
    "/usr/local/sbin", "/usr/sbin", "/usr/share", "/var/run",
];

/// Why `path` cannot be a home or shell in /etc/passwd on any host.
pub fn path_problem(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Some("it must be an absolute path without `..`");
    }
    if path.trim() != path {
        return Some("it has blanks at its end, which would be part of the name");
    }
    let ends_a_field = path.contains(':') || path.contains(char::is_control);
    ends_a_field.then_some("a colon or control character would end its field or line of /etc/passwd")
}

/// Why `path` is no place for a person's home: it would be given to him, with everything in it.
pub fn problem(path: &str) -> Option<&'static str> {
    let path = plain(path);
    let is_within = |top: &&str| path == **top || path.strip_prefix(*top).is_some_and(|rest| rest.starts_with('/'));
    let is_systems = SYSTEM.contains(&path.as_str()) || CLOSED.iter().any(is_within);
    is_systems.then_some("it is a directory of the system's")
}

/// The same path without what does not count: double slashes, `.`, a slash at the end.
pub fn plain(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// The home that a person gets: the one that is written, or else where every system makes it.
pub fn of(user: &User) -> String {
    match &user.home {
        Some(home) => plain(home),
        None => format!("/home/{}", user.name.value),
    }
}

/// The directories above `path`, from below to the top.
pub fn above(path: &str) -> impl Iterator<Item = &str> {
    path.rmatch_indices('/').map(|(at, _)| &path[..at]).filter(|above| !above.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for bad in ["/", "//", "/etc", "/etc/", "/etc/./ssh", "/home/", "/root/x", "/usr/lib/x", "/var/lib", "/usr"] {
            assert!(problem(bad).is_some(), "{bad}");
        }
        for good in ["/home/kim", "/data", "/data/x/", "/var/home/kim", "/usr/home/kim", "/etcetera/x", "/srv/home/k"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in ["home", "/a/../b", "/bin/bash ", " /x", "/a:b", "/a\nb", ""] {
            assert!(path_problem(bad).is_some(), "{bad:?}");
        }
        assert_eq!(plain("//data/./x//"), "/data/x");
        assert_eq!(above("/data/lee/x").collect::<Vec<_>>(), ["/data/lee", "/data"]);
    }
}
