//! Records out of lines. A name, a comment or a submit line may hold line breaks and delimiters, so a record may be
//! several lines, and have more pieces than columns.

/// What may stand in a column.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Anything that people write.
    Free,
    /// One piece that is not looked at.
    Any,
    /// One piece that must be readable.
    Plain(fn(&str) -> bool),
    /// Such a piece, with which a record begins as far as its lines can tell.
    Key(fn(&str) -> bool),
}

/// The columns of a list, in their order, and what separates them.
#[derive(Clone, Debug)]
pub struct Layout {
    delimiter: String,
    kinds: Vec<Kind>,
    /// The last column that says where a record begins.
    key: usize,
}

/// So many steps are taken to find out which piece belongs to which column.
const MOST_STEPS: usize = 20_000;

/// A record has no more lines and bytes.
const MOST_LINES: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;

impl Layout {
    /// Columns of these kinds.
    pub fn new(delimiter: &str, kinds: Vec<Kind>) -> Self {
        let key = kinds.iter().rposition(|kind| matches!(kind, Kind::Key(_))).unwrap_or(0);
        Self { delimiter: delimiter.to_owned(), kinds, key }
    }

    /// The texts of a record's columns; `None` when it has too few pieces, or too many and it is not clear whose they are.
    pub fn split<'a>(&self, record: &'a str) -> Option<Vec<&'a str>> {
        let pieces = self.pieces(record);
        if pieces.len() <= self.kinds.len() {
            return Some(pieces).filter(|pieces| pieces.len() == self.kinds.len());
        }
        let mut search = Search { layout: self, record, pieces: &pieces, steps: 0, found: Vec::new() };
        search.columns(0, &mut Vec::new());
        search.decide()
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.kinds.len()
    }

    /// How many pieces a record has.
    pub fn count(&self, record: &str) -> usize {
        record.matches(self.delimiter.as_str()).count() + 1
    }

    fn pieces<'a>(&self, record: &'a str) -> Vec<&'a str> {
        let mut pieces = Vec::with_capacity(self.kinds.len());
        let mut characters = self.delimiter.chars();
        match (characters.next(), characters.next()) {
            // As nearly all lists are separated; to look for a character takes a quarter of the time.
            (Some(one), None) => pieces.extend(record.split(one)),
            _ => pieces.extend(record.split(self.delimiter.as_str())),
        }
        pieces
    }

    fn fits(&self, column: usize, text: &str) -> bool {
        match self.kinds[column] {
            Kind::Free | Kind::Any => true,
            Kind::Plain(reads) | Kind::Key(reads) => reads(text),
        }
    }

    /// Whether every column can be read.
    fn is_whole(&self, record: &str) -> bool {
        let texts = self.split(record);
        texts.is_some_and(|texts| texts.iter().enumerate().all(|(column, text)| self.fits(column, text)))
    }

    /// Whether a line is the first of a record, as far as it tells.
    fn begins(&self, line: &str) -> bool {
        let pieces = self.pieces(line);
        let after = |used: usize| {
            let rest = pieces.len() - used;
            let wanted = self.kinds.len() - self.key - 1;
            // A line that ends early ends within a text.
            rest >= wanted || matches!(self.kinds[self.key + rest], Kind::Free)
        };
        self.reaches_key(&pieces, 0, 0).is_some_and(after)
    }

    /// How many pieces the columns up to the key take, if they fit.
    fn reaches_key(&self, pieces: &[&str], column: usize, at: usize) -> Option<usize> {
        if column > self.key {
            return Some(at);
        }
        let piece = pieces.get(at)?;
        let widest = if matches!(self.kinds[column], Kind::Free) {
            pieces.len().saturating_sub(at + self.key - column)
        } else {
            1
        };
        if !self.fits(column, piece) {
            return None;
        }
        (1..=widest).find_map(|taken| self.reaches_key(pieces, column + 1, at + taken))
    }
}

