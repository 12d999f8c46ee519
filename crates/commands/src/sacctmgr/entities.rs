//! What `add`, `delete`, `modify` and `show` are done to (sacctmgr(1), "ENTITIES"): a line an entity in the verb's table,
//! which whoever carries a command out and the statistics that count it both go by. How short a name may be cut differs
//! from verb to verb in Slurm, so each table has its own.

use super::line::Verb;
use super::session::{Done, Session};
use super::statistics::{Message, OTHER};
use super::word::{Word, begins};
use super::{
    account, association, cluster, coordinator, event, federation, job, problem, qos, reservation, resource,
    service_words, transaction, tres, user, wckey,
};

/// Carries a command out, with the words behind the entity.
type CarryOut = fn(&mut Session, &[Word]) -> Done;

/// One of the things that a verb is done to.
pub struct Entity {
    /// Name and shortest abbreviation, and those that mean the same.
    names: &'static [(&'static str, usize)],
    /// What a command about it counts as in `show stats`.
    pub message: Message,
    carry_out: CarryOut,
}

/// The entities of one verb; a word may fit several, and the first counts.
pub struct Entities {
    all: &'static [Entity],
    /// What is said to a word that fits none.
    none: &'static str,
}

const fn entity(names: &'static [(&'static str, usize)], message: Message, carry_out: CarryOut) -> Entity {
    Entity { names, message, carry_out }
}

impl Entities {
    /// Those of a verb; `None` for a verb that is done to nothing.
    pub fn of(verb: Verb) -> Option<&'static Self> {
        match verb {
            Verb::Add => Some(&ADD),
            Verb::Delete => Some(&DELETE),
            Verb::Modify => Some(&MODIFY),
            Verb::Show => Some(&SHOW),
            Verb::Archive | Verb::Clear | Verb::Dump | Verb::Load | Verb::Reconfigure | Verb::Shutdown => None,
        }
    }

    /// What a word means.
    pub fn find(&self, typed: &str) -> Option<&'static Entity> {
        let fits = |entity: &&Entity| entity.names.iter().any(|(name, shortest)| begins(typed, name, *shortest));
        self.all.iter().find(fits)
    }

    /// Carries out a command whose verb is followed by these words, also given as they were taken apart.
    pub fn carry_out(&self, session: &mut Session, typed: &[&str], words: &[Word]) -> Done {
        match self.find(typed.first().copied().unwrap_or_default()) {
            Some(entity) => (entity.carry_out)(session, &words[1.min(words.len())..]),
            None => session.refuse(self.none),
        }
    }
}

static ADD: Entities = Entities {
    all: &[
        entity(&[("Account", 1), ("Acct", 4)], ("DBD_ADD_ACCOUNTS", 1402), account::add::run),
        entity(&[("Cluster", 2)], ("DBD_ADD_CLUSTERS", 1405), cluster::add),
        entity(&[("Coordinator", 2)], ("DBD_ADD_ACCOUNT_COORDS", 1403), coordinator::add),
        entity(&[("Federation", 1)], OTHER, federation::add),
        entity(&[("QOS", 1)], ("DBD_ADD_QOS", 1447), qos::add),
        entity(&[("Resource", 1)], OTHER, resource::add),
        entity(&[("User", 1)], ("DBD_ADD_USERS", 1406), user::add::run),
    ],
    none: "No valid entity in add command\nInput line must include \"Account\", \"Cluster\", \"Coordinator\", \
           \"Federation\", \"QOS\", \"Resource\", or \"User\"",
};

static DELETE: Entities = Entities {
    all: &[
        entity(&[("Accounts", 1), ("Acct", 4)], ("DBD_REMOVE_ACCOUNTS", 1435), account::delete::account),
        entity(&[("Clusters", 2)], ("DBD_REMOVE_CLUSTERS", 1438), cluster::delete),
        entity(&[("Coordinators", 2)], ("DBD_REMOVE_ACCOUNT_COORDS", 1436), coordinator::delete),
        entity(&[("Federations", 1)], OTHER, federation::delete),
        entity(&[("QOS", 2)], ("DBD_REMOVE_QOS", 1450), qos::delete),
        entity(&[("Resource", 1)], OTHER, resource::delete),
        entity(&[("Users", 1)], ("DBD_REMOVE_USERS", 1439), user::delete::user),
    ],
    none: "No valid entity in delete command\nInput line must include \"Account\", \"Cluster\", \"Coordinator\", \
           \"Federation\", \"QOS\", \"Resource\", or \"User\"",
};

