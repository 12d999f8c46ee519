//! Amounts with a unit's letter, as sacct prints them.

/// How amounts are turned into larger units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convert {
    /// As long as nothing, or a half, is lost: `1.50G`, but `1100M`.
    #[default]
    Exact,
    /// Not at all (`--noconvert`).
    Never,
    /// To the largest.
    Largest,
    /// To this unit (`--units`).
    To(usize),
}

/// Units by number; the first has no letter.
pub const LETTERS: [&str; 7] = ["", "K", "M", "G", "T", "P", "?"];

/// The unit without a letter.
pub const ONE: usize = 0;
/// 1000 or 1024.
pub const KILO: usize = 1;
/// Its square.
pub const MEGA: usize = 2;

/// An amount that is counted in `unit`; a unit is `step` of the one below.
pub fn amount(amount: f64, unit: usize, step: u64, convert: Convert) -> String {
    if amount as i64 == 0 {
        return "0".into();
    }
    let (mut amount, mut unit) = (amount, unit);
    let divisor = step as f64;
    match convert {
        Convert::To(wanted) => {
            amount *= divisor.powi(unit as i32 - wanted as i32);
            unit = wanted;
        }
        Convert::Never => {}
        Convert::Exact | Convert::Largest => {
            let fits = |amount: f64| convert == Convert::Largest || (amount as u64).is_multiple_of(step / 2);
            while amount >= divisor && fits(amount) {
                amount /= divisor;
                unit += 1;
            }
        }
    }
    let letter = LETTERS[unit.min(LETTERS.len() - 1)];
    if amount.fract() == 0.0 { format!("{}{letter}", amount as u64) } else { format!("{amount:.2}{letter}") }
}

/// Bytes on disk, in megabytes and above; less than one keeps two digits.
pub fn disk(bytes: u64, convert: Convert) -> String {
    let mega = bytes as f64 / f64::from(1 << 20);
    if mega > 1.0 {
        amount(mega, MEGA, 1024, convert)
    } else if mega > 0.0 {
        format!("{mega:.2}M")
    } else {
        "0".into()
    }
}

/// CPU time: `[D-]HH:MM:SS`, or `MM:SS.mmm` when it is less than an hour and has a fraction.
pub fn cpu_time(micros: u64) -> String {
    let (seconds, thousandths) = (micros / 1_000_000, micros / 1000 % 1000);
    if seconds < 3600 && thousandths > 0 {
        format!("{:02}:{:02}.{thousandths:03}", seconds / 60, seconds % 60)
    } else {
        words::text::duration::format_seconds(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let exact = |value: f64, unit| amount(value, unit, 1024, Convert::Exact);
        assert_eq!([exact(65536.0, MEGA), exact(1536.0, MEGA), exact(1100.0, MEGA)], ["64G", "1.50G", "1100M"]);
        assert_eq!([exact(0.0, MEGA), exact(1024.0, ONE)], ["0", "1K"]);
        assert_eq!(amount(65536.0, MEGA, 1024, Convert::To(4)), "0.06T");
        assert_eq!(amount(65536.0, MEGA, 1024, Convert::To(1)), "67108864K");
        assert_eq!(amount(2048.0, MEGA, 1024, Convert::Never), "2048M");
        assert_eq!(amount(123_456.0, ONE, 1000, Convert::Largest), "123.46K");
        assert_eq!([disk(2048, Convert::Exact), disk(1 << 20, Convert::Exact)], ["0.00M", "1.00M"]);
        assert_eq!([cpu_time(5_250_000), cpu_time(3_600_250_000)], ["00:05.250", "01:00:00"]);
    }
}
