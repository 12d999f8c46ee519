//! Lines about nodes and partitions, word by word: the configuration has them, and `scontrol create` and `update` are told the same.

mod node;
mod partition;

pub use node::{FirstState, KEYS as NODE_KEYS, NodeKey, NodeWords, is_name};
pub use partition::{PartitionWord, PartitionWords, WORDS as PARTITION_WORDS, megabytes, per_cpu, per_node};

/// A whole number within bounds.
pub fn number<N: TryFrom<u64>>(text: &str, least: u64, most: u64) -> Result<N, String> {
    let wrong = || format!("a whole number from {least} to {most} is needed");
    let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number)).ok_or_else(wrong)?;
    N::try_from(number).map_err(|_| wrong())
}

/// A value as it is read again.
pub fn quote(value: &str) -> String {
    if value.contains(char::is_whitespace) { format!("\"{value}\"") } else { value.to_owned() }
}