/// The ways in which too many pieces may be put together.
struct Search<'a, 'l> {
    layout: &'l Layout,
    record: &'a str,
    pieces: &'l [&'a str],
    steps: usize,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Search<'a, '_> {
    fn columns(&mut self, at: usize, texts: &mut Vec<&'a str>) {
        self.steps += 1;
        let (column, wanted) = (texts.len(), self.layout.kinds.len());
        if self.steps > MOST_STEPS || self.pieces.len() - at < wanted - column {
            return;
        }
        if column == wanted {
            if at == self.pieces.len() {
                self.found.push(texts.clone());
            }
            return;
        }
        let spare = self.pieces.len() - at - (wanted - column);
        let is_free = matches!(self.layout.kinds[column], Kind::Free);
        for more in 0..=if is_free { spare } else { 0 } {
            let text = self.joined(at, at + more);
            if self.layout.fits(column, text) {
                texts.push(text);
                self.columns(at + more + 1, texts);
                texts.pop();
            }
        }
    }

    /// The text from one piece to another, with the delimiters between.
    fn joined(&self, first: usize, last: usize) -> &'a str {
        let place = |piece: &str| piece.as_ptr() as usize - self.record.as_ptr() as usize;
        let end = place(self.pieces[last]) + self.pieces[last].len();
        &self.record[place(self.pieces[first])..end]
    }

    /// What was found, if all ways agree on everything but free texts: those only describe.
    fn decide(self) -> Option<Vec<&'a str>> {
        let (first, others) = self.found.split_first()?;
        let kinds = &self.layout.kinds;
        let same = |other: &Vec<&str>| {
            (0..kinds.len()).all(|column| matches!(kinds[column], Kind::Free) || first[column] == other[column])
        };
        (self.steps <= MOST_STEPS && others.iter().all(same)).then(|| first.clone())
    }
}

/// A line with its number from 1, or why it is no text.
pub type NumberedLine = (u64, Result<String, String>);

/// Puts lines together to records. A record that stays incomplete is handed out as it is: who reads it says what is wrong.
#[derive(Debug)]
pub struct Joiner<'a> {
    layout: &'a Layout,
    heading: &'a str,
    next: Option<NumberedLine>,
}

impl<'a> Joiner<'a> {
    /// For a list with this heading, which may come again between records.
    pub fn new(layout: &'a Layout, heading: &'a str) -> Self {
        Self { layout, heading, next: None }
    }

    /// The next record and the number of its first line; `None` after the last. `lines` gives the lines one by one.
    pub fn record<E>(
        &mut self,
        lines: &mut dyn FnMut() -> Result<Option<NumberedLine>, E>,
    ) -> Result<Option<NumberedLine>, E> {
        loop {
            let line = match self.next.take() {
                Some(line) => Some(line),
                None => lines()?,
            };
            match line {
                Some((_, Ok(text))) if text.is_empty() || text == self.heading => {}
                Some((number, Ok(text))) => return Ok(Some((number, Ok(self.whole(text, lines)?)))),
                other => return Ok(other),
            }
        }
    }

    fn whole<E>(
        &mut self,
        first: String,
        lines: &mut dyn FnMut() -> Result<Option<NumberedLine>, E>,
    ) -> Result<String, E> {
        let mut record = first;
        for _ in 0..MOST_LINES {
            self.next = lines()?;
            match &self.next {
                Some((_, Ok(line))) if self.goes_on(&record, line) => {
                    record.push('\n');
                    record.push_str(line);
                }
                _ => break,
            }
        }
        Ok(record)
    }

    /// Whether a line belongs to the record before it.
    fn goes_on(&self, record: &str, line: &str) -> bool {
        if line == self.heading || record.len() + line.len() > MOST_BYTES || self.layout.begins(line) {
            return false;
        }
        let ends_in_text = matches!(self.layout.kinds.last(), Some(Kind::Free));
        let is_whole = self.layout.count(record) >= self.layout.kinds.len() && self.layout.is_whole(record);
        !is_whole || ends_in_text && !line.is_empty()
    }
}
