//! How a YAML text is written: where each node starts and ends, and in which notation. For edits that leave every other
//! byte as it is; what the nodes mean is [`super::read`]'s business.

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle};
use std::ops::Range;

/// One node as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its bytes; comments and blanks around it are not part of it. Empty where nothing is written (`users:`).
    pub range: Range<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a [`Layout`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A scalar with its text, quotes and folding undone.
    Scalar(String),
    /// A repetition of an anchored node.
    Alias,
    /// A list.
    List {
        /// Whether it is in brackets.
        flow: bool,
        /// In written order.
        items: Vec<Layout>,
    },
    /// A mapping.
    Map {
        /// Whether it is in braces.
        flow: bool,
        /// In written order, repeated keys too.
        entries: Vec<(Layout, Layout)>,
    },
}

impl Layout {
    /// The value of the last entry called `key`, which is the one that counts.
    pub fn get(&self, key: &str) -> Option<&Layout> {
        let is_it = |entry: &&(Layout, Layout)| matches!(&entry.0.shape, Shape::Scalar(text) if text == key);
        self.entries().iter().rev().find(is_it).map(|(_, value)| value)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(Layout, Layout)] {
        match &self.shape {
            Shape::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    /// Whether it is a list or mapping in brackets or braces.
    pub fn is_flow(&self) -> bool {
        matches!(self.shape, Shape::List { flow: true, .. } | Shape::Map { flow: true, .. })
    }
}

/// The layout of a text that [`super::read`] has accepted; `None` when there is no node in it.
pub fn layout(text: &str) -> Option<Layout> {
    let options = granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    let mut composer = Composer { text, events: Parser::new_from_str_with_options(text, options) };
    loop {
        match composer.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, _) => return None,
            (event, span) => return composer.node(&event, &span, 0),
        }
    }
}

struct Composer<'a> {
    text: &'a str,
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        self.events.next_event()?.ok()
    }

    fn node(&mut self, event: &Event, span: &Span, depth: usize) -> Option<Layout> {
        if depth > super::MAX_DEPTH {
            return None;
        }
        let range = span.byte_range()?;
        match event {
            Event::Alias(..) => Some(Layout { range, shape: Shape::Alias }),
            Event::Scalar(text, ..) => {
                // A block scalar ends where the next line starts.
                let end = range.start + self.text.get(range.clone())?.trim_end().len();
                Some(Layout { range: range.start..end, shape: Shape::Scalar(text.to_string()) })
            }
            Event::SequenceStart(style, ..) => self.list(range, *style == StructureStyle::Flow, depth),
            Event::MappingStart(style, ..) => self.map(range, *style == StructureStyle::Flow, depth),
            _ => None,
        }
    }

    fn list(&mut self, start: Range<usize>, flow: bool, depth: usize) -> Option<Layout> {
        let (mut items, mut end) = (Vec::<Layout>::new(), start.end);
        loop {
            match self.next()? {
                (Event::SequenceEnd, span) => {
                    let dash = |item: &Layout| self.text[..item.range.start].rfind('-');
                    let range = if flow {
                        start.start..span.byte_range()?.end
                    } else {
                        items.first().and_then(dash).unwrap_or(start.start)..end
                    };
                    return Some(Layout { range, shape: Shape::List { flow, items } });
                }
                (event, span) => {
                    items.push(self.node(&event, &span, depth + 1)?);
                    end = end.max(items.last()?.range.end);
                }
            }
        }
    }

    fn map(&mut self, start: Range<usize>, flow: bool, depth: usize) -> Option<Layout> {
        let (mut entries, mut end) = (Vec::<(Layout, Layout)>::new(), start.end);
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                end = if flow { span.byte_range()?.end } else { end };
                return Some(Layout { range: start.start..end, shape: Shape::Map { flow, entries } });
            }
            let key = self.node(&event, &span, depth + 1)?;
            let (event, span) = self.next()?;
            let mut value = self.node(&event, &span, depth + 1)?;
            let colon = key.range.end + self.text.get(key.range.end..)?.find(':').map_or(0, |at| at + 1);
            match event {
                // The parser reports nothing where it saw that nothing came; it belongs behind the colon.
                Event::Scalar(_, ScalarStyle::Plain, ..) if span.is_empty() => value.range = colon..colon,
                // The indicator `|` or `>` is part of it.
                Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                    let after = self.text.get(colon..)?;
                    value.range.start = colon + (after.len() - after.trim_start().len());
                }
                _ => {}
            }
            end = value.range.end;
            entries.push((key, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice<'a>(text: &'a str, path: &[&str]) -> &'a str {
        let root = layout(text).unwrap();
        let node = path.iter().try_fold(&root, |node, key| node.get(key)).unwrap();
        &text[node.range.clone()]
    }

    #[test]
    fn nodes_end_where_their_text_ends() {
        let text = "가: 나  # 다\nb:\n  c: [x, 'y' ]  # z\n  d: {e: 1}\n\nf:   # nothing\ng: |\n  h\n  i\n\n# end\n";
        assert_eq!(slice(text, &["가"]), "나");
        assert_eq!(slice(text, &["b", "c"]), "[x, 'y' ]");
        assert_eq!(slice(text, &["b"]), "c: [x, 'y' ]  # z\n  d: {e: 1}");
        assert_eq!(slice(text, &["b", "d", "e"]), "1");
        assert_eq!(slice(text, &["g"]), "|\n  h\n  i");
        let root = layout(text).unwrap();
        assert_eq!(&text[..root.get("f").unwrap().range.start], &text[..text.find("   # nothing").unwrap()]);
    }

    #[test]
    fn no_node_and_broken_text() {
        assert_eq!(layout("# nothing\n"), None);
        assert_eq!(layout("a: [b\n"), None);
    }

    #[test]
    fn windows_line_ends() {
        assert_eq!(slice("a:\r\n  b: c\r\nd: e\r\n", &["a"]), "b: c");
    }
}
