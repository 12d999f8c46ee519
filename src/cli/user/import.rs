//! `enlist user import`: many people from a table of commas, row by row. A bad row is named, and the others are added.

mod row;

use super::order::{Asked, CarryArgs, Order, Said};
use super::{Done, FileArgs, input};
use crate::view::styles::stderr;
use clap::Args;
use control::roster::ids::as_numbered;
use control::roster::{Roster, edit, today};
use row::{Columns, Row, Whose};
use serde_json::{Value, json};
use std::path::PathBuf;
use words::diag::{Diagnostic, Source};
use words::text::csv;

/// Arguments of `enlist user import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The table: a head line with names of columns, then one person a row
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// Change who is in the roster otherwise than the row says; without it such a row is refused
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    carry: CarryArgs,
}

/// Edits the roster by all good rows at once.
pub fn run(args: &ImportArgs) -> Done {
    let name = args.csv.display().to_string();
    let rows = read(args, &name)?;
    Order { file: &args.file, carry: &args.carry }.run(|roster| taken_in(roster, &rows, args.update))
}

/// A row, or what is wrong with it, and where it begins.
type ReadRow = (Place, Result<Row, Vec<Diagnostic>>);

/// Where a row stands.
#[derive(Clone, Debug)]
struct Place {
    file: String,
    line: u32,
}

impl Place {
    /// The same problems, said of this row.
    fn says(&self, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let here = |mut problem: Diagnostic| {
            // What the roster would become has no place that anybody could look at.
            problem.place = problem.place.filter(|place| !place.source.name.ends_with(edit::AS_IT_WOULD_BE));
            problem.message = format!("{}:{}: {}", self.file, self.line, problem.message);
            problem
        };
        problems.into_iter().map(here).collect()
    }
}

fn read(args: &ImportArgs, name: &str) -> Result<Vec<ReadRow>, Vec<Diagnostic>> {
    let one = |problem| vec![problem];
    let content = std::fs::read(&args.csv).map_err(|error| one(input(format!("cannot read {name}: {error}"))))?;
    let text = String::from_utf8(content).map_err(|_| {
        one(input(format!("{name} is no text in UTF-8"))
            .hint(format!("save it as UTF-8; of Korean Windows: iconv -f CP949 -t UTF-8 {name}")))
    })?;
    let (mut records, bad) = csv::records(&text);
    if records.is_empty() {
        return Err(one(input(format!("{name} has no head line")).hint(row::HEAD)));
    }
    let columns = Columns::read(&records.remove(0).fields)
        .map_err(|problem| Place { file: name.to_owned(), line: 1 }.says(vec![problem]))?;
    let place = |line| Place { file: name.to_owned(), line };
    let mut rows: Vec<ReadRow> = records.iter().map(|record| (place(record.line), columns.row(record))).collect();
    rows.extend(bad.map(|bad| (place(bad.line), Err(one(input(bad.why).note("no row behind this one is read"))))));
    Ok(rows)
}

/// The roster's text with all rows that can be taken in.
fn taken_in(roster: &Roster, rows: &[ReadRow], update: bool) -> Result<Asked, Vec<Diagnostic>> {
    let mut state = State { roster: roster.clone(), unnamed: Vec::new() };
    let (mut people, mut said, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    for (place, row) in rows {
        let done = row.clone().and_then(|row| state.take(&row, update));
        match done {
            Ok((login, result)) => {
                said.push(json!({ "line": place.line, "user": login, "result": result }));
                people.push(login);
            }
            Err(problems) => {
                let problems = place.says(problems);
                let errors: Vec<Value> = problems.iter().map(Diagnostic::to_json).collect();
                said.push(json!({ "line": place.line, "result": "refused", "errors": errors }));
                bad.extend(problems);
            }
        }
    }
    if people.is_empty() && !bad.is_empty() {
        return Err(bad);
    }
    stderr().line(format!("{} rows read, {} of them refused.", rows.len(), rows.len() - people.len()));
    let said = Said::from_iter([("rows".to_owned(), Value::Array(said))]);
    Ok(Asked { text: state.roster.source.text.clone(), said, people, bad })
}

/// The roster with the rows before, and who was found by the real name alone.
struct State {
    roster: Roster,
    unnamed: Vec<String>,
}

impl State {
    /// Takes one row in: the login, and `added`, `changed` or `same`.
    fn take(&mut self, row: &Row, update: bool) -> Result<(String, &'static str), Vec<Diagnostic>> {
        let Whose { login, by_name_alone } = row.whose(&self.roster, &mut self.unnamed)?;
        let known = self.roster.user(&login);
        let is_known = known.is_some();
        if let Some(user) = known.filter(|_| by_name_alone) {
            let as_row = edit::modify(&self.roster, &login, &row.wanted)?;
            let name = row.wanted.comment.as_deref().unwrap_or_default();
            let is_same = as_row == self.roster.source.text;
            return if is_same { Ok((login, "same")) } else { Err(vec![row::taken(name, &[user])]) };
        }
        // Who is gone comes back by his number alone, which `add` asks for.
        let is_gone = known.is_some_and(control::roster::User::is_removed);
        let text = if is_known && update && !is_gone {
            edit::modify(&self.roster, &login, &row.wanted)?
        } else {
            edit::add(&self.roster, &login, &row.wanted).map_err(|problems| hinted(problems, is_known))?
        };
        if text == self.roster.source.text {
            return Ok((login, "same"));
        }
        self.roster = as_numbered(&Source::new(self.roster.source.name.clone(), text), today())?.0;
        Ok((login, if is_known { "changed" } else { "added" }))
    }
}

fn hinted(mut problems: Vec<Diagnostic>, is_known: bool) -> Vec<Diagnostic> {
    if is_known && let Some(first) = problems.first_mut() {
        first.hints.push("or --update changes all who are there already".to_owned());
    }
    problems
}
