//! Pages of HTML that need nothing else.
//!
//! A [`Page`] takes markup only as texts of this program, and everything else by [`Page::text`], which escapes it. So no name
//! can become markup; and the page forbids scripts and anything from elsewhere, in case.

use words::text::visible::visible;

/// A page that grows.
pub struct Page(String);

impl Page {
    /// The head of a page with this title, up to its body.
    pub fn new(title: &str) -> Self {
        let mut page = Self(String::new());
        page.markup("<!DOCTYPE html>\n<html lang=\"ko\">\n<meta charset=\"utf-8\">\n");
        page.markup(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        );
        page.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        page.text(title);
        page.markup("</title>\n<style>");
        page.markup(include_str!("page.css"));
        page.markup("</style>\n");
        page
    }

    /// Markup: only what is written in this program.
    pub fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Any text, as text: hidden letters written out, and no letter that could be markup, in an attribute neither.
    pub fn text(&mut self, text: &str) -> &mut Self {
        for letter in visible(text).chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                letter => self.0.push(letter),
            }
        }
        self
    }

    /// An element of one text.
    pub fn element(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.markup(open).text(text).markup(close)
    }

    /// The whole page.
    pub fn done(mut self) -> String {
        self.markup("</html>\n");
        self.0
    }
}
