//! Clusters, accounts, users, coordinators and the transaction record.

use super::federation::Membership;

/// A cluster. Its limits sit on its root association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Lower-case name.
    pub name: String,
    /// Where its controller last registered from; empty until it does.
    pub control_host: String,
    /// Its controller's port; 0 until it registers.
    pub control_port: u16,
    /// Protocol version of its controller; 0 until it registers.
    pub rpc_version: u16,
    /// What it is for.
    pub classification: Classification,
    /// Its place in a federation.
    pub membership: Membership,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

impl Cluster {
    /// A cluster whose controller has not registered yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            control_host: String::new(),
            control_port: 0,
            rpc_version: 0,
            classification: Classification::None,
            membership: Membership::default(),
            deleted: false,
        }
    }
}

/// What a cluster is for (sacctmgr(1), "Classification").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Classification {
    /// Not said.
    #[default]
    None,
    /// Few large jobs.
    Capability,
    /// Many jobs.
    Capacity,
    /// Both.
    Capapacity,
}

impl Classification {
    /// All of them, by Slurm's number.
    pub const ALL: [Classification; 4] = [Self::None, Self::Capability, Self::Capacity, Self::Capapacity];

    /// As `show cluster` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Capability => "Capability",
            Self::Capacity => "Capacity",
            Self::Capapacity => "Capapacity",
        }
    }
}

/// An account: its texts. Where it sits in the tree is said by its associations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Lower-case name.
    pub name: String,
    /// Free text, lower-cased as Slurm does.
    pub description: String,
    /// Free text, lower-cased as Slurm does.
    pub organization: String,
    /// Flag `UsersAreCoords` (23.11): all users of the account coordinate it and what is below it.
    pub users_coordinate: bool,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

/// A user; accounts and limits are in associations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Lower-case name.
    pub name: String,
    /// What the user may administer.
    pub admin_level: AdminLevel,
    /// Taken away; kept for old records.
    pub deleted: bool,
}

/// What a user may do beyond their own affairs (user_permissions.shtml).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdminLevel {
    /// Nothing.
    None,
    /// Accounts, users, associations and their limits.
    Operator,
    /// Everything.
    Administrator,
}

impl AdminLevel {
    /// As `show user` writes it.
    pub fn name(self) -> &'static str {
        match self {
            AdminLevel::None => "None",
            AdminLevel::Operator => "Operator",
            AdminLevel::Administrator => "Administrator",
        }
    }

    /// The number in the store: 1, 2, 3, as slurmdbd has it.
    pub fn number(self) -> u8 {
        match self {
            AdminLevel::None => 1,
            AdminLevel::Operator => 2,
            AdminLevel::Administrator => 3,
        }
    }

    /// From a beginning of its name in any case (`admin`, `op`, `None`).
    pub fn parse(text: &str) -> Option<Self> {
        let begins = |name: &str| name.get(..text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text));
        if text.is_empty() {
            return None;
        }
        [Self::None, Self::Operator, Self::Administrator].into_iter().find(|level| begins(level.name()))
    }

    /// From [`AdminLevel::number`].
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::Operator, Self::Administrator].into_iter().find(|level| level.number() == number)
    }
}

/// Says that `user` coordinates `account`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coordinator {
    /// The account (and all below it).
    pub account: String,
    /// Who.
    pub user: String,
}

/// One line of the transaction record: who changed what, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Running number from 1.
    pub id: u64,
    /// Seconds since 1970.
    pub time: i64,
    /// What was done.
    pub action: Action,
    /// Name of the caller.
    pub actor: String,
    /// To what.
    pub target: String,
    /// What was set.
    pub info: String,
    /// The cluster, for association changes.
    pub cluster: String,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal;)*) => {
        /// What a transaction did, with Slurm's number and wording.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// All of them.
            pub const ALL: &[Action] = &[$(Action::$variant),*];

            /// As `show transactions` writes it.
            pub fn text(self) -> &'static str {
                match self { $(Action::$variant => $text,)* }
            }

            /// The number in the store.
            pub fn number(self) -> u16 {
                match self { $(Action::$variant => $number,)* }
            }

            /// From [`Action::number`].
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Action::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    /// add account
    AddAccount = 1402, "Add Accounts";
    /// add coordinator
    AddCoordinator = 1403, "Add Account Coord";
    /// a new association
    AddAssociation = 1404, "Add Associations";
    /// add cluster
    AddCluster = 1405, "Add Clusters";
    /// add user
    AddUser = 1406, "Add Users";
    /// modify account
    ModifyAccount = 1428, "Modify Accounts";
    /// limits and the like
    ModifyAssociation = 1429, "Modify Associations";
    /// modify cluster
    ModifyCluster = 1430, "Modify Clusters";
    /// modify user
    ModifyUser = 1431, "Modify Users";
    /// delete account
    RemoveAccount = 1435, "Remove Accounts";
    /// delete coordinator
    RemoveCoordinator = 1436, "Remove Account Coords";
    /// delete an association
    RemoveAssociation = 1437, "Remove Associations";
    /// delete cluster
    RemoveCluster = 1438, "Remove Clusters";
    /// delete user
    RemoveUser = 1439, "Remove Users";
    /// add qos
    AddQos = 1447, "Add QOS";
    /// delete qos
    RemoveQos = 1450, "Remove QOS";
    /// modify qos
    ModifyQos = 1451, "Modify QOS";
    /// a new wckey
    AddWckey = 1452, "Add WCKeys";
    /// wckeys taken away
    RemoveWckey = 1455, "Remove WCKeys";
    /// a wckey became the default
    ModifyWckey = 1456, "Modify WCKeys";
    /// modify job
    ModifyJob = 1476, "Modify Job";
    /// add resource, and giving it to a cluster
    AddResource = 1477, "Add Resources";
    /// delete resource
    RemoveResource = 1480, "Remove Resources";
    /// modify resource
    ModifyResource = 1481, "Modify Resources";
    /// a resource taken from clusters; Slurm has no words for it
    RemoveClusterResource = 1483, "MsgType=1483";
    /// a cluster's percentage; Slurm has no words for it
    ModifyClusterResource = 1484, "MsgType=1484";
    /// a TRES was named in the configuration
    AddTres = 1485, "Add TRES";
    /// add federation (Slurm's own words)
    AddFederation = 1493, "Add Clusters";
    /// modify federation
    ModifyFederation = 1496, "Modify Federations";
    /// delete federation
    RemoveFederation = 1497, "Remove Federations";
}
