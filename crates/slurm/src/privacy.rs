//! What a caller sees of others' affairs under `PrivateData` (slurmdbd.conf(5)), by slurmdbd's rules.
//!
//! Operators and above see everything. QOS, TRES, clusters and the transaction record are never private, as in Slurm.

use crate::State;
use crate::authority::Caller;
use crate::model::{AssociationId, AssociationKey};
use crate::settings::{Private, Settings};
use crate::tree;
use std::collections::BTreeSet;

/// A caller's view of the state. Make one for a listing, since it collects what the caller coordinates.
#[derive(Clone, Debug)]
pub struct View<'a> {
    state: &'a State,
    caller: &'a Caller,
    settings: &'a Settings,
    is_operator: bool,
    coordinated: BTreeSet<String>,
}

impl<'a> View<'a> {
    /// What `caller` sees.
    pub fn new(state: &'a State, caller: &'a Caller, settings: &'a Settings) -> Self {
        let is_operator = caller.is_operator(state);
        let coordinated = if is_operator { BTreeSet::new() } else { caller.coordinated(state) };
        Self { state, caller, settings, is_operator, coordinated }
    }

    fn hides(&self, what: Private) -> bool {
        !self.is_operator && self.settings.private_data.has(what)
    }

    /// Whether accounts may be listed at all (`accounts`: only by coordinators). If not, Slurm answers "Access/permission
    /// denied".
    pub fn lists_accounts(&self) -> bool {
        !self.hides(Private::Accounts) || !self.coordinated.is_empty()
    }

    /// Whether an account is seen (`accounts`: those that the caller coordinates).
    pub fn account(&self, name: &str) -> bool {
        !self.hides(Private::Accounts) || self.coordinated.contains(name)
    }

    /// Whether a user, or a wckey of theirs, is seen (`users`: only oneself).
    pub fn user(&self, name: &str) -> bool {
        !self.hides(Private::Users) || self.is_self(name)
    }

    /// The associations that are seen; `None` is all. With `users` they are the caller's own, those of accounts that
    /// the caller coordinates with their users, and all above these.
    pub fn associations(&self) -> Option<BTreeSet<AssociationId>> {
        if !self.hides(Private::Users) {
            return None;
        }
        let mut seen = BTreeSet::new();
        let mine = self.state.of_user(&self.caller.name).map(|row| row.id);
        let of_accounts =
            self.coordinated_tops().into_iter().flat_map(|top| tree::walk(self.state, top)).map(|row| row.id);
        for id in mine.chain(of_accounts) {
            let mut next = Some(id);
            while let Some(id) = next.filter(|id| seen.insert(*id)) {
                next = self.state.associations().get(&id).and_then(|row| row.parent);
            }
        }
        Some(seen)
    }

    fn coordinated_tops(&self) -> Vec<AssociationId> {
        let clusters = self.state.cluster_names();
        let keys = clusters
            .iter()
            .flat_map(|cluster| self.coordinated.iter().map(|account| AssociationKey::account(cluster, account)));
        keys.filter_map(|key| self.state.find(&key)).map(|row| row.id).collect()
    }

    /// Whether the usage of an association is seen (`usage`: one's own and that of accounts one coordinates), in
    /// `sshare` and `sreport`.
    pub fn usage(&self, of: &AssociationKey) -> bool {
        !self.hides(Private::Usage) || self.is_self(&of.user) || self.coordinated.contains(&of.account)
    }

    /// Whether jobs of a user in an account are seen (`jobs`: one's own and those of accounts one coordinates).
    pub fn job(&self, account: &str, user: &str) -> bool {
        !self.hides(Private::Jobs) || self.is_self(user) || self.coordinated.contains(account)
    }

    /// Whether every job is seen, so that no other question is needed.
    pub fn all_jobs(&self) -> bool {
        !self.hides(Private::Jobs)
    }

    /// Whether events may be listed; if not, Slurm answers "Access/permission denied".
    pub fn events(&self) -> bool {
        !self.hides(Private::Events)
    }

    /// Whether reservations may be listed; if not, Slurm answers "Access/permission denied".
    pub fn reservations(&self) -> bool {
        !self.hides(Private::Reservations)
    }

    /// Whether a query over so many seconds is allowed (`MaxQueryTimeRange`; operators are exempt).
    pub fn time_range(&self, seconds: u64) -> bool {
        self.is_operator || self.settings.max_query_seconds.is_none_or(|most| seconds <= most)
    }

