//! What may follow a name in a dump file.

use super::super::dump::SHARES_OF_PARENT;
use super::super::session::Session;
use super::super::setting::Setting;
use super::super::word::{self, Word};
use super::lines::Line;
use slurm::model::entities::Classification;
use slurm::model::{AdminLevel, Shares};

/// A line's name and options.
#[derive(Debug, Default)]
pub struct Options {
    /// The name, lower case.
    pub name: String,
    /// An account's.
    pub description: Option<String>,
    /// An account's.
    pub organization: Option<String>,
    /// A user's.
    pub admin_level: Option<AdminLevel>,
    /// Accounts that a user coordinates.
    pub coordinates: Vec<String>,
    /// A user's.
    pub default_account: Option<String>,
    /// A user's.
    pub default_wckey: Option<String>,
    /// A user's, the default one among them.
    pub wckeys: Vec<String>,
    /// A user association's; empty for all.
    pub partition: String,
    /// A cluster's.
    pub classification: Option<Classification>,
    /// An account's flag `UsersAreCoords` (since release 23.11).
    pub users_coordinate: bool,
    /// Limits and the like.
    pub setting: Setting,
}

impl Options {
    /// Reads a line's options; `None` when one is wrong, which is complained about.
    pub fn read(session: &mut Session, line: &Line) -> Option<Options> {
        let parts = match line.parts.as_ref()? {
            Ok(parts) => parts,
            Err(part) => {
                session.complain(format!("sacctmgr: fatal: There is a problem with option {part} with quotes."));
                return None;
            }
        };
        let mut options = Options::default();
        for part in parts {
            let word = Word::parse(part);
            if word.operator.is_some() {
                options.take(session, &word)?;
            } else if options.name.is_empty() {
                options.name = word::unquote_lower(part);
            } else {
                let part = part.to_ascii_lowercase();
                session.complain(format!(" Bad format on {part}: End your option with an '=' sign"));
                return None;
            }
        }
        if options.name.is_empty() {
            session.complain(" No name given");
            return None;
        }
        if options.setting.shares == Some(Some(Shares::Of(SHARES_OF_PARENT))) {
            options.setting.shares = Some(Some(Shares::Parent));
        }
        Some(options)
    }

    fn take(&mut self, session: &mut Session, word: &Word) -> Option<()> {
        let value = word::unquote_lower(word.value);
        let list = || word::names(word.value).unwrap_or_default();
        // Slurm leaves out what is empty; `(null)` is what it writes for no text at all, and no name.
        if value.is_empty() || value == "(null)" {
            return Some(());
        }
        if word.is("AdminLevel", 2) {
            self.admin_level = AdminLevel::parse(&value);
        } else if word.is("Coordinator", 2) {
            self.coordinates.extend(list());
        } else if word.is("Classification", 2) {
            let known = Classification::ALL.into_iter();
            self.classification = known.into_iter().find(|class| class.name().to_ascii_lowercase().starts_with(&value));
        } else if word.is("DefaultAccount", 8) {
            self.default_account = Some(value);
        } else if word.is("DefaultWCKey", 8) {
            self.wckeys.extend(list());
            self.default_wckey = Some(value);
        } else if word.is("Description", 3) {
            self.description = Some(value);
        } else if word.is("Flags", 3) {
            self.users_coordinate = list().iter().any(|flag| flag == "usersarecoords");
        } else if word.is("Lineage", 3) {
            // It follows from the lines above.
        } else if word.is("Organization", 1) {
            self.organization = Some(value);
        } else if word.is("Partition", 1) {
            self.partition = value;
        } else if word.is("WCKeys", 2) {
            self.wckeys.extend(list());
        } else if !self.take_setting(session, word) {
            session.complain(format!(" Unknown option: {}", word.raw));
            return None;
        }
        Some(())
    }

    /// A value in quotes reads like one without.
    fn take_setting(&mut self, session: &mut Session, word: &Word) -> bool {
        let value = word::unquote(word.value);
        let complained = session.stderr.len();
        let taken = self.setting.take(session, &Word { value: &value, ..*word }).unwrap_or(false);
        taken && session.stderr.len() == complained
    }
}
