//! The password of a bind entry, on its way from where it is kept to the server. It is shown nowhere.

use crate::settings::Password;
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