    fn is_self(&self, user: &str) -> bool {
        !user.is_empty() && user == self.caller.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::founding;
    use crate::model::{AdminLevel, Coordinator, User};
    use crate::settings::Words;
    use crate::tree::{Seed, Settings as Seeding, grow};
    use words::people::Uid;

    /// `top` with `low` and `other`; ann in low, bob in other, carl coordinates top, olga is an operator.
    fn state() -> State {
        let mut state = State::default();
        founding::found(&mut state, "c", &[], 0);
        let mut add = |account: &str, user: &str, parent: &str| {
            let parent = state.find(&AssociationKey::account("c", parent)).unwrap().id;
            let key = AssociationKey::user("c", account, user, "");
            grow(&mut state, &[(parent, Seed { key, settings: Seeding::default(), is_default: false })]);
        };
        for (account, user, parent) in [
            ("top", "", "root"),
            ("low", "", "top"),
            ("other", "", "root"),
            ("low", "ann", "low"),
            ("other", "bob", "other"),
        ] {
            add(account, user, parent);
        }
        let carl = Coordinator { account: "top".into(), user: "carl".into() };
        state.coordinators.put(("top".into(), "carl".into()), carl);
        let olga = User { name: "olga".into(), admin_level: AdminLevel::Operator, deleted: false };
        state.users.put("olga".into(), olga);
        state
    }

    fn seen(caller: &str, settings: &Settings) -> Vec<String> {
        let state = state();
        let caller = Caller::new(Uid(1000), caller, settings);
        let seen = View::new(&state, &caller, settings).associations();
        let rows = tree::all(&state).into_iter().filter(|row| seen.as_ref().is_none_or(|ids| ids.contains(&row.id)));
        rows.map(|row| format!("{}/{}", row.key.account, row.key.user)).collect()
    }

    fn private(words: &str) -> Settings {
        Settings { private_data: Words::parse(words).unwrap(), ..Settings::default() }
    }

    #[test]
    fn associations_of_oneself_and_of_coordinated_accounts_and_above() {
        let all = private("users");
        assert_eq!(seen("ann", &all), ["root/", "top/", "low/", "low/ann"]);
        assert_eq!(seen("carl", &all), ["root/", "top/", "low/", "low/ann"]);
        assert_eq!(seen("bob", &all), ["root/", "other/", "other/bob"]);
        assert!(seen("stranger", &all).is_empty() && seen("", &all).is_empty());
        assert_eq!(seen("olga", &all).len(), 7);
        assert_eq!(seen("stranger", &private("accounts,jobs,usage")).len(), 7);
        assert!(seen("carl", &Settings { disable_coordinators: true, ..all }).is_empty());
    }

    #[test]
    fn everything_else() {
        let (state, all) = (state(), private("all"));
        let [ann, carl, olga] = ["ann", "carl", "olga"].map(|name| Caller::new(Uid(1000), name, &all));
        let slurm = Caller::new(Uid(64030), "slurm", &Settings { slurm_user: "slurm".into(), ..all.clone() });
        let ann = View::new(&state, &ann, &all);
        assert!(ann.user("ann") && !ann.user("bob") && !ann.lists_accounts() && !ann.account("low"));
        assert!(ann.job("low", "ann") && !ann.job("low", "bob") && !ann.job("low", ""));
        assert!(!ann.events() && !ann.reservations() && !ann.all_jobs());
        let carl = View::new(&state, &carl, &all);
        assert!(carl.lists_accounts() && carl.account("low") && !carl.account("other"));
        assert!(carl.job("low", "ann") && !carl.job("other", "bob") && !carl.user("ann"));
        let usage = |view: &View, user| view.usage(&AssociationKey::user("c", "low", user, ""));
        assert!(usage(&carl, "ann") && usage(&ann, "ann") && !usage(&ann, "bob") && !usage(&ann, ""));
        for caller in [&olga, &slurm, &Caller::root()] {
            let view = View::new(&state, caller, &all);
            assert!(view.user("bob") && view.account("other") && view.events() && view.all_jobs());
        }
    }

    #[test]
    fn ranges_of_time() {
        let (state, short) = (state(), Settings { max_query_seconds: Some(60), ..Settings::default() });
        let (bob, olga) = (Caller::new(Uid(1), "bob", &short), Caller::new(Uid(2), "olga", &short));
        assert!(View::new(&state, &bob, &short).time_range(60) && !View::new(&state, &bob, &short).time_range(61));
        assert!(View::new(&state, &olga, &short).time_range(61));
    }
}