static MODIFY: Entities = Entities {
    all: &[
        entity(&[("Accounts", 1), ("Acct", 4)], ("DBD_MODIFY_ACCOUNTS", 1428), account::modify::account),
        entity(&[("Clusters", 5)], ("DBD_MODIFY_CLUSTERS", 1430), cluster::modify),
        entity(&[("Federation", 1)], OTHER, federation::modify),
        entity(&[("Job", 1)], ("DBD_MODIFY_JOB", 1476), job::modify),
        entity(&[("QOSs", 1)], ("DBD_MODIFY_QOS", 1451), qos::modify),
        entity(&[("Resource", 1)], OTHER, resource::modify),
        entity(&[("Users", 1)], ("DBD_MODIFY_USERS", 1431), user::modify::user),
    ],
    none: "No valid entity in modify command\nInput line must include \"Account\", \"Cluster\", \"Federation\", \
           \"Job\", \"QOS\", \"Resource\" or \"User\"",
};

static SHOW: Entities = Entities {
    all: &[
        entity(&[("Accounts", 2), ("Acct", 4)], ("DBD_GET_ACCOUNTS", 1409), account::show::accounts),
        entity(&[("Associations", 2)], ("DBD_GET_ASSOCS", 1410), association::show::associations),
        entity(&[("Clusters", 2)], ("DBD_GET_CLUSTERS", 1412), cluster::show),
        entity(&[("Configuration", 2)], ("DBD_GET_CONFIG", 1466), |session, _| service_words::configuration(session)),
        entity(&[("Events", 1)], ("DBD_GET_EVENTS", 1470), event::show),
        entity(&[("Federation", 1)], OTHER, federation::show),
        entity(&[("Problems", 1)], ("DBD_GET_PROBS", 1468), problem::show),
        entity(
            &[("OrphanJobs", 1), ("LostJobs", 1), ("RunawayJobs", 2)],
            ("DBD_GET_JOBS_COND", 1444),
            job::runaway::show,
        ),
        entity(&[("QOS", 1)], ("DBD_GET_QOS", 1448), qos::show::qos),
        entity(&[("Resource", 4)], OTHER, resource::show),
        entity(&[("Reservations", 4), ("Resv", 4)], ("DBD_GET_RESVS", 1464), reservation::show),
        entity(&[("Stats", 1)], ("DBD_GET_STATS", 1489), |session, _| service_words::stats(session)),
        entity(&[("Transactions", 1), ("Txn", 1)], ("DBD_GET_TXN", 1445), transaction::show),
        entity(&[("Users", 1)], ("DBD_GET_USERS", 1415), user::show::users),
        entity(&[("WCKeys", 1)], ("DBD_GET_WCKEYS", 1453), wckey::show),
        entity(&[("TRES", 2)], ("DBD_GET_TRES", 1486), tres::tres),
    ],
    none: "No valid entity in list command\nInput line must include \"Account\", \"Association\", \"Cluster\", \
           \"Configuration\",\n\"Event\", \"Federation\", \"Problem\", \"QOS\", \"Resource\", \"Reservation\",\n\
           \"RunAwayJobs\", \"Stats\", \"Transaction\", \"TRES\", \"User\", or \"WCKey\"",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_full_and_no_line_hides_behind_another() {
        for entities in [Verb::Add, Verb::Delete, Verb::Modify, Verb::Show].map(|verb| Entities::of(verb).unwrap()) {
            for entity in entities.all {
                for (name, _) in entity.names {
                    assert!(entities.find(name).is_some_and(|found| std::ptr::eq(found, entity)), "{name}");
                }
            }
            assert!(entities.find("").is_none());
        }
    }

    #[test]
    fn what_is_carried_out_is_what_is_counted() {
        let show = Entities::of(Verb::Show).unwrap();
        for (typed, message) in
            [("t", "DBD_GET_TXN"), ("tr", "DBD_GET_TXN"), ("txn", "DBD_GET_TXN"), ("tres", "DBD_GET_TRES")]
        {
            assert_eq!(show.find(typed).unwrap().message.0, message, "{typed}");
        }
    }
}
