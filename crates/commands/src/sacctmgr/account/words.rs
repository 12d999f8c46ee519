//! The words that commands about accounts know.

use crate::sacctmgr::association::raw_usage;
use crate::sacctmgr::condition::{self, Condition};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::Setting;
use crate::sacctmgr::word::{self, Operator, Word};

/// What may follow `set` for accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountSetting {
    /// Names, where they may be given (`add`); `None` where they may not.
    pub names: Option<Vec<String>>,
    /// Clusters, where they may be given.
    pub clusters: Option<Vec<String>>,
    /// Description.
    pub description: Option<String>,
    /// Organization.
    pub organization: Option<String>,
    /// `Flags=UsersAreCoords`, and `NoUsersAreCoords` or `-=` to end that (23.11).
    pub users_coordinate: Option<bool>,
    /// `RawUsage=0`.
    pub resets_usage: bool,
    /// Limits and the like.
    pub setting: Setting,
}

impl AccountSetting {
    /// Whether the account's own texts are set.
    pub fn sets_account(&self) -> bool {
        self.description.is_some() || self.organization.is_some() || self.users_coordinate.is_some()
    }

    /// Whether its associations are changed.
    pub fn sets_association(&self) -> bool {
        !self.setting.is_empty() || self.setting.parent.is_some()
    }

    /// Whether anything is set.
    pub fn is_set(&self) -> bool {
        self.sets_account() || self.sets_association() || self.resets_usage
    }
}

/// Takes one word after `set`.
pub fn take_setting(session: &mut Session, asked: &mut AccountSetting, word: &Word) -> Done {
    let bare = word.operator.is_none();
    if bare || word.is("Accounts", 1) || word.is("Names", 1) || word.is("Acct", 4) {
        if asked.names.is_none() {
            session.complain(" Can't modify the name of an account");
            return Ok(());
        }
        return condition::extend(session, &mut asked.names, word);
    }
    if word.is("Clusters", 1) {
        if asked.clusters.is_none() {
            session.complain(" Can't modify the cluster of an account");
            return Ok(());
        }
        return condition::extend(session, &mut asked.clusters, word);
    }
    if word.is("Description", 1) {
        asked.description = Some(word::unquote_lower(word.value));
    } else if word.is("Flags", 2) {
        asked.users_coordinate = users_coordinate(session, word);
    } else if word.is("Organization", 1) {
        asked.organization = Some(word::unquote_lower(word.value));
    } else if word.is("RawUsage", 7) {
        asked.resets_usage = raw_usage::read(session, word.value);
    } else if !asked.setting.take(session, word)? {
        session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
    }
    Ok(())
}

/// The flags of an account; there is one, and a word that ends it.
fn users_coordinate(session: &mut Session, word: &Word) -> Option<bool> {
    let names = word::names(word.value).unwrap_or_default();
    let mut given = Some(false).filter(|_| word.operator == Some(Operator::Set));
    for name in names.iter().filter(|name| !name.is_empty() && *name != "-1") {
        match (word::begins(name, USERS, 1), word::begins(name, NO_USERS, 1)) {
            (true, _) => given = Some(word.operator != Some(Operator::Remove)),
            (_, true) => given = Some(false),
            _ => session.complain(format!(
                " Unknown account flag used in:\n  '{}'\n Valid account flags are\n  '{NO_USERS},{USERS}'",
                word.value
            )),
        }
    }
    given
}

const USERS: &str = "UsersAreCoords";
const NO_USERS: &str = "NoUsersAreCoords";

/// What may follow `where` for accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountCondition {
    /// Its associations.
    pub place: Condition,
    /// Descriptions.
    pub descriptions: Option<Vec<String>>,
    /// Organizations.
    pub organizations: Option<Vec<String>>,
    /// Those with the flag `UsersAreCoords`, or those without.
    pub users_coordinate: Option<bool>,
    /// List with associations.
    pub with_associations: bool,
    /// List with coordinators.
    pub with_coordinators: bool,
    /// Fields to list.
    pub format: Vec<String>,
    /// Whether a word about accounts was given.
    pub about_accounts: bool,
    /// Whether a word about associations was given.
    pub about_associations: bool,
}

impl AccountCondition {
    /// Without its conditions on associations: these choose which associations of an account are listed, not which
    /// accounts (sacctmgr(1), "WithAssoc").
    pub fn anywhere(&self) -> Self {
        Self { about_associations: false, ..self.clone() }
    }
}

/// Takes one word after `where`.
pub fn take_condition(session: &mut Session, asked: &mut AccountCondition, word: &Word) -> Done {
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
    } else if bare || word.is("Names", 1) || word.is("Accounts", 1) || word.is("Acct", 4) {
        condition::extend(session, &mut asked.place.accounts, word)?;
        asked.about_accounts = true;
    } else if word.is("Descriptions", 1) {
        condition::extend(session, &mut asked.descriptions, word)?;
        asked.about_accounts = true;
    } else if word.is("Flags", 2) {
        asked.users_coordinate = users_coordinate(session, word);
        asked.about_accounts = true;
    } else if word.is("Format", 1) {
        asked.format.extend(word::names(word.value).unwrap_or_default());
    } else if word.is("Organizations", 1) {
        condition::extend(session, &mut asked.organizations, word)?;
        asked.about_accounts = true;
    } else if asked.place.take(session, word)? {
        asked.about_associations = true;
    } else {
        session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
    }
    Ok(())
}
