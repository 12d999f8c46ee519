//! The words that commands about users know.

use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::common;
use crate::sacctmgr::condition::{self, Condition};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::Setting;
use crate::sacctmgr::word::{self, Word};
use slurm::model::AdminLevel;

/// What may follow `set` for users.
#[derive(Clone, Debug, Default)]
pub struct UserSetting {
    /// Admin level.
    pub admin_level: Option<AdminLevel>,
    /// Whether an admin level was given that is none.
    pub no_admin_level: bool,
    /// Default account.
    pub default_account: Option<String>,
    /// Default wckey.
    pub default_wckey: Option<String>,
    /// New name.
    pub new_name: Option<String>,
    /// `RawUsage=0`.
    pub resets_usage: bool,
    /// Limits and the like.
    pub setting: Setting,
}

impl UserSetting {
    /// Whether the user row is changed.
    pub fn sets_user(&self) -> bool {
        self.admin_level.is_some()
            || self.default_account.is_some()
            || self.default_wckey.is_some()
            || self.new_name.is_some()
    }

    /// Whether associations are changed.
    pub fn sets_association(&self) -> bool {
        !self.setting.is_empty() || self.setting.parent.is_some()
    }
}

/// Takes one word after `set`.
pub fn take_setting(session: &mut Session, asked: &mut UserSetting, word: &Word) -> Done {
    if word.operator.is_none() {
        session.complain(format!(" Bad format on {}: End your option with an '=' sign", word.raw));
    } else if word.is("AdminLevel", 2) {
        asked.admin_level = AdminLevel::parse(&word::unquote(word.value));
        asked.no_admin_level |= asked.admin_level.is_none();
    } else if word.is("DefaultAccount", 8) {
        asked.default_account = Some(word::unquote_lower(word.value));
    } else if word.is("DefaultWCKey", 8) {
        asked.default_wckey = Some(word::unquote_lower(word.value));
    } else if word.is("NewName", 1) {
        asked.new_name = Some(if session.world.settings().keeps_case() {
            word::unquote(word.value)
        } else {
            word::unquote_lower(word.value)
        });
    } else if word.is("RawUsage", 7) {
        asked.resets_usage = raw_usage::read(session, word.value);
    } else if !asked.setting.take(session, word)? {
        session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
    }
    Ok(())
}

/// What may follow `where` for users.
#[derive(Clone, Debug)]
pub struct UserCondition {
    /// Their associations; the list of users is always there (empty: any user), so that accounts are never meant.
    pub place: Condition,
    /// Admin level.
    pub admin_level: Option<AdminLevel>,
    /// Default accounts.
    pub default_accounts: Option<Vec<String>>,
    /// Default wckeys.
    pub default_wckeys: Option<Vec<String>>,
    /// Wckeys; only `delete user` knows them.
    pub wckeys: Option<Vec<String>>,
    /// List with associations.
    pub with_associations: bool,
    /// List with coordinators.
    pub with_coordinators: bool,
    /// Fields to list.
    pub format: Vec<String>,
    /// Whether a word about users was given.
    pub about_users: bool,
    /// Whether a word about associations was given.
    pub about_associations: bool,
}

impl Default for UserCondition {
    fn default() -> Self {
        Self {
            place: Condition { users: Some(Vec::new()), ..Condition::default() },
            admin_level: None,
            default_accounts: None,
            default_wckeys: None,
            wckeys: None,
            with_associations: false,
            with_coordinators: false,
            format: Vec::new(),
            about_users: false,
            about_associations: false,
        }
    }
}

impl UserCondition {
    /// Without its conditions on associations: these choose which associations of a user are listed, not which users
    /// (sacctmgr(1), "WithAssoc").
    pub fn anywhere(&self) -> Self {
        Self { about_associations: false, ..self.clone() }
    }

    /// Refuses wckeys where they mean nothing. (Slurm 22.05 ends with 1 and says nothing.)
    pub fn refuse_wckeys(&self, session: &mut Session) -> Done {
        match self.wckeys {
            None => Ok(()),
            Some(_) => session.refuse(" WCKey= is for adding and deleting; 'show wckey' lists them."),
        }
    }
}

/// Takes one word after `where`.
pub fn take_condition(session: &mut Session, asked: &mut UserCondition, word: &Word) -> Done {
    let bare = word.operator.is_none();
    if word.is_bare("WithAssoc", 5) {
        asked.with_associations = true;
    } else if word.is_bare("WithCoordinators", 5) {
        asked.with_coordinators = true;
    } else if word.is_bare("WithDeleted", 5) {
        asked.place.with_deleted = true;
    } else if word.is_bare("where", 5) {
    } else if word.is_bare("WithRawQOSLevel", 5) {
        asked.place.raw_qos = true;
    } else if word.is_bare("WOPLimits", 4) {
        asked.place.own_values = true;
    } else if bare || word.is("Names", 1) || word.is("Users", 1) {
        condition::extend_users(session, &mut asked.place.users, word)?;
        asked.about_users = true;
    } else if word.is("AdminLevel", 2) {
        asked.admin_level = common::admin_level(session, word.value);
        asked.about_users = true;
    } else if word.is("Clusters", 1) {
        condition::extend(session, &mut asked.place.clusters, word)?;
        asked.about_users = true;
    } else if word.is("DefaultAccount", 8) {
        condition::extend(session, &mut asked.default_accounts, word)?;
        asked.about_users = true;
    } else if word.is("DefaultWCKey", 8) {
        condition::extend(session, &mut asked.default_wckeys, word)?;
        asked.about_users = true;
    } else if word.is("WCKeys", 1) {
        condition::extend(session, &mut asked.wckeys, word)?;
    } else if word.is("Format", 1) {
        asked.format.extend(word::names(word.value).unwrap_or_default());
    } else if asked.place.take(session, word)? {
        asked.about_associations = true;
    } else {
        session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
    }
    Ok(())
}
