//! Counts of nodes in their order, as Slurm's variables have them.

/// `4(x2),2`: how often each count stands behind itself.
pub fn compress(counts: impl IntoIterator<Item = u32>) -> String {
    let counts: Vec<u32> = counts.into_iter().collect();
    let group = |run: &[u32]| match run {
        [one] => one.to_string(),
        _ => format!("{}(x{})", run[0], run.len()),
    };
    counts.chunk_by(|a, b| a == b).map(group).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted() {
        for (counts, text) in [(&[4, 4, 2][..], "4(x2),2"), (&[1, 2, 1], "1,2,1"), (&[3], "3"), (&[], "")] {
            assert_eq!(compress(counts.iter().copied()), text);
        }
    }
}
