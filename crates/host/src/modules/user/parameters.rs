//! The parameters of `user`.

use super::wanted::{Days, ExpiryDay};
use crate::choices;
use crate::identity::Uid;
use crate::modules::shared::accounts::GivenId;
use crate::parameters;
use crate::parameters::{GivenSecret, HostPath, Presence};

choices! {
    /// Whose password is set.
    pub enum PasswordUpdate {
        /// That of every user.
        Always = "always",
        /// That of a new one alone.
        OnCreate = "on_create",
    }
}

parameters! {
    /// Adds, changes or removes a user in the local account files, with its home directory and SSH
    /// key.
    pub struct UserParameters for "user" {
        /// Login name.
        name | "user": String,
        /// Whether it shall be there.
        state: Presence = "present",
        /// Its number; a change re-owns the home directory.
        uid: Option<GivenId<Uid>>,
        /// Lets the number be another user's too.
        non_unique: bool = "no",
        /// Primary group, by name or number.
        group: Option<String>,
        /// Supplementary groups; an empty list takes the user out of all.
        groups: Option<Vec<String>>,
        /// Adds `groups` to those the user is in, instead of replacing them.
        append: bool = "no",
        /// Full name and the like (GECOS).
        comment: Option<String>,
        /// Login shell.
        shell: Option<HostPath>,
        /// Home directory.
        home: Option<HostPath>,
        /// Makes the home directory when it is missing.
        create_home | "createhome": bool = "yes",
        /// Moves the home directory when `home` differs.
        move_home: bool = "no",
        /// What a new home is filled from, instead of /etc/skel.
        skeleton: Option<String>,
        /// Permission bits that a new home does not get.
        umask: Option<String>,
        /// Password hash; `!` or `*` for none.
        password: Option<GivenSecret>,
        /// Whether an existing user's password is set too.
        update_password: PasswordUpdate = "always",
        /// Locks or unlocks the password.
        password_lock: Option<bool>,
        /// When the account expires, in seconds since 1970; negative: never.
        expires: Option<ExpiryDay>,
        /// Days after which the password must be changed.
        password_expire_max: Option<Days>,
        /// Days before which it may not be changed again.
        password_expire_min: Option<Days>,
        /// Days of warning before it expires.
        password_expire_warn: Option<Days>,
        /// Days from then until the account is disabled.
        password_expire_account_disable: Option<Days>,
        /// Makes a new user a system account.
        system: bool = "no",
        /// Lowest number for a new user, instead of UID_MIN of login.defs.
        uid_min: Option<GivenId<Uid>>,
        /// Highest number for a new user, instead of UID_MAX of login.defs.
        uid_max: Option<GivenId<Uid>>,
        /// Makes an SSH key if there is none.
        generate_ssh_key: bool = "no",
        /// Type of the key.
        ssh_key_type: String = "rsa",
        /// Its size; ssh-keygen's own choice if not given.
        ssh_key_bits: Option<i64>,
        /// Its file, below the home directory unless absolute.
        ssh_key_file: Option<HostPath>,
        /// Its comment; `ansible-generated on HOST` if not given.
        ssh_key_comment: Option<String>,
        /// Its passphrase; none if not given.
        ssh_key_passphrase: Option<GivenSecret>,
        /// Removes the home directory and mail spool too.
        remove: bool = "no",
        /// Removes a user who is logged in; replaces an SSH key.
        force: bool = "no",
        /// Looks for the user in /etc/passwd only, not in directories.
        local: bool = "no",
        /// SELinux user of a new account.
        seuser: Option<String>,
    }
    unread {
        /// Accepted; has no meaning on Linux.
        hidden: Option<bool>,
        /// Accepted; has no meaning on Linux.
        login_class: Option<String>,
        /// Accepted; has no meaning on Linux.
        profile: Option<String>,
        /// Accepted; has no meaning on Linux.
        authorization: Option<String>,
        /// Accepted; has no meaning on Linux.
        role: Option<String>,
    }
}
