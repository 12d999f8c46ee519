//! The options before sreport's command, and the unit in which time is shown.

use super::Environment;
use crate::columns::Parsable;
use crate::columns::Style;
use crate::sacctmgr::word::{begins, names};
use slurm::State;
use slurm::model::tres::{CPU, Tres};
use words::text::getopt::{Known, Takes};
use words::text::slurm_time::TimeFormat;

/// What the options say.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-a`
    pub all_clusters: bool,
    /// `-M`
    pub clusters: Vec<String>,
    /// `-n`, `-p`, `-P`
    pub style: Style,
    /// `-Q`
    pub quiet: bool,
    /// `-t`
    pub unit: Unit,
    /// `-s name`: equal or not, users stand in the order of their names.
    pub by_name: bool,
    /// SLURM_TIME_FORMAT
    pub time_format: TimeFormat,
    /// `-T` or SREPORT_TRES as typed; `None` without either.
    pub tres_text: Option<String>,
    /// The TRES to report, in the order asked for; the CPU unless told otherwise.
    pub tres: Vec<Tres>,
    /// `-V`, `-h`
    pub instead: Option<Instead>,
    /// What was wrong, though not so wrong that there is no report.
    pub complaints: String,
}

/// What an option asks for instead of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// `-h`
    Help,
    /// `-V`
    Version,
}

/// The environment variables that count (sreport(1), "ENVIRONMENT VARIABLES"). There are no federations, so
/// SREPORT_FEDERATION asks for nothing.
pub const HEEDED: &[&str] = &["SREPORT_CLUSTER", "SREPORT_LOCAL", "SREPORT_TRES", "SLURM_TIME_FORMAT"];

use Takes::{Nothing as No, Value as Yes};

const FEDERATION: char = '\u{1}';
const LOCAL: char = '\u{2}';

static KNOWN: Known = Known {
    program: "sreport",
    hint: true,
    options: &[
        ("all_clusters", 'a', No),
        ("cluster", 'M', Yes),
        ("federation", FEDERATION, No),
        ("help", 'h', No),
        ("local", LOCAL, No),
        ("noheader", 'n', No),
        ("parsable", 'p', No),
        ("parsable2", 'P', No),
        ("quiet", 'Q', No),
        ("sort", 's', Yes),
        ("", 't', Yes),
        ("tres", 'T', Yes),
        ("usage", 'h', No),
        ("verbose", 'v', No),
        ("version", 'V', No),
    ],
};

/// Whether these words begin a session: options alone, none of them wrong or in place of a command (`-h`, `-V`).
pub fn begin_session(argv: &[String]) -> bool {
    let mut getopt = KNOWN.read(argv);
    let good = getopt.by_ref().all(|found| found.is_ok_and(|(letter, _)| !['h', 'V'].contains(&letter)));
    good && getopt.words().is_empty()
}

