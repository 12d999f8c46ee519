//! Tables of commas (RFC 4180), as spreadsheets save them: fields in quotes may hold commas, line ends and doubled quotes.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub line: u32,
    /// Its fields, without quotes.
    pub fields: Vec<String>,
}

/// A table that cannot be read any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The line on which the record begins.
    pub line: u32,
    /// What is wrong.
    pub why: &'static str,
}

/// All records in order; empty lines are passed over. A quote that is never closed swallows what follows, so it ends the table
/// with an error; the records before it are good.
pub fn records(text: &str) -> (Vec<Record>, Option<BadRecord>) {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut records, mut line) = (Vec::new(), 1);
    while !rest.is_empty() {
        match record(rest) {
            Ok((fields, after)) => {
                let read = &rest[..rest.len() - after.len()];
                if fields != [""] {
                    records.push(Record { line, fields });
                }
                line += read.matches('\n').count() as u32;
                rest = after;
            }
            Err(why) => return (records, Some(BadRecord { line, why })),
        }
    }
    (records, None)
}

/// One record, and the text behind its end of line.
fn record(text: &str) -> Result<(Vec<String>, &str), &'static str> {
    let (mut fields, mut rest) = (Vec::new(), text);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let field = rest[..end].strip_suffix('\r').filter(|_| !rest[end..].starts_with(','));
                (field.unwrap_or(&rest[..end]).to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        let after =
            after.strip_prefix('\r').filter(|after| after.is_empty() || after.starts_with('\n')).unwrap_or(after);
        match after.chars().next() {
            Some(',') => rest = &after[1..],
            Some('\n') => return Ok((fields, &after[1..])),
            None => return Ok((fields, after)),
            Some(_) => return Err("there is text behind a closing quote"),
        }
    }
}

/// What stands in quotes, and the text behind the closing one.
fn unquoted(text: &str) -> Result<(String, &str), &'static str> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('"').ok_or("a quote is opened and never closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, Vec<String>)> {
        let (records, bad) = records(text);
        assert_eq!(bad, None, "{text:?}");
        records.into_iter().map(|record| (record.line, record.fields)).collect()
    }

    fn row(line: u32, fields: &[&str]) -> (u32, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn fields_quotes_and_lines() {
        assert_eq!(read("\u{feff}a,b\r\n1,홍길동\r\n"), [row(1, &["a", "b"]), row(2, &["1", "홍길동"])]);
        assert_eq!(read("a\n\n\r\nb"), [row(1, &["a"]), row(4, &["b"])]);
        let keys = "x,\"one\ntwo, \"\"three\"\"\",\ny,,z\n";
        assert_eq!(read(keys), [row(1, &["x", "one\ntwo, \"three\"", ""]), row(3, &["y", "", "z"])]);
        assert_eq!(read("\"a\"\r\n\"\""), [row(1, &["a"])]);
        assert_eq!(read(""), []);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_is_before_it_is_good() {
        let (good, bad) = records("a,b\nc,\"d\ne,f\n");
        assert_eq!((good.len(), bad.unwrap()), (1, BadRecord { line: 2, why: "a quote is opened and never closed" }));
        let (good, bad) = records("a\n\"b\"c,d\ne\n");
        assert_eq!((good.len(), bad.unwrap().line), (1, 2));
    }
}
