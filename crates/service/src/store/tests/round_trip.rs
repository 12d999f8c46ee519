//! Whatever the state holds, and however it changes from one commit to the next, the store gives it back.

use super::*;
use crate::store::tables;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use slurm::model::qos::QosFlag;
use slurm::table::Table;
use std::collections::{BTreeMap, BTreeSet};

/// A whole state, as rows.
#[derive(Clone, Debug)]
struct Site {
    clusters: Vec<Cluster>,
    accounts: BTreeMap<String, Account>,
    users: BTreeMap<String, User>,
    qos: Vec<Qos>,
    tres: Vec<Tres>,
    coordinators: BTreeSet<(usize, usize)>,
    wckeys: Vec<Wckey>,
    federations: BTreeMap<String, bool>,
    resources: Vec<Resource>,
    events: BTreeMap<u64, Event>,
    reservations: Vec<Reservation>,
    resets: BTreeMap<u32, i64>,
    associations: Vec<Association>,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("'; DROP TABLE qos; --".to_owned()),
        Just("1=2,3|\n\0\"".to_owned()),
        "[a-z가-힣🦀 ,=]{0,12}",
        any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    text().prop_filter("names are not empty", |text| !text.is_empty())
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()]
}

/// What fits into 63 bits.
fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(i64::MAX as u64), 0..=i64::MAX as u64]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(i64::MAX), 0..=i64::MAX]
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(0.1 + 0.2), Just(f64::MAX), Just(f64::MIN_POSITIVE), 0.0..1e9]
}

fn tres_counts() -> impl Strategy<Value = TresCounts> {
    btree_map(number().prop_map(TresId), prop_oneof![Just(u64::MAX), any::<u64>()], 0..4)
}

fn limits() -> impl Strategy<Value = Limits> {
    let one = (proptest::sample::select(Limit::ALL), 1..=u32::MAX, amount());
    vec(one, 0..5).prop_map(|all| {
        let mut limits = Limits::default();
        for (limit, tres, value) in all {
            let tres = (limit.unit() == limits::Unit::Tres).then_some(TresId(tres));
            limits.set((limit, tres), Some(value));
        }
        limits
    })
}

fn qos_ids(least: usize) -> impl Strategy<Value = BTreeSet<QosId>> {
    btree_set(number().prop_map(QosId), least..4)
}

fn cluster(name: &'static str) -> impl Strategy<Value = Cluster> {
    let place = (text(), 0..64u32, 0..5usize, btree_set("[a-z]{1,4}", 0..3));
    (text(), any::<u16>(), any::<u16>(), 0..4usize, place, any::<bool>()).prop_map(
        move |(control_host, control_port, rpc_version, of, (federation, id, state, features), deleted)| Cluster {
            name: name.into(),
            control_host,
            control_port,
            rpc_version,
            classification: Classification::ALL[of],
            membership: Membership { federation, id, state: FederationState::ALL[state], features },
            deleted,
        },
    )
}

fn account() -> impl Strategy<Value = Account> {
    (text(), text(), any::<bool>(), any::<bool>()).prop_map(|(description, organization, users_coordinate, deleted)| {
        Account { name: String::new(), description, organization, users_coordinate, deleted }
    })
}

fn user() -> impl Strategy<Value = User> {
    let level = prop_oneof![Just(AdminLevel::None), Just(AdminLevel::Operator), Just(AdminLevel::Administrator)];
    (level, any::<bool>()).prop_map(|(admin_level, deleted)| User { name: String::new(), admin_level, deleted })
}