impl Options {
    /// Splits options from words; the error is what to say.
    pub fn parse<'a>(
        argv: &'a [String],
        environment: &Environment,
        state: &State,
    ) -> Result<(Self, Vec<&'a str>), String> {
        let style = Style { parsable: Parsable::No, header: true };
        let mut options = Self {
            all_clusters: false,
            clusters: Vec::new(),
            style,
            quiet: false,
            unit: Unit::Minutes,
            by_name: false,
            time_format: TimeFormat::default(),
            tres_text: environment.get("SREPORT_TRES").cloned(),
            tres: Vec::new(),
            instead: None,
            complaints: String::new(),
        };
        options.take_time_format(environment.get("SLURM_TIME_FORMAT").map_or("", String::as_str));
        let mut local = environment.contains_key("SREPORT_LOCAL");
        let mut getopt = KNOWN.read(argv);
        for found in getopt.by_ref() {
            let (letter, value) = found?;
            local |= letter == LOCAL;
            options.set(letter, value);
            if options.instead.is_some() {
                return Ok((options, Vec::new()));
            }
        }
        if [options.all_clusters, !options.clusters.is_empty(), local].iter().filter(|given| **given).count() > 1 {
            return Err("Only one cluster option can be used (--all_clusters OR --cluster OR --local)\n".into());
        }
        if !options.all_clusters && !local && options.clusters.is_empty() {
            options.clusters = environment.get("SREPORT_CLUSTER").and_then(|text| names(text)).unwrap_or_default();
            options.clusters.retain(|name| !name.is_empty());
        }
        options.tres = options.chosen_tres(state).map_err(|why| format!("sreport: fatal: {why}\n"))?;
        Ok((options, getopt.words()))
    }

    fn take_time_format(&mut self, text: &str) {
        match TimeFormat::named(text) {
            Some(format) => self.time_format = format,
            None => self.complaints.push_str(&format!("sreport: error: invalid SLURM_TIME_FORMAT = '{text}'\n")),
        }
    }

    fn set(&mut self, letter: char, value: &str) {
        match letter {
            'a' => self.all_clusters = true,
            'M' => self.clusters = names(value).unwrap_or_default(),
            'n' => self.style.header = false,
            'p' => self.style.parsable = Parsable::Ending,
            'P' => self.style.parsable = Parsable::NoEnding,
            'Q' => self.quiet = true,
            's' if begins(value, "Name", 1) => self.by_name = true,
            's' if begins(value, "Time", 1) => self.by_name = false,
            's' => self.complaints.push_str(&format!("unknown timesort format {value}\n")),
            't' => match Unit::parse(value) {
                Some(unit) => self.unit = unit,
                None => self.complaints.push_str(&format!("unknown time format {value}\n")),
            },
            'T' => self.tres_text = Some(value.to_owned()),
            'h' => self.instead = Some(Instead::Help),
            'V' => self.instead = Some(Instead::Version),
            _ => {} // federation, local, verbose: nothing to do here
        }
    }

    fn chosen_tres(&self, state: &State) -> Result<Vec<Tres>, String> {
        let Some(text) = &self.tres_text else { return Ok(state.tres.get(&CPU).cloned().into_iter().collect()) };
        if text.split(',').any(|name| name.eq_ignore_ascii_case("all")) {
            return Ok(state.tres.values().cloned().collect());
        }
        let named = |name| state.tres.values().find(|row| row.full_name().eq_ignore_ascii_case(name));
        let chosen: Vec<_> = text.split(',').filter_map(named).cloned().collect();
        if self.unit.has_percent() && text.split(',').any(|name| name.eq_ignore_ascii_case("node")) {
            return Err(
                "TRES node usage is no longer reported in percent format reports.  Please use TRES CPU instead.".into(),
            );
        }
        if chosen.is_empty() { Err("No valid TRES given".into()) } else { Ok(chosen) }
    }

    /// Whether `node` was asked for by name.
    pub fn wants_node(&self) -> bool {
        self.tres_text.as_deref().is_some_and(|text| text.split(',').any(|name| name.eq_ignore_ascii_case("node")))
            && self.tres.iter().any(|row| row.kind == "node")
    }

    /// What time is of, in headings.
    pub fn usage_of(&self) -> &'static str {
        if self.tres_text.is_some() { "TRES" } else { "CPU" }
    }
}

