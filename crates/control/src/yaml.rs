//! YAML as Ansible reads it (YAML 1.1, PyYAML's rules), as a tree of [`Node`]s that know their places.
//!
//! [`read`] gives all documents and the warnings; [`parse`] and [`parse_one`] are for callers that drop warnings.
//! Outside text is bounded: nesting, and what aliases expand to.

pub mod edit;
mod explain;
pub mod layout;
pub mod scalar;
#[cfg(test)]
mod tests;
mod write;

pub use write::document;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag};
use std::collections::HashMap;
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind, Place, Source};
use words::value::Value;
use words::value::node::{Kind, Node};

/// Deepest nesting accepted, aliases expanded.
const MAX_DEPTH: usize = 128;
/// How many nodes all aliases of a file together may expand to.
const MAX_ALIASED: usize = 100_000;
/// Prefix of the tags that YAML itself defines (`!!str`).
const CORE: &str = "tag:yaml.org,2002:";

/// What a file holds.
#[derive(Debug)]
pub struct Parsed {
    /// One node a document; a document without content is null.
    pub documents: Vec<Node>,
    /// What is allowed but probably not meant: duplicate keys.
    pub warnings: Vec<Diagnostic>,
}

impl Parsed {
    /// The only document; `None` for an empty file. Several documents are an error.
    pub fn single(self) -> Result<Option<Node>, Diagnostic> {
        let mut documents = self.documents.into_iter();
        let first = documents.next();
        match documents.next() {
            Some(second) => Err(second
                .error("a second YAML document starts here, but the file may hold only one")
                .hint("remove the `---` line in the middle of the file")),
            None => Ok(first),
        }
    }
}

/// Reads all documents and collects warnings.
pub fn read(source: &Arc<Source>) -> Result<Parsed, Diagnostic> {
    if source.text.starts_with("$ANSIBLE_VAULT;") {
        return Err(encrypted(&Place::new(source, 1, 1)));
    }
    let options = granit_parser::options! { emit_comments: false, block_scalar_eof_without_line_feed: true };
    let mut composer = Composer {
        source,
        events: Parser::new_from_str_with_options(&source.text, options),
        anchors: HashMap::new(),
        aliased: 0,
        warnings: Vec::new(),
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => documents.push(composer.node(event, span, 0)?),
        }
    }
    Ok(Parsed { documents, warnings: composer.warnings })
}

/// Reads all documents.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostic> {
    Ok(read(source)?.documents)
}

/// Reads a file that may hold one document; `None` when it is empty.
pub fn parse_one(source: &Arc<Source>) -> Result<Option<Node>, Diagnostic> {
    read(source)?.single()
}

struct Composer<'a> {
    source: &'a Arc<Source>,
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    /// Nodes made by aliases so far.
    aliased: usize,
    warnings: Vec<Diagnostic>,
}

/// A node that aliases may repeat.
struct Anchored {
    node: Node,
    extent: Extent,
}

/// A mapping being composed: entries in order, one a key.
#[derive(Default)]
struct Entries {
    list: Vec<(Node, Node)>,
    index: HashMap<String, usize>,
}

/// What a tag asks for.
enum Tagged {
    /// No tag, or `!`: plain scalars are resolved by their text.
    Untagged,
    /// One of YAML's own, without prefix.
    Core(String),
    /// One of Ansible's.
    Ansible(&'static str),
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Diagnostic> {
        self.events.next_event().transpose().map_err(|error| explain::scan_error(&error, self.source))
    }

    /// The next event inside a collection, which the parser ends before it ends the stream.
    fn inner(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        self.next()?.ok_or_else(|| Diagnostic::new(ErrorKind::Internal, "YAML events ended inside a collection"))
    }

    fn place(&self, span: &Span) -> Place {
        explain::place(self.source, &span.start)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let place = self.place(&span);
        if depth >= MAX_DEPTH {
            return Err(too_deep(&place));
        }
        let (anchor, tag, kind) = match event {
            Event::Alias(id) => return self.alias(id, &place, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tagged(tag.as_deref(), &place)?;
                let text = if span.is_empty() && style == ScalarStyle::Plain { "" } else { &text };
                (anchor, own(&tag), scalar_kind(text, style, &tag, &place)?)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = collection_tag(tag.as_deref(), "seq", "a list", &place)?;
                (anchor, tag, Kind::List(self.items(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = collection_tag(tag.as_deref(), "map", "a mapping", &place)?;
                (anchor, tag, Kind::Map(self.entries(depth)?))
            }
            other => return Err(Diagnostic::new(ErrorKind::Internal, format!("unexpected YAML event {other:?}"))),
        };
        let node = Node { kind, place, tag };
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { extent: extent(&node), node: node.clone() });
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, place: &Place, depth: usize) -> Result<Node, Diagnostic> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Diagnostic::input(place, "an alias stands inside the node that it repeats"));
        };
        if depth + anchored.extent.height > MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.aliased += anchored.extent.nodes;
        if self.aliased > MAX_ALIASED {
            return Err(Diagnostic::input(place, format!("aliases expand to more than {MAX_ALIASED} nodes")));
        }
        Ok(anchored.node.clone())
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.inner()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Diagnostic> {
        let (mut merged, mut own) = (Vec::new(), Entries::default());
        loop {
            let (event, span) = self.inner()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.key(event, span, depth + 1)?;
            let (event, span) = self.inner()?;
            let value = self.node(event, span, depth + 1)?;
            if merges {
                merged.extend(merge(value)?);
            } else if let Some(earlier) = own.set(key.clone(), value) {
                self.warnings.push(duplicate(&key, &earlier));
            }
        }
        if merged.is_empty() {
            return Ok(own.list);
        }
        let mut all = Entries::default();
        for (key, value) in merged.into_iter().chain(own.list) {
            all.set(key, value);
        }
        Ok(all.list)
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let flow = matches!(event, Event::MappingStart(StructureStyle::Flow, ..));
        let key = self.node(event, span, depth)?;
        match &key.kind {
            Kind::Scalar(_) => Ok(key),
            _ if flow => Err(explain::flow_key(&key.place)),
            _ => Err(key.error(format!("{} cannot be the key of a mapping", key.kind_name()))),
        }
    }
}

impl Entries {
    /// Adds an entry, or replaces the one of the same key in its position and returns its key.
    fn set(&mut self, key: Node, value: Node) -> Option<Node> {
        match self.index.entry(key.key_text()) {
            std::collections::hash_map::Entry::Occupied(at) => {
                Some(std::mem::replace(&mut self.list[*at.get()], (key, value)).0)
            }
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(self.list.len());
                self.list.push((key, value));
                None
            }
        }
    }
}

