//! `enlist roster import`: a roster of the people who are there already.

use crate::cli::exit::Exit;
use crate::cli::site::{self, SiteArgs, fail_all};
use crate::cli::waiting;
use crate::view::styled::Styled;
use crate::view::styles::{Style, stderr, stdout};
use clap::Args;
use control::roster::adoption::{Adopted, Choice, Difference, adopted};
use control::roster::{Roster, load};
use control::sync::Site;
use control::sync::adopt::{Inhabitants, inhabitants};
use control::sync::reach::Reach;
use host::system::Attributes;
use host::system::local::atomic;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind, Source};
use words::value::{Map, Value};

/// Make a roster of the people who are there already, on hosts, in directories and in the scheduler.
///
/// Whatever the roster cannot say as it is, is left alone and named. Exit codes: 0 the first plan of it changes nothing; 3 the
/// same, but for what was named; 1 an error.
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Which hosts keep people (an inventory pattern)
    #[arg(long, value_name = "PATTERN", default_value = "all")]
    hosts: String,
    /// The scheduler's master (an inventory pattern); without it no accounts are taken over
    #[arg(long, value_name = "PATTERN")]
    scheduler: Option<String>,
    /// A file with `directories:` as in a roster; their people are taken over, too
    #[arg(long, value_name = "FILE")]
    directories: Option<PathBuf>,
    /// What the site is called
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// People with these numbers; groups come with who is in them
    #[arg(long, value_name = "FIRST-LAST", default_value = "1000-59999", value_parser = ids)]
    ids: RangeInclusive<u32>,
    /// Not this person or group; repeatable
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,
    /// Write it here; a file that is there already is never replaced [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Answer in JSON: `people`, `differences`, and `roster` where it is not written to a file
    #[arg(long)]
    json: bool,
}

fn ids(text: &str) -> Result<RangeInclusive<u32>, String> {
    let range = text.split_once('-').and_then(|(first, last)| Some(first.parse().ok()?..=last.parse().ok()?));
    range
        .filter(|range: &RangeInclusive<u32>| !range.is_empty())
        .ok_or_else(|| "write the first and the last: 2000-9999".into())
}

/// Makes it.
pub fn run(args: &ImportArgs) -> Exit {
    match import(args) {
        Ok(exit) => exit,
        Err(problems) => fail_all(&problems, args.json),
    }
}

fn import(args: &ImportArgs) -> Result<Exit, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    if let Some(path) = args.output.as_deref().filter(|path| path.exists()) {
        let message = format!("{} is there already", path.display());
        return Err(one(Diagnostic::new(ErrorKind::Refused, message).hint("give another name, or take it away first")));
    }
    let (head, frame) = head(args)?;
    let choice = Choice { ids: args.ids.clone(), without: args.without.iter().cloned().collect() };
    let Inhabitants { places, books, silent } = ask(args, &frame, &choice)?;
    let found = adopted(&head, &places, books.as_ref(), &choice, &silent);
    let name = args.output.as_ref().map_or("the new roster".to_owned(), |path| path.display().to_string());
    let wrong = load(&Source::new(name, found.text.clone())).err().unwrap_or_default();
    tell(args, &found)?;
    if !wrong.is_empty() {
        return Err(wrong
            .into_iter()
            .map(|problem| problem.note("correct the roster by hand before the first plan"))
            .collect());
    }
    Ok(if found.differences.is_empty() { Exit::OK } else { Exit::LEFT_OUT })
}

/// What the roster says of the site, and a roster of that and nobody, by which places are found.
fn head(args: &ImportArgs) -> Result<(Map, Roster), Vec<Diagnostic>> {
    let mut head = Map::new();
    let mut put = |key: &str, value: Option<Value>| head.extend(value.map(|value| (key.to_owned(), value)));
    put("site", args.name.as_deref().map(Value::from));
    put("hosts", (args.hosts != "all").then(|| args.hosts.as_str().into()));
    put("scheduler", args.scheduler.as_deref().map(Value::from));
    put("directories", args.directories.as_deref().map(directories).transpose().map_err(|problem| vec![problem])?);
    let mut frame = head.clone();
    frame.insert("hosts".to_owned(), args.hosts.as_str().into());
    // A roster names somebody.
    let nobody = Value::from_iter([(
        "nobody-yet",
        Value::from_iter([("gid", Value::from(2_000_000_000_u32)), ("state", "absent".into())]),
    )]);
    frame.insert("groups".to_owned(), nobody);
    let frame = load(&Source::new("the command line", control::yaml::document(&frame)))?;
    Ok((head, frame))
}

fn directories(path: &Path) -> Result<Value, Diagnostic> {
    let name = path.display().to_string();
    let unreadable = |why: String| Diagnostic::new(ErrorKind::Input, format!("cannot read {name}: {why}"));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let tree = control::yaml::parse_one(&Source::new(name.clone(), text))?.map(|node| node.to_value());
    let found = tree.as_ref().and_then(|tree| tree.get("directories")).cloned();
    found.ok_or_else(|| unreadable("it has no `directories`".into()).hint("docs/directories.md shows them"))
}

fn ask(args: &ImportArgs, frame: &Roster, choice: &Choice) -> Result<Inhabitants, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let inventory = site::read_inventory(&args.site.sources()).map_err(one)?;
    let login = args.site.login().map_err(one)?;
    let limit = args.site.limit().map_err(one)?;
    let hosts = Reach::new(&inventory, &login).of_roster(frame, &limit).map_err(one)?;
    let connector = waiting::watched();
    inhabitants(&Site::new(hosts, &connector, args.site.forks), choice)
}

fn tell(args: &ImportArgs, found: &Adopted) -> Result<(), Vec<Diagnostic>> {
    if let Some(path) = &args.output {
        let written = atomic::write(path, found.text.as_bytes(), Attributes::default(), 0o644);
        written.map_err(|error| {
            vec![Diagnostic::new(ErrorKind::Input, format!("cannot write {}: {error}", path.display()))]
        })?;
    }
    if args.json {
        let mut json = serde_json::json!({ "people": found.people, "differences": found.differences });
        if args.output.is_none() {
            json["roster"] = found.text.as_str().into();
        }
        stdout().json(&json.to_string());
        return Ok(());
    }
    if args.output.is_none() {
        stdout().text(&found.text);
    }
    let line = |one: &Difference| Styled::of(Style::Warning, one.what.clone()).text(format!(": {}", one.why));
    stderr().lines(found.differences.iter().map(line));
    stderr().line(format!("{} people taken over; {} named.", found.people, found.differences.len()));
    Ok(())
}
