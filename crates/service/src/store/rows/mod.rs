//! Rows as values: what a table's columns are called, how a row is read and how it is written stand in one place each
//! ([`columns!`]), and every table of the state is loaded and saved by the same code ([`Kept`]).

mod cell;

pub use cell::{Cell, bits};
pub use rusqlite::types::ToSqlOutput as Value;

use rusqlite::types::{FromSql, Type, ValueRef};
use rusqlite::{Connection, Result, Row, RowIndex, params_from_iter};
use slurm::State;
use slurm::table::Table;
use words::ids::Id;

/// The columns of a row one after another, in the order in which they were selected: looking each up by its name would take
/// longer than to read it.
pub struct Cursor<'a, 'b> {
    row: &'a Row<'b>,
    at: usize,
}

impl<'a, 'b> Cursor<'a, 'b> {
    /// From a column on.
    pub fn new(row: &'a Row<'b>, at: usize) -> Self {
        Self { row, at }
    }

    /// The next column.
    pub fn next<T: FromSql>(&mut self) -> Result<T> {
        self.at += 1;
        self.row.get(self.at - 1)
    }

    /// Whether the next column holds nothing; then it is behind.
    fn passes_null(&mut self) -> Result<bool> {
        let is_null = self.row.get_ref(self.at)? == ValueRef::Null;
        self.at += usize::from(is_null);
        Ok(is_null)
    }

    /// What a text or number means; an error that names the column if it means nothing to us.
    pub fn understood<T, R: FromSql>(&mut self, read: impl FnOnce(R) -> Option<T>) -> Result<T> {
        let value = read(self.next()?);
        let name = || self.row.as_ref().column_name(self.at - 1).unwrap_or_default();
        value.ok_or_else(|| unknown(self.at - 1, name()))
    }
}

fn unknown(at: usize, name: &str) -> rusqlite::Error {
    let text = format!("column {name} holds something unknown").into();
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, text)
}

/// A value that takes some columns, declared by [`columns!`].
pub trait Columns: Sized {
    /// Their names.
    fn names(to: &mut Vec<&'static str>);

    /// Reads it from columns in the order of their names.
    fn read(from: &mut Cursor) -> Result<Self>;

    /// Its columns in the order of their names.
    fn write<'a>(&'a self, to: &mut Vec<Value<'a>>);
}

/// Declares the columns of a struct: each field is a [`Cell`] in the column of its name. `field [in "name"]` has another name;
/// `field [by way]` is read and written by `way::get` and `way::put`; `field [group Type]` has [`Columns`] of its own
/// (`as` gives them other names); `field [elsewhere]` has none.
macro_rules! columns {
    ($type:ident { $($field:ident $([$($how:tt)*])?,)* }) => {
        impl Columns for $type {
            fn names(to: &mut Vec<&'static str>) {
                $(columns!(@name to $field $($($how)*)?);)*
            }

            fn read(from: &mut Cursor) -> Result<Self> {
                Ok(Self { $($field: columns!(@read from $($($how)*)?),)* })
            }

            fn write<'a>(&'a self, to: &mut Vec<Value<'a>>) {
                $(columns!(@write self to $field $($($how)*)?);)*
            }
        }
    };
    (@name $to:ident $field:ident) => { $to.push(stringify!($field)) };
    (@name $to:ident $field:ident in $name:literal) => { $to.push($name) };
    (@name $to:ident $field:ident by $way:ident) => { $to.push(stringify!($field)) };
    (@name $to:ident $field:ident in $name:literal by $way:ident) => { $to.push($name) };
    (@name $to:ident $field:ident group $type:ident as $($name:literal)*) => { $to.extend([$($name),*]) };
    (@name $to:ident $field:ident group $type:ty) => { <$type as Columns>::names($to) };
    (@name $to:ident $field:ident elsewhere) => {};
    (@read $from:ident) => { Cell::get($from)? };
    (@read $from:ident in $name:literal) => { Cell::get($from)? };
    (@read $from:ident by $way:ident) => { $way::get($from)? };
    (@read $from:ident in $name:literal by $way:ident) => { $way::get($from)? };
    (@read $from:ident group $type:ident as $($name:literal)*) => { <$type as Columns>::read($from)? };
    (@read $from:ident group $type:ty) => { <$type as Columns>::read($from)? };
    (@read $from:ident elsewhere) => { Default::default() };
    (@write $self:ident $to:ident $field:ident) => { $to.push(Cell::put(&$self.$field)) };
    (@write $self:ident $to:ident $field:ident in $name:literal) => { $to.push(Cell::put(&$self.$field)) };
    (@write $self:ident $to:ident $field:ident by $way:ident) => { $to.push($way::put(&$self.$field)) };
    (@write $self:ident $to:ident $field:ident in $name:literal by $way:ident) => { $to.push($way::put(&$self.$field)) };
    (@write $self:ident $to:ident $field:ident group $type:ident as $($name:literal)*) => {
        Columns::write(&$self.$field, $to)
    };
    (@write $self:ident $to:ident $field:ident group $type:ty) => { Columns::write(&$self.$field, $to) };
    (@write $self:ident $to:ident $field:ident elsewhere) => {};
}
pub(crate) use columns;

/// What identifies a row.
pub trait Key: Ord + Clone {
    /// In the order of the key's columns.
    fn values(&self) -> Vec<Value<'_>>;
}

