//! One row of the table: what it says of one person.

use crate::cli::user::fields::{gpus, key, pair};
use crate::cli::user::input;
use control::roster::edit::Wanted;
use control::roster::proposals::proposed;
use control::roster::{Roster, User};
use words::diag::Diagnostic;
use words::text::csv::Record;

/// What a head line looks like.
pub const HEAD: &str = "the head line names the columns, such as: login,name,uid,group,account,gpu,key";

/// Every column that there may be.
pub const COLUMNS: [&str; 13] = [
    "login",
    "name",
    "uid",
    "group",
    "groups",
    "shell",
    "home",
    "account",
    "default_account",
    "limits",
    "gpu",
    "expires",
    "key",
];

/// Which column is where.
pub struct Columns(Vec<&'static str>);

/// What a row says.
#[derive(Clone, Debug)]
pub struct Row {
    login: Option<String>,
    /// What the entry shall say.
    pub wanted: Wanted,
}

impl Columns {
    /// Reads the head line; letters of either case, blanks around them.
    pub fn read(head: &[String]) -> Result<Self, Diagnostic> {
        let mut columns = Vec::new();
        for field in head {
            let name = field.trim().to_lowercase();
            let Some(known) = COLUMNS.into_iter().find(|column| *column == name) else {
                let problem = input(format!("there is no column `{}`", field.trim())).suggest(&name, COLUMNS);
                let problem = problem.note(format!("the columns are: {}", COLUMNS.join(", ")));
                let is_other = field.contains([';', '\t']);
                return Err(if is_other {
                    problem.hint("save the table with commas between columns")
                } else {
                    problem
                });
            };
            if columns.contains(&known) {
                return Err(input(format!("the column `{known}` is there twice")));
            }
            columns.push(known);
        }
        if !columns.contains(&"login") && !columns.contains(&"name") {
            return Err(input("there is neither a column `login` nor a column `name`").hint(HEAD));
        }
        Ok(Self(columns))
    }

    /// Reads a row. An empty field says nothing.
    pub fn row(&self, record: &Record) -> Result<Row, Vec<Diagnostic>> {
        if record.fields.len() != self.0.len() {
            let message = format!("{} fields, and the head line has {}", record.fields.len(), self.0.len());
            return Err(vec![input(message).hint("a field with a comma in it needs double quotes")]);
        }
        let field = |name: &str| {
            let at = self.0.iter().position(|column| *column == name)?;
            Some(record.fields[at].trim().to_owned()).filter(|text| !text.is_empty())
        };
        let limits = parts(field("limits")).iter().map(|limit| pair("limits", limit)).collect::<Result<Vec<_>, _>>()?;
        let gpu = number(field("gpu"), "gpu")?.map(gpus);
        let lines = field("key").map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
        let lines = lines.iter().map(|line| cell_key(line.trim())).collect::<Result<Vec<_>, _>>()?;
        let groups = field("groups");
        let wanted = Wanted {
            uid: number(field("uid"), "uid")?,
            group: field("group"),
            groups: groups.is_some().then(|| parts(groups)),
            comment: field("name"),
            shell: field("shell"),
            home: field("home"),
            keys: lines,
            default_account: field("default_account"),
            expires: field("expires"),
            accounts: parts(field("account")),
            limits: limits.into_iter().chain(gpu).collect(),
            ..Wanted::default()
        };
        Ok(Row { login: field("login"), wanted })
    }
}

/// A key and nothing else: a table comes from others, and names no file of this machine.
fn cell_key(text: &str) -> Result<String, Vec<Diagnostic>> {
    if text.starts_with('@') {
        return Err(vec![
            input("`key` must be the key itself; a table names no files").hint("paste the line of the .pub file"),
        ]);
    }
    key("key", text)
}

/// A list within a field: blanks or semicolons between its parts.
fn parts(field: Option<String>) -> Vec<String> {
    let text = field.unwrap_or_default();
    let parts = text.split(|c: char| c == ';' || c.is_whitespace()).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn number(field: Option<String>, name: &str) -> Result<Option<u32>, Vec<Diagnostic>> {
    let Some(text) = field else { return Ok(None) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain);
    number.map(Some).ok_or_else(|| vec![input(format!("`{name}` must be a whole number, not '{text}'"))])
}

/// Whose row it is.
pub struct Whose {
    /// The login.
    pub login: String,
    /// Whether only the real name says so. Two people may share one, so nothing is changed by it.
    pub by_name_alone: bool,
}

impl Row {
    /// Whose row it is. Without a login: who has this uid and this name; else somebody of this name who is as the row says, or a login by
    /// the rule. So the same table gives the same people a second time.
    pub fn whose(&self, roster: &Roster, unnamed: &mut Vec<String>) -> Result<Whose, Vec<Diagnostic>> {
        let known = |login: &str, by_name_alone| Ok(Whose { login: login.to_owned(), by_name_alone });
        if let Some(login) = &self.login {
            return known(login, false);
        }
        let Some(name) = &self.wanted.comment else {
            return Err(vec![input("there is neither a login nor a name")]);
        };
        let has_name = |user: &&User| user.comment.as_ref().is_some_and(|comment| **comment == *name);
        let namesakes: Vec<&User> = roster.users.iter().filter(has_name).collect();
        if let Some(uid) = self.wanted.uid {
            if let Some(user) = namesakes.iter().find(|user| user.uid.value == uid) {
                return known(&user.name, false);
            }
            return known(&new_login(roster, name)?, false);
        }
        if unnamed.contains(name) {
            let problem = input(format!("a row before has the name '{name}', too"));
            return Err(vec![problem.hint(TELL_APART)]);
        }
        unnamed.push(name.clone());
        match namesakes.as_slice() {
            [] => known(&new_login(roster, name)?, false),
            [one] if !one.is_removed() => known(&one.name, true),
            some => Err(vec![taken(name, some)]),
        }
    }
}

const TELL_APART: &str = "give logins or uids to tell them apart";

/// That a real name alone says nothing here.
pub fn taken(name: &str, namesakes: &[&User]) -> Diagnostic {
    let places = namesakes.iter().map(|user| format!("`{}` at {}", user.name.value, user.name.place));
    let problem =
        input(format!("the name '{name}' is that of somebody in the roster, and a name alone says not who it is"));
    problem.note(places.collect::<Vec<_>>().join(", ")).hint(TELL_APART)
}

fn new_login(roster: &Roster, name: &str) -> Result<String, Vec<Diagnostic>> {
    let no_rule =
        || vec![input(format!("there is no rule that makes a login of the name '{name}'")).hint("give a login")];
    proposed(roster, name).ok_or_else(no_rule)
}