fn qos() -> impl Strategy<Value = Qos> {
    let words = (text(), text(), btree_set(proptest::sample::select(QosFlag::ALL), 0..4), qos_ids(0), limits());
    let numbers = (number(), number(), option::of(number()), option::of(any::<i64>()), any::<bool>());
    (words, numbers, (real(), option::of(real()), option::of(real()))).prop_map(
        |(
            (description, preempt_mode, flags, preempt, limits),
            numbers,
            (usage_factor, usage_threshold, limit_factor),
        )| {
            let (priority, grace_time, preempt_exempt_time, usage_reset, deleted) = numbers;
            Qos {
                description,
                priority,
                limits,
                flags,
                preempt,
                preempt_mode,
                grace_time,
                preempt_exempt_time,
                usage_factor,
                usage_threshold,
                limit_factor,
                usage_reset,
                deleted,
                ..Qos::new(Qos::NORMAL, "")
            }
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    let allowed = btree_map(name(), 0..=100u16, 0..3);
    (text(), text(), number(), allowed, any::<bool>()).prop_map(
        |(description, server_type, count, allowed, deleted)| {
            let (id, server) = (ResourceId(1), "slurmdb".into());
            Resource { id, name: String::new(), server, description, server_type, count, allowed, deleted }
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let times = (time(), option::of(time()));
    (name(), text(), times, number(), text(), option::of(number()), tres_counts(), text()).prop_map(
        |(cluster, node, (start, end), state, reason, user, tres, cluster_nodes)| Event {
            id: 0,
            cluster,
            node,
            start,
            end: end.map(|end| end.max(start)),
            state,
            reason,
            user: user.map(Uid),
            tres,
            cluster_nodes,
        },
    )
}

fn reservation() -> impl Strategy<Value = Reservation> {
    let place = (prop_oneof![Just("c"), Just("d")], 0..3u32, 0..3i64);
    (place, (text(), text(), text()), time(), tres_counts(), any::<u64>(), real()).prop_map(
        |((cluster, id, start), (name, nodes, associations), end, tres, flags, unused_wall)| Reservation {
            cluster: cluster.into(),
            id: ReservationId(id),
            name,
            start,
            end: end.max(start),
            tres,
            flags,
            nodes,
            unused_wall,
            associations,
        },
    )
}

/// The places of every tree: the number is the index and one more.
fn keys() -> [AssociationKey; 6] {
    let user = |user, partition| AssociationKey::user("c", "a", user, partition);
    let root = AssociationKey::account;
    [root("c", "root"), root("d", "root"), root("c", "a"), user("u", ""), user("u", "gpu"), user("v", "")]
}

/// One with a place of its own; the first of a user is the default, if any is.
fn association(index: usize, key: AssociationKey) -> impl Strategy<Value = Association> {
    let qos = prop_oneof![
        Just(QosSet::Inherited),
        qos_ids(0).prop_map(QosSet::Exactly),
        (qos_ids(1), qos_ids(0)).prop_map(|(added, removed)| QosSet::Changed { added, removed }),
    ];
    let shares = prop_oneof![Just(Shares::Parent), number().prop_map(Shares::Of)];
    let numbers = (option::of(0..6u32), any::<i64>(), option::of(number()), option::of(number()));
    (numbers, shares, limits(), qos, option::of(text()), any::<[bool; 2]>()).prop_map(
        move |((parent, position, priority, default_qos), shares, limits, qos, comment, [is_default, deleted])| {
            Association {
                id: AssociationId(index as u32 + 1),
                parent: parent.filter(|parent| *parent != index as u32).map(|parent| AssociationId(parent + 1)),
                position,
                is_default: is_default && !key.is_account(),
                shares,
                limits,
                priority,
                qos,
                default_qos: default_qos.map(QosId),
                comment: comment.map(String::into_boxed_str),
                deleted,
                key: key.clone(),
            }
        },
    )
}

fn associations() -> impl Strategy<Value = Vec<Association>> {
    let all: Vec<_> = keys().into_iter().enumerate().map(|(index, key)| association(index, key)).collect();
    all.prop_map(|mut all| {
        let mut defaults = BTreeSet::new();
        for row in all.iter_mut().filter(|row| row.is_default && !row.deleted) {
            row.is_default = defaults.insert(row.key.user.clone());
        }
        all
    })
}

/// Names for rows by number, which are dealt out anew each time: they may change places from one commit to the next.
fn dealt() -> impl Strategy<Value = Vec<String>> {
    Just(["high", "it's", "낮음", "low"].map(str::to_owned).to_vec()).prop_shuffle()
}

fn wckeys() -> impl Strategy<Value = Vec<Wckey>> {
    let ids = Just(vec![1, 2, u32::MAX]).prop_shuffle();
    (ids, vec(any::<[bool; 3]>(), 3)).prop_map(|(ids, flags)| {
        let one = |(index, [there, is_default, deleted]): (usize, [bool; 3])| {
            let (id, name) = (WckeyId(ids[index]), ["", "w", "it's"][index].into());
            there.then(|| Wckey { id, user: "u".into(), cluster: "c".into(), name, is_default, deleted })
        };
        flags.into_iter().enumerate().filter_map(one).collect()
    })
}

fn site() -> impl Strategy<Value = Site> {
    let people = (btree_map(name(), account(), 0..4), btree_map(name(), user(), 0..4));
    let named = (dealt(), vec(qos(), 0..5), dealt(), vec(resource(), 0..5), dealt(), 0..5usize);
    let places = ((cluster("c"), cluster("d")), associations(), btree_map(1..7u32, any::<i64>(), 0..4));
    let rest = (wckeys(), btree_map(name(), any::<bool>(), 0..3), btree_set((0..4usize, 0..4usize), 0..5));
    let seen = (btree_map(1..=i64::MAX as u64, event(), 0..4), vec(reservation(), 0..4));
    (people, named, places, rest, seen).prop_map(|(people, named, places, rest, (events, reservations))| {
        let ((accounts, users), ((c, d), associations, resets)) = (people, places);
        let (qos_names, qos, resource_names, resources, tres_names, tres) = named;
        let (wckeys, federations, coordinators) = rest;
        let qos = qos.into_iter().zip(qos_names).zip(1..).map(|((row, name), id)| Qos { id: QosId(id), name, ..row });
        let resources = resources.into_iter().zip(resource_names).zip(1..);
        let resource = |((row, name), id)| Resource { id: ResourceId(id), name, ..row };
        let tres =
            tres_names.iter().take(tres).zip(1001..).map(|(name, id)| Tres::new(TresId(id), &format!("gres/{name}")));
        Site {
            clusters: vec![c, d],
            qos: qos.collect(),
            tres: tres.collect(),
            resources: resources.map(resource).collect(),
            accounts,
            users,
            coordinators,
            wckeys,
            federations,
            events,
            reservations,
            resets,
            associations,
        }
    })
}

/// Makes these the table's rows.
fn set<K: Ord + Clone, V: Clone + PartialEq>(table: &mut Table<K, V>, rows: impl IntoIterator<Item = (K, V)>) {
    let rows: BTreeMap<K, V> = rows.into_iter().collect();
    let gone: Vec<K> = table.iter().map(|(key, _)| key.clone()).filter(|key| !rows.contains_key(key)).collect();
    gone.iter().for_each(|key| table.remove(key));
    rows.into_iter().for_each(|(key, row)| table.put(key, row));
}

impl Site {
    /// Brings a state to this.
    fn put(self, state: &mut State, commit: i64) {
        let coordinators = self.coordinators.iter().filter_map(|(account, user)| {
            let (account, user) = (self.accounts.keys().nth(*account)?, self.users.keys().nth(*user)?);
            Some(Coordinator { account: account.clone(), user: user.clone() })
        });
        set(&mut state.coordinators, coordinators.map(|row| ((row.account.clone(), row.user.clone()), row)));
        set(&mut state.clusters, self.clusters.into_iter().map(|row| (row.name.clone(), row)));
        let accounts = self.accounts.into_iter().map(|(name, row)| (name.clone(), Account { name, ..row }));
        set(&mut state.accounts, accounts);
        set(&mut state.users, self.users.into_iter().map(|(name, row)| (name.clone(), User { name, ..row })));
        set(&mut state.qos, self.qos.into_iter().map(|row| (row.id, row)));
        set(&mut state.tres, self.tres.into_iter().map(|row| (row.id, row)));
        set(&mut state.wckeys, self.wckeys.into_iter().map(|row| (row.key(), row)));
        let federation = |(name, deleted): (String, bool)| (name.clone(), Federation { name, deleted });
        set(&mut state.federations, self.federations.into_iter().map(federation));
        set(&mut state.resources, self.resources.into_iter().map(|row| (row.id, row)));
        set(&mut state.events, self.events.into_iter().map(|(id, row)| (id, Event { id, ..row })));
        set(&mut state.reservations, self.reservations.into_iter().map(|row| (row.key(), row)));
        let reset = |(id, time)| (AssociationId(id), UsageReset { association: AssociationId(id), time });
        set(&mut state.usage_resets, self.resets.into_iter().map(reset));
        self.associations.into_iter().for_each(|row| state.put_association(row));
        state.record(line(commit));
    }
}

fn line(time: i64) -> Transaction {
    let (actor, target) = ("root".into(), "it's".into());
    Transaction { id: 0, time, action: Action::ModifyQos, actor, target, info: String::new(), cluster: String::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_changes_from_commit_to_commit_comes_back(sites in vec(site(), 1..4)) {
        let mut connection = Connection::open_in_memory().unwrap();
        prepare(&connection).unwrap();
        MIGRATIONS.iter().for_each(|schema| connection.execute_batch(schema).unwrap());
        let mut state = State::default();
        for (commit, site) in sites.into_iter().enumerate() {
            site.put(&mut state, commit as i64);
            let transaction = connection.transaction().unwrap();
            tables::changes(&transaction, &state).unwrap();
            transaction.commit().unwrap();
            state.commit();
            let mut loaded = tables::state(&connection).unwrap();
            prop_assert!(loaded == state, "{loaded:#?}\nis not\n{state:#?}");
            let of_user = |state: &State| state.of_user("u").map(|row| row.id).collect::<Vec<_>>();
            prop_assert_eq!(of_user(&loaded), of_user(&state), "the index goes by the rows");
            let before = connection.total_changes();
            tables::changes(&connection, &loaded).unwrap();
            prop_assert_eq!(connection.total_changes(), before, "nothing changed, so nothing is written");
            loaded.record(line(0));
            prop_assert_eq!(loaded.recorded()[0].id, commit as u64 + 2);
        }
    }
}
