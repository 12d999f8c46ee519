//! `sacctmgr show tres`.

use super::condition;
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::session::{Done, Session};
use super::word::{self, Word};
use slurm::model::*;

/// `show tres`
pub fn tres(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut kinds, mut format, mut with_deleted) = (None, None, Vec::new(), false);
    for word in words.iter().filter(|word| !word.is_bare("where", 5)) {
        if word.is("Format", 1) && word.operator.is_some() {
            format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is_bare("WithDeleted", 5) {
            with_deleted = true;
        } else if word.is("Type", 2) && word.operator.is_some() {
            condition::extend(session, &mut kinds, word)?;
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("Id", 1) {
            condition::extend(session, &mut names, word)?;
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
    }
    session.check()?;
    let fields = fields_or(session, &format, &["Type,Name%15,ID"])?;
    let wanted = |row: &&Tres| {
        let by_name = |list: &Vec<String>| {
            list.iter().any(|n| *n == row.full_name() || *n == row.id.to_string() || *n == row.name)
        };
        names.as_ref().is_none_or(by_name) && kinds.as_ref().is_none_or(|list| list.contains(&row.kind))
    };
    let cell = |row: &Tres, column| match column {
        Column::Type => Cell::text(&row.kind),
        Column::Name => Cell::text(&row.name),
        Column::Id => Cell::number(Some(row.id)),
        _ => Cell::Empty,
    };
    // The row from which slurmdbd numbers those that are configured.
    let offset = Tres { id: TresId(1000), kind: "dynamic_offset".into(), name: String::new() };
    let mut listed: Vec<_> =
        session.state.tres.values().chain(with_deleted.then_some(&offset)).filter(wanted).collect();
    listed.sort_by_key(|row| row.id);
    let rows: Vec<Vec<_>> =
        listed.into_iter().map(|row| fields.iter().map(|f| cell(row, f.column)).collect()).collect();
    format::print(session, &fields, rows.into_iter());
    Ok(())
}
