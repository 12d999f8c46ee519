//! Ansible's modules, native: one file or folder each, one line each in [`MODULES`]; `shared` is what several of them
//! share.

mod account_list;
mod authorized_key;
mod blockinfile;
mod command;
pub mod copy;
pub mod doors;
mod entrance;
#[cfg(test)]
mod example;
mod file;
mod getent;
mod group;
mod lineinfile;
mod ping;
mod replace;
mod setup;
pub mod shared;
mod shell;
pub mod slurm;
mod slurp;
mod stat;
mod sudo_rule;
mod user;

use crate::engine::AnyModule;
use crate::parameters::short_name;
use crate::protocol::Bound;

/// Every module that runs on a host, in the order of `enlist doc`.
#[rustfmt::skip] // One a line: additions do not collide.
pub static MODULES: &[&dyn AnyModule] = &[
    &account_list::AccountList,
    &authorized_key::AuthorizedKey,
    &blockinfile::BlockInFile,
    &command::Command,
    &copy::Copy,
    &doors::Doors,
    &entrance::Entrance,
    &file::File,
    &getent::Getent,
    &group::Group,
    &lineinfile::LineInFile,
    &ping::Ping,
    &replace::Replace,
    &setup::Setup,
    &shell::Shell,
    &slurm::account::SlurmAccount,
    &slurm::association::SlurmAssociation,
    &slurm::coordinator::SlurmCoordinator,
    &slurm::jobs::SlurmJobs,
    &slurm::qos::SlurmQos,
    &slurm::user::SlurmUser,
    &slurp::Slurp,
    &stat::Stat,
    &sudo_rule::SudoRule,
    &user::User,
];

/// The module called `name`, with or without `ansible.builtin.`, `ansible.legacy.` or `ansible.posix.` before it.
pub fn find(name: &str) -> Option<&'static dyn AnyModule> {
    let short = short_name(name);
    MODULES.iter().copied().find(|module| module.spec().name == short)
}

/// How large the answer of the module called `name` to `count` items may be.
pub fn bound(name: &str, count: usize) -> Bound {
    find(name).map_or(Bound::USUAL, |module| module.bound()).with_items(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use words::value::{Map, Value};

    #[test]
    fn every_table_names_each_parameter_once() {
        for spec in MODULES.iter().map(|module| module.spec()) {
            let names = |param: &crate::parameters::Param| param.aliases.iter().copied().chain([param.name]);
            let mut all: Vec<_> = spec.params.iter().flat_map(names).collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{}: {all:?}", spec.name);
        }
    }

    #[test]
    fn every_default_is_a_value_that_is_accepted() {
        // Checked after all values: what is missing, or too much.
        let later = ["missing required arguments: ", "one of the following is required: "];
        for spec in MODULES.iter().map(|module| module.spec()) {
            for param in spec.params {
                let Some(default) = param.default else { continue };
                let given = Map::from_iter([(param.name.to_owned(), Value::from(default))]);
                let refused =
                    spec.check(&given).err().filter(|failure| !later.iter().any(|word| failure.msg.starts_with(word)));
                assert_eq!(refused, None, "{}: {}", spec.name, param.name);
            }
        }
    }
}
