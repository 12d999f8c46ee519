//! `sacctmgr show problem`: what is there and of no use to anybody.

use super::condition;
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::State;
use slurm::model::*;
use words::people::Unanswered;

/// One finding: cluster, account, user, what is wrong.
struct Problem(String, String, String, &'static str);

/// Which problems are meant.
#[derive(Default)]
struct Wanted {
    accounts: Option<Vec<String>>,
    clusters: Option<Vec<String>>,
    users: Option<Vec<String>>,
    format: Vec<String>,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("Tree", 4) {
        } else if word.operator.is_none() || word.is("Ids", 1) || word.is("Problems", 2) {
            let mut ids: Option<Vec<u32>> = None;
            condition::extend_numbers(session, &mut ids, word, "problem id");
        } else if word.is("Accounts", 2) || word.is("Acct", 4) {
            condition::extend(session, &mut self.accounts, word)?;
        } else if word.is("Clusters", 1) {
            condition::extend(session, &mut self.clusters, word)?;
        } else if word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("Users", 1) {
            condition::extend_users(session, &mut self.users, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
        Ok(())
    }
}

/// `show problem`: accounts without users, accounts and users without associations, users whom the host does not know.
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let fields = fields_or(session, &wanted.format, &["Cl,Acct,User,Problem"])?;
    if !session.caller.is_operator(session.state) {
        session.complain("sacctmgr: error: Access/permission denied");
        return session.refuse(" Error with request: Access/permission denied");
    }
    let mut found = Vec::new();
    if wanted.users.is_none() {
        found.extend(of_accounts(session.state, &wanted));
    }
    if wanted.accounts.is_none() {
        let (problems, unanswered) = of_users(session, &wanted);
        found.extend(problems);
        if let Some(why) = unanswered {
            session.complain(format!("sacctmgr: error: {why}; who does not have a uid is not listed"));
        }
    }
    let cell = |problem: &Problem, column| match column {
        Column::Cluster => Cell::text(&problem.0),
        Column::Account => Cell::text(&problem.1),
        Column::User => Cell::text(&problem.2),
        Column::Problem => Cell::text(problem.3),
        _ => Cell::Empty,
    };
    let rows: Vec<Vec<_>> =
        found.iter().map(|problem| fields.iter().map(|field| cell(problem, field.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn of_accounts(state: &State, wanted: &Wanted) -> Vec<Problem> {
    let mut found = Vec::new();
    let named = |list: &Option<Vec<String>>, name: &String| list.as_ref().is_none_or(|l| l.contains(name));
    for account in state.accounts.values().filter(|row| !row.deleted && named(&wanted.accounts, &row.name)) {
        let clusters = state.cluster_names();
        let places = clusters.iter().filter_map(|name| state.find(&AssociationKey::account(name, &account.name)));
        let places: Vec<_> = places.collect();
        if places.is_empty() {
            found.push(Problem(String::new(), account.name.clone(), String::new(), "Account has no associations"));
        }
        for place in places.into_iter().filter(|place| named(&wanted.clusters, &place.key.cluster)) {
            if state.children(place.id).all(|child| child.key.is_account()) {
                let cluster = place.key.cluster.clone();
                found.push(Problem(cluster, account.name.clone(), String::new(), "Account has no users"));
            }
        }
    }
    found
}

/// What is wrong with users; and why it is not known of all whether they have a number, if so.
fn of_users(session: &Session, wanted: &Wanted) -> (Vec<Problem>, Option<Unanswered>) {
    let state = &*session.state;
    let named = |name: &String| wanted.users.as_ref().is_none_or(|list| list.contains(name));
    let (mut found, mut unanswered) = (Vec::new(), None);
    for user in state.users.values().filter(|row| !row.deleted && named(&row.name)) {
        let known = session.world.people().user(&user.name).known().map_err(|why| unanswered = Some(why));
        let problem = if known == Ok(None) {
            "User does not have a uid"
        } else if state.of_user(&user.name).next().is_none() {
            "User has no associations"
        } else {
            continue;
        };
        found.push(Problem(String::new(), String::new(), user.name.clone(), problem));
    }
    (found, unanswered)
}
