use super::*;

fn image(text: &[u8]) -> (tempfile::TempDir, Image) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    std::fs::write(&path, text).unwrap();
    let image = Image::read(&path).unwrap();
    (directory, image)
}

#[test]
fn every_login_shell_takes_the_script_as_one_word() {
    assert!(!SCRIPT.contains(['\'', '\\', '!', '\n', '`']));
}

#[test]
fn the_words_stand_in_no_command_line() {
    let (_directory, image) = image(b"x");
    let who = Become::Sudo { user: "root".into(), password: Some(Secret::new("s3cret")) };
    let opening = Opening::new(&image, &who, Means::Cached, Packing::Plain).unwrap();
    let command = opening.command();
    assert!(!command.contains(&opening.mark.whole()) && !command.contains(&opening.prompt.whole()));
    assert!(!command.contains("s3cret"));
    assert!(command.starts_with("env LC_ALL=C sudo -H -S -p '"), "{command}");
}

#[test]
fn user_names_are_quoted() {
    let (_directory, image) = image(b"x");
    let command = |user: &str| {
        let who = Become::Sudo { user: user.into(), password: None };
        Opening::new(&image, &who, Means::Cached, Packing::Plain).map(|opening| opening.command())
    };
    assert!(command("a'; reboot").unwrap().contains(r"-u 'a'\''; reboot' /bin/sh"));
    assert!(command("a\nb").is_err() && command("").is_err());
}
