//! `TRESBillingWeights`.

use words::text::tres;

/// Reads `CPU=1.0,Mem=0.25G`: names in lower case, weights for one of the TRES' own unit, which is a megabyte for memory
/// (`_tres_weight_item` of src/common/slurm_protocol_api.c).
pub(super) fn parse(text: &str) -> Result<Vec<(String, f64)>, String> {
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| read(part).ok_or_else(|| format!("`{part}` is no TRES=WEIGHT, such as CPU=1.0 or Mem=0.25G")))
        .collect()
}

/// As [`parse`] reads it.
pub(super) fn write(weights: &[(String, f64)]) -> String {
    weights.iter().map(|(name, weight)| format!("{name}={weight}")).collect::<Vec<_>>().join(",")
}

fn read(part: &str) -> Option<(String, f64)> {
    let (name, weight) = part.split_once('=')?;
    let name = name.to_ascii_lowercase();
    let digits = weight.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = tres::scale(&weight[digits.len()..])? / base(&name);
    let weight = digits.parse::<f64>().ok().filter(|weight| weight.is_finite())?;
    // A unit below the TRES' own changes nothing, as in Slurm.
    (!name.is_empty()).then(|| (name, weight / unit.max(1) as f64))
}

/// What the unit of a TRES is in bytes (`slurmdb_get_tres_base_unit` of src/common/slurmdb_defs.c).
fn base(name: &str) -> u64 {
    match name {
        "mem" => 1 << 20,
        name if name.starts_with("bb/") => 1 << 20,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_for_one_of_the_unit() {
        let read = parse("CPU=1.0,Mem=0.25G,GRES/gpu=2,Node=-1.5").unwrap();
        let all = [("cpu", 1.0), ("mem", 0.25 / 1024.0), ("gres/gpu", 2.0), ("node", -1.5)];
        assert_eq!(read, all.map(|(name, weight)| (name.to_owned(), weight)));
        assert_eq!(parse(&write(&read)), Ok(read));
        assert_eq!(parse("mem=3M,cpu=2K").unwrap()[1].1, 2.0 / 1024.0);
        for bad in ["cpu", "cpu=", "cpu=x", "=1", "cpu=inf", "cpu=1X"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