/// How time is shown (`-t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds
    Seconds,
    /// Minutes
    Minutes,
    /// Hours
    Hours,
    /// Percent
    Percent,
    /// SecPer
    SecondsAndPercent,
    /// MinPer
    MinutesAndPercent,
    /// HourPer
    HoursAndPercent,
}

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let known = [
            ("SecPer", 6, Unit::SecondsAndPercent),
            ("MinPer", 6, Unit::MinutesAndPercent),
            ("HourPer", 6, Unit::HoursAndPercent),
            ("Seconds", 1, Unit::Seconds),
            ("Minutes", 1, Unit::Minutes),
            ("Hours", 1, Unit::Hours),
            ("Percent", 1, Unit::Percent),
        ];
        known.iter().find(|(name, shortest, _)| begins(text, name, *shortest)).map(|(.., unit)| *unit)
    }

    /// As headings name it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "Seconds",
            Unit::Minutes => "Minutes",
            Unit::Hours => "Hours",
            Unit::Percent => "Percentage of Total",
            Unit::SecondsAndPercent => "Seconds/Percentage of Total",
            Unit::MinutesAndPercent => "Minutes/Percentage of Total",
            Unit::HoursAndPercent => "Hours/Percentage of Total",
        }
    }

    /// Whether it is the percentage alone.
    pub fn is_percent(self) -> bool {
        self == Unit::Percent
    }

    /// Whether the percentage is shown, alone or beside.
    fn has_percent(self) -> bool {
        self.is_percent() || self.is_both()
    }

    /// Whether both an amount and its percentage are shown.
    pub fn is_both(self) -> bool {
        matches!(self, Unit::SecondsAndPercent | Unit::MinutesAndPercent | Unit::HoursAndPercent)
    }

    /// Seconds in this unit; halves go to the even side, as printf(3) rounds.
    pub fn text(self, seconds: u64, whole: u64) -> String {
        let amount = match self {
            Unit::Percent => return percent(seconds, whole),
            Unit::Seconds | Unit::SecondsAndPercent => seconds.to_string(),
            Unit::Minutes | Unit::MinutesAndPercent => format!("{:.0}", seconds as f64 / 60.0),
            Unit::Hours | Unit::HoursAndPercent => format!("{:.0}", seconds as f64 / 3600.0),
        };
        if self.is_both() { format!("{amount}({})", percent(seconds, whole)) } else { amount }
    }
}

/// A part in percent, with two decimals; of nothing, as if it were one second.
pub fn percent(part: u64, whole: u64) -> String {
    format!("{:.2}%", part as f64 / whole.max(1) as f64 * 100.0)
}

/// What `-V` says; scripts look for a Slurm release here.
pub const VERSION: &str = concat!("slurm 22.05.8 (enlist ", env!("CARGO_PKG_VERSION"), ")\n");

/// What `-h` says.
pub const HELP: &str = "\
sreport [OPTION...] [COMMAND]
    -a, --all_clusters   all clusters, not just this one
    -h, --help           this text
    -M, --cluster=NAMES  these clusters
    -n, --noheader       no heading
    -p, --parsable       columns separated by `|`, also at the end
    -P, --parsable2      columns separated by `|`
    -Q, --quiet          less talk
    -s ORDER             users in order of Time or Name
    -t UNIT              Seconds, Minutes, Hours, Percent, SecPer, MinPer, HourPer
    -T, --tres=NAMES     these TRES, or ALL
    -V, --version        version

  cluster AccountUtilizationByUser     [Accounts= Users= Tree]
  cluster UserUtilizationByAccount     [Accounts= Users=]
  cluster UserUtilizationByWckey       [WCKeys= User=]
  cluster Utilization
  cluster WCKeyUtilizationByUser       [WCKeys= User=]
  job SizesByAccount                   [Accounts= AcctAsParent FlatView Gid= Grouping= Jobs= Nodes= Partitions=
                                        PrintJobCount Users= Wckeys=]
  job SizesByAccountAndWckey           [the same]
  job SizesByWckey                     [the same]
  reservation Utilization              [Names= Nodes= Ids= Flags=]
  user TopUsage                        [Accounts= Group TopCount= Users=]
  Every report knows: All_Clusters Clusters= Start= End= Format=FIELD[%WIDTH],...
  Times: YYYY-MM-DD[THH:MM[:SS]], MMDD[YY], MM/DD[/YY][-HH:MM[:SS]], HH:MM[:SS] [AM|PM], today, noon,
  now[{+|-}COUNT[seconds|minutes|hours|days|weeks]]. Without one: yesterday. Times are rounded to hours.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_printfs() {
        let minutes = |seconds| Unit::Minutes.text(seconds, 1);
        assert_eq!([minutes(30), minutes(31), minutes(90), minutes(150), minutes(0)], ["0", "1", "2", "2", "0"]);
        assert_eq!(Unit::Percent.text(1, 3), "33.33%");
        assert_eq!(Unit::HoursAndPercent.text(7200, 14400), "2(50.00%)");
        assert_eq!(Unit::SecondsAndPercent.text(5, 0), "5(500.00%)");
        assert_eq!(Unit::parse("hour"), Some(Unit::Hours));
        assert_eq!(Unit::parse("minp"), None, "MinPer is not abbreviated");
    }
}
