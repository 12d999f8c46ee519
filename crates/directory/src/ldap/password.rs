//! The password of a bind entry, on its way from where it is kept to the server. It is shown nowhere.

use crate::settings::Password;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Reads it. An empty one would make the login an anonymous one, which many servers take.
pub(super) fn read(from: &Password) -> Result<String, String> {
    let password = match from {
        Password::Environment(name) => {
            std::env::var(name).map_err(|_| format!("the variable {name} for the directory's password is not set"))?
        }
        Password::File(path) => of_file(path)?,
    };
    if password.is_empty() { Err(format!("the directory's password in {from} is empty")) } else { Ok(password) }
}

/// A new one that nobody knows, as Active Directory takes it: in quotes, in UTF-16. It has all kinds of characters that rules
/// ask for, and 256 bits that nobody can guess.
pub(super) fn unknown() -> Result<Vec<u8>, String> {
    let mut random = [0; 32];
    let mut source = std::fs::File::open("/dev/urandom").map_err(|error| format!("/dev/urandom: {error}"))?;
    source.read_exact(&mut random).map_err(|error| format!("/dev/urandom: {error}"))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("\"Aa1-{digits}\"").encode_utf16().flat_map(u16::to_le_bytes).collect())
}

/// Its first line. A file that others may read is refused: whoever reads it can make accounts.
fn of_file(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot read the directory's password in {}: {error}", path.display());
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(format!("others than its owner may read the directory's password in {path}: chmod 600 {path}"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_ones_are_long_and_never_the_same() {
        let (one, other) = (unknown().unwrap(), unknown().unwrap());
        assert_eq!((one.len(), &one[..4], &one[one.len() - 2..]), (140, &b"\"\0A\0"[..], &b"\"\0"[..]));
        assert_ne!(one, other);
    }

    #[test]
    fn of_files_and_the_environment() {
        let path = std::env::temp_dir().join(format!("enlist-password-{}", std::process::id()));
        let with_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::write(&path, "secret word\nmore\n").unwrap();
        with_mode(0o644);
        let open = read(&Password::File(path.clone())).unwrap_err();
        assert!(open.contains("chmod 600") && !open.contains("secret"), "{open}");
        with_mode(0o600);
        assert_eq!(read(&Password::File(path.clone())), Ok("secret word".into()));
        std::fs::write(&path, "").unwrap();
        assert!(read(&Password::File(path.clone())).unwrap_err().ends_with("is empty"));
        std::fs::remove_file(&path).unwrap();
        assert!(read(&Password::Environment("ENLIST_NO_SUCH".into())).unwrap_err().contains("ENLIST_NO_SUCH"));
    }
}
