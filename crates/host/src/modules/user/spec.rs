//! The parameters of `user`.

use crate::modules::{Kind, Param, Spec};

pub(super) static SPEC: Spec = Spec {
    name: "user",
    summary: "Adds, changes or removes a user in the local account files, with its home directory and SSH key.",
    params: &[
        Param::new("name", Kind::Str, "Login name.").required().aliases(&["user"]),
        Param::new("state", Kind::Str, "Whether it shall be there.").choices(&["absent", "present"]).default("present"),
        Param::new("uid", Kind::Int, "Its number; a change re-owns the home directory."),
        Param::new("non_unique", Kind::Bool, "Lets the number be another user's too.").default("no"),
        Param::new("group", Kind::Str, "Primary group, by name or number."),
        Param::new("groups", Kind::List, "Supplementary groups; an empty list takes the user out of all."),
        Param::new("append", Kind::Bool, "Adds `groups` to those the user is in, instead of replacing them.")
            .default("no"),
        Param::new("comment", Kind::Str, "Full name and the like (GECOS)."),
        Param::new("shell", Kind::Path, "Login shell."),
        Param::new("home", Kind::Path, "Home directory."),
        Param::new("create_home", Kind::Bool, "Makes the home directory when it is missing.")
            .aliases(&["createhome"])
            .default("yes"),
        Param::new("move_home", Kind::Bool, "Moves the home directory when `home` differs.").default("no"),
        Param::new("skeleton", Kind::Str, "What a new home is filled from, instead of /etc/skel."),
        Param::new("umask", Kind::Str, "Permission bits that a new home does not get."),
        Param::new("password", Kind::Str, "Password hash; `!` or `*` for none.").secret(),
        Param::new("update_password", Kind::Str, "Whether an existing user's password is set too.")
            .choices(&["always", "on_create"])
            .default("always"),
        Param::new("password_lock", Kind::Bool, "Locks or unlocks the password."),
        Param::new("expires", Kind::Float, "When the account expires, in seconds since 1970; negative: never."),
        Param::new("password_expire_max", Kind::Int, "Days after which the password must be changed."),
        Param::new("password_expire_min", Kind::Int, "Days before which it may not be changed again."),
        Param::new("password_expire_warn", Kind::Int, "Days of warning before it expires."),
        Param::new("password_expire_account_disable", Kind::Int, "Days from then until the account is disabled."),
        Param::new("system", Kind::Bool, "Makes a new user a system account.").default("no"),
        Param::new("uid_min", Kind::Int, "Lowest number for a new user, instead of UID_MIN of login.defs."),
        Param::new("uid_max", Kind::Int, "Highest number for a new user, instead of UID_MAX of login.defs."),
        Param::new("generate_ssh_key", Kind::Bool, "Makes an SSH key if there is none.").default("no"),
        Param::new("ssh_key_type", Kind::Str, "Type of the key.").default("rsa"),
        Param::new("ssh_key_bits", Kind::Int, "Its size; ssh-keygen's own choice if not given."),
        Param::new("ssh_key_file", Kind::Path, "Its file, below the home directory unless absolute."),
        Param::new("ssh_key_comment", Kind::Str, "Its comment; `ansible-generated on HOST` if not given."),
        Param::new("ssh_key_passphrase", Kind::Str, "Its passphrase; none if not given.").secret(),
        Param::new("remove", Kind::Bool, "Removes the home directory and mail spool too.").default("no"),
        Param::new("force", Kind::Bool, "Removes a user who is logged in; replaces an SSH key.").default("no"),
        Param::new("local", Kind::Bool, "Looks for the user in /etc/passwd only, not in directories.").default("no"),
        Param::new("seuser", Kind::Str, "SELinux user of a new account."),
        Param::new("hidden", Kind::Bool, "Accepted; has no meaning on Linux."),
        Param::new("login_class", Kind::Str, "Accepted; has no meaning on Linux."),
        Param::new("profile", Kind::Str, "Accepted; has no meaning on Linux."),
        Param::new("authorization", Kind::Str, "Accepted; has no meaning on Linux."),
        Param::new("role", Kind::Str, "Accepted; has no meaning on Linux."),
    ],
    ..Spec::EMPTY
};
