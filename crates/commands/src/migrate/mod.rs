//! Moving between real Slurm and the built-in service: what a dump file does not hold, as commands that make it.
//!
//! Pure: listings in, `sacctmgr` commands out. Both sides speak the same text, so one way serves both directions.

mod qos;

pub use qos::{QOS_FORMAT, QosTable};

/// Arguments of one `sacctmgr` command.
pub type Command = Vec<String>;

/// The wckeys in a dump. Slurm 22.05 takes back a whole `load` that adds wckeys of a new user, so its load must do without
/// them ([`LINES_WITHOUT_WCKEYS`]) and these commands come after it.
pub fn wckeys(dump: &str) -> Vec<Command> {
    let (mut cluster, mut found) = (String::new(), Vec::new());
    for line in dump.lines() {
        if let Some(rest) = line.strip_prefix("Cluster - '") {
            cluster = rest.split('\'').next().unwrap_or_default().to_owned();
        }
        let Some(user) = line.strip_prefix("User - '").and_then(|rest| rest.split('\'').next()) else { continue };
        let option = |name: &str| line.split_once(&format!(":{name}='")).and_then(|(_, rest)| rest.split('\'').next());
        let Some(keys) = option("WCKeys") else { continue };
        let mut command: Command = ["-i", "add", "user", user].map(str::to_owned).into();
        command.extend([format!("cluster={cluster}"), format!("wckeys={keys}")]);
        command.extend(option("DefaultWCKey").map(|key| format!("defaultwckey={key}")));
        if !found.contains(&command) {
            found.push(command);
        }
    }
    found
}

/// The sed(1) expression that takes the wckeys out of a dump.
pub const LINES_WITHOUT_WCKEYS: &str = "s/:(DefaultWCKey|WCKeys)='[^']*'//g";

/// Thresholds of priority, which a dump does not hold either: commands for those in `theirs` that differ from `ours`. Both
/// are `show assoc wopi -nP format=cluster,account,user,partition,MinPrioThresh`.
pub fn thresholds(theirs: &str, ours: &str) -> Vec<Command> {
    let known: std::collections::BTreeSet<&str> = ours.lines().collect();
    let mut found = Vec::new();
    for line in theirs.lines().filter(|line| !known.contains(line)) {
        let cells: Vec<_> = line.split('|').collect();
        let [cluster, account, user, partition, value] = cells[..] else { continue };
        if value.is_empty() {
            continue;
        }
        let place = [("cluster", cluster), ("account", account), ("partition", partition)];
        let mut command: Command = match user {
            "" => ["-i", "modify", "account", account].map(str::to_owned).into(),
            user => ["-i", "modify", "user", user].map(str::to_owned).into(),
        };
        let place = place.iter().filter(|(name, value)| !value.is_empty() && (*name != "account" || !user.is_empty()));
        command.push("where".into());
        command.extend(place.map(|(name, value)| format!("{name}={value}")));
        command.extend(["set".to_owned(), format!("MinPrioThresh={value}")]);
        found.push(command);
    }
    found
}

/// The format of [`thresholds`].
pub const THRESHOLD_FORMAT: &str = "format=cluster,account,user,partition,MinPrioThresh";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dump_leaves_out() {
        let dump = "Cluster - 'ref':Fairshare=1\nParent - 'a'\nUser - 'al ice':DefaultAccount='a':DefaultWCKey='k':WCKeys='j,k'\n\
                    User - 'bob':Fairshare=1\n";
        assert_eq!(wckeys(dump), [["-i", "add", "user", "al ice", "cluster=ref", "wckeys=j,k", "defaultwckey=k"]]);
        let commands = thresholds("ref|a||| 5\nref|a||| 5\nref|a|bob||7\nref|b|||\n", "ref|a||| 5\n");
        assert_eq!(
            commands,
            [["-i", "modify", "user", "bob", "where", "cluster=ref", "account=a", "set", "MinPrioThresh=7"]]
        );
    }
}