/// What `<<: value` brings in, weakest first: in a list, an earlier mapping beats a later one.
fn merge(value: Node) -> Result<Vec<(Node, Node)>, Diagnostic> {
    let wrong = |node: &Node| {
        Err(node.error(format!("`<<` merges a mapping or a list of mappings, but this is {}", node.kind_name())))
    };
    match value.kind {
        Kind::Map(entries) => Ok(entries),
        Kind::List(items) => {
            let mut all = Vec::new();
            for item in items.into_iter().rev() {
                match item.kind {
                    Kind::Map(entries) => all.extend(entries),
                    _ => return wrong(&item),
                }
            }
            Ok(all)
        }
        Kind::Scalar(_) => wrong(&value),
    }
}

fn duplicate(key: &Node, earlier: &Node) -> Diagnostic {
    key.error(format!("the key `{}` is written twice; the last one counts", key.key_text()))
        .note(format!("it is first written at {}", earlier.place))
        .hint("remove one of the two")
}

fn too_deep(place: &Place) -> Diagnostic {
    Diagnostic::input(place, format!("nested more than {MAX_DEPTH} levels deep"))
}

/// How much a node holds.
struct Extent {
    nodes: usize,
    /// Levels below and including the node.
    height: usize,
}

fn extent(node: &Node) -> Extent {
    let mut sum = Extent { nodes: 1, height: 0 };
    let mut add = |child: &Node| {
        let inner = extent(child);
        sum.nodes += inner.nodes;
        sum.height = sum.height.max(inner.height);
    };
    match &node.kind {
        Kind::Scalar(_) => {}
        Kind::List(items) => items.iter().for_each(add),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
            add(key);
            add(value);
        }),
    }
    sum.height += 1;
    sum
}

fn tagged(tag: Option<&Tag>, place: &Place) -> Result<Tagged, Diagnostic> {
    let Some(tag) = tag else { return Ok(Tagged::Untagged) };
    let full = format!("{}{}", tag.handle(), tag.suffix());
    Ok(match full.as_str() {
        // As PyYAML, against the letter of YAML: `! 5` is a number.
        "!" => Tagged::Untagged,
        "!vault" | "!vault-encrypted" => Tagged::Ansible("vault"),
        "!unsafe" => Tagged::Ansible("unsafe"),
        _ => match full.strip_prefix(CORE) {
            Some(name) => Tagged::Core(name.to_owned()),
            None => {
                return Err(Diagnostic::input(place, format!("unknown tag `{}`", tag.original()))
                    .note("known tags are `!vault`, `!unsafe` and those of YAML itself, such as `!!str`")
                    .hint("a text that starts with `!` needs quotes"));
            }
        },
    })
}

fn encrypted(place: &Place) -> Diagnostic {
    Diagnostic::input(place, "this is encrypted with ansible-vault, and enlist cannot decrypt it yet")
        .hint("keep secrets in a file that only you can read, and give it with `-e @FILE`")
}

/// The name that [`Node::tag`] keeps.
fn own(tag: &Tagged) -> Option<String> {
    match tag {
        Tagged::Ansible(name) => Some((*name).to_owned()),
        _ => None,
    }
}

fn collection_tag(tag: Option<&Tag>, core: &str, what: &str, place: &Place) -> Result<Option<String>, Diagnostic> {
    match tagged(tag, place)? {
        Tagged::Core(name) if name != core => Err(Diagnostic::input(place, format!("the tag `!!{name}` is on {what}"))),
        Tagged::Ansible("vault") => Err(Diagnostic::input(place, format!("the tag `!vault` is on {what}"))
            .hint("encrypt single texts: `key: !vault |` followed by the encrypted lines")),
        tag => Ok(own(&tag)),
    }
}

fn scalar_kind(text: &str, style: ScalarStyle, tag: &Tagged, place: &Place) -> Result<Kind, Diagnostic> {
    let value = match tag {
        Tagged::Ansible("vault") => return Err(encrypted(place)),
        Tagged::Untagged | Tagged::Ansible("unsafe") if style == ScalarStyle::Plain => scalar::resolve(text),
        Tagged::Core(name) => scalar::tagged(name, text).ok_or_else(|| {
            Diagnostic::input(place, format!("`{text}` cannot be read as `!!{name}`"))
                .note("tags that a scalar can have are `!!str`, `!!int`, `!!float`, `!!bool` and `!!null`")
        })?,
        _ => Value::from(text),
    };
    Ok(Kind::Scalar(value))
}
