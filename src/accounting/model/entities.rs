//! Clusters, accounts, users, coordinators and the transaction record.

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
    /// Taken away; kept for old records.
    pub deleted: bool,
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
    AddCoordinator = 1403, "Add Account Coordinator";
    /// a new association
    AddAssociation = 1404, "Add Associations";
    /// add cluster
    AddCluster = 1405, "Add Clusters";
    /// add user
    AddUser = 1407, "Add Users";
    /// modify account
    ModifyAccount = 1413, "Modify Accounts";
    /// limits and the like
    ModifyAssociation = 1414, "Modify Associations";
    /// modify user
    ModifyUser = 1417, "Modify Users";
    /// delete account
    RemoveAccount = 1420, "Remove Accounts";
    /// delete coordinator
    RemoveCoordinator = 1421, "Remove Account Coordinators";
    /// delete an association
    RemoveAssociation = 1422, "Remove Associations";
    /// delete cluster
    RemoveCluster = 1423, "Remove Clusters";
    /// delete user
    RemoveUser = 1424, "Remove Users";
    /// add qos
    AddQos = 1427, "Add QOS";
    /// delete qos
    RemoveQos = 1428, "Remove QOS";
    /// modify qos
    ModifyQos = 1429, "Modify QOS";
    /// a TRES was named in the configuration
    AddTres = 1461, "Add TRES";
}