impl<T: Cell + Ord + Clone> Key for T {
    fn values(&self) -> Vec<Value<'_>> {
        vec![self.put()]
    }
}

impl<A: Key, B: Key> Key for (A, B) {
    fn values(&self) -> Vec<Value<'_>> {
        [self.0.values(), self.1.values()].concat()
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn values(&self) -> Vec<Value<'_>> {
        [self.0.values(), self.1.values(), self.2.values()].concat()
    }
}

/// Takes what a row has in other tables, once for each row.
pub type Fill<R> = Box<dyn FnMut(&mut R)>;

/// The rows of a table that is in the state, too.
pub trait Kept: Columns + Clone + PartialEq {
    /// The table's name here.
    const TABLE: &'static str;
    /// The columns that identify a row.
    const KEY: &'static [&'static str];
    /// A table that has more of each row, and its column that says of which.
    const PART: Option<(&'static str, &'static str)> = None;
    /// Rows that many others refer to are changed in place. This is done to those first, with the key, so that no two are
    /// in each other's way meanwhile. All others are taken out and put in again.
    const IN_PLACE: Option<&'static str> = None;
    /// What identifies a row.
    type Key: Key;

    /// What identifies this one.
    fn key(&self) -> Self::Key;

    /// The table in the state.
    fn of(state: &State) -> &Table<Self::Key, Self>;

    /// Gives the state the rows that were loaded.
    fn give(state: &mut State, rows: Vec<Self>);

    /// Reads what rows have in [`Kept::PART`].
    fn load_parts(_sql: &Connection) -> Result<Fill<Self>> {
        Ok(Box::new(|_| {}))
    }

    /// Writes what this row has there; what was there is gone.
    fn save_parts(&self, _sql: &Connection) -> Result<()> {
        Ok(())
    }
}

/// No table has more columns.
const MANY: usize = 48;

/// The names of a row's columns.
pub fn names<R: Columns>() -> Vec<&'static str> {
    let mut names = Vec::new();
    R::names(&mut names);
    names
}

/// Its values, in the same order.
pub fn values<R: Columns>(row: &R) -> Vec<Value<'_>> {
    let mut values = Vec::with_capacity(MANY);
    row.write(&mut values);
    values
}

/// Gives the state a table's rows. One that cannot be understood is an error, never skipped.
pub fn load<R: Kept>(sql: &Connection, state: &mut State) -> Result<()> {
    let mut fill = R::load_parts(sql)?;
    let mut read = |row: &Row| {
        let mut row = R::read(&mut Cursor::new(row, 0))?;
        fill(&mut row);
        Ok(row)
    };
    let mut statement = sql.prepare(&format!("SELECT {} FROM {}", names::<R>().join(", "), R::TABLE))?;
    let rows = statement.query_map([], &mut read)?.collect::<Result<_>>()?;
    R::give(state, rows);
    Ok(())
}

/// Writes what differs from the state's last commit: first everything that changed makes room, then what is there now comes
/// in. So neither order nor an exchange of names matters, and no other row can be lost.
pub fn save<R: Kept>(sql: &Connection, state: &State) -> Result<()> {
    let changes: Vec<_> = R::of(state).changes().collect();
    for (key, row) in &changes {
        make_room::<R>(sql, &key.values(), row.is_some())?;
    }
    let put = put::<R>();
    for row in changes.iter().filter_map(|(_, row)| *row) {
        sql.prepare_cached(&put)?.execute(params_from_iter(values(row)))?;
        row.save_parts(sql)?;
    }
    Ok(())
}

fn make_room<R: Kept>(sql: &Connection, key: &[Value], stays: bool) -> Result<()> {
    if let Some((part, owner)) = R::PART {
        sql.prepare_cached(&format!("DELETE FROM {part} WHERE {owner} = ?"))?.execute(params_from_iter(key))?;
    }
    let delete = format!("DELETE FROM {} WHERE {} = ?", R::TABLE, R::KEY.join(" = ? AND "));
    let statement = R::IN_PLACE.filter(|_| stays).unwrap_or(&delete);
    sql.prepare_cached(statement)?.execute(params_from_iter(key))?;
    Ok(())
}

fn put<R: Kept>() -> String {
    let names = names::<R>();
    let insert = insert(R::TABLE, &names);
    match R::IN_PLACE {
        None => insert,
        Some(_) => format!("{insert} ON CONFLICT ({}) DO {}", R::KEY.join(", "), update(&names)),
    }
}

/// The statement that adds a row.
pub fn insert(table: &str, names: &[&str]) -> String {
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
}

/// All columns as they would have been inserted.
pub fn update(names: &[&str]) -> String {
    let sets: Vec<_> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!("UPDATE SET {}", sets.join(", "))
}

/// A value that was understood, or an error that names the column.
pub fn understood<T>(row: &Row, column: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| unknown(row.as_ref().column_index(column).unwrap_or_default(), column))
}

/// What is `u64` here and `i64` in SQLite: larger amounts mean the same as the largest.
pub fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that names something.
pub fn id<T: Id<Number: FromSql>>(row: &Row, column: impl RowIndex) -> Result<T> {
    row.get(column).map(T::of)
}

/// One that may be missing.
pub fn optional_id<T: Id<Number: FromSql>>(row: &Row, column: impl RowIndex) -> Result<Option<T>> {
    Ok(row.get::<_, Option<T::Number>>(column)?.map(T::of))
}
