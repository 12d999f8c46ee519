//! A plan for those who review it: person by person, and what takes something away last, with counts. Each form is a file here
//! and a line in [`FORMATS`].

mod html;
mod json;
mod markdown;
mod model;
pub mod redact;
mod text;

pub use model::{Item, Review, Section, Subject};

/// A form of a review.
#[derive(Debug)]
pub struct Format {
    /// As `--format` has it.
    pub name: &'static str,
    /// Writes the review, with all ends of lines.
    pub write: fn(&Review) -> String,
}

/// Every form.
pub static FORMATS: &[Format] = &[
    Format { name: "text", write: text::write },
    Format { name: "markdown", write: markdown::write },
    Format { name: "json", write: json::write },
    Format { name: "html", write: html::write },
];

#[cfg(test)]
mod tests;
