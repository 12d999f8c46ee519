//! For the comment of a pull request, as GitHub and GitLab show it.
//!
//! Whatever a roster or a host says stands in code, with fences longer than any within, so that it is text to the forge: no
//! heading, no link, nobody who is called by an `@`, no quick action, no HTML.

use super::{Item, Review, Section, Subject};

/// Headings for people, and their changes as a diff.
pub(super) fn write(review: &Review) -> String {
    let site = if review.plan.site.is_empty() { String::new() } else { format!(" for {}", span(&review.plan.site)) };
    let mut blocks = vec![format!("## enlist plan{site}"), span(&review.summary)];
    blocks.extend(review.sections.iter().flat_map(|section| of_section(review, section)));
    if !review.left_out.is_empty() {
        blocks.push("### Left out".to_owned());
        blocks.push(fenced("text", &review.left_out));
    }
    cut(blocks)
}

/// A comment of GitHub's holds 65,536 letters; a forge's own words may be around it.
const LONGEST: usize = 60_000;

/// As many blocks as a comment holds, with a word on those that are not shown. Headings, with their counts, are kept.
fn cut(blocks: Vec<String>) -> String {
    let (mut text, mut left_out) = (String::new(), 0);
    for block in blocks {
        if text.len() + block.len() > LONGEST && !block.starts_with("### ") {
            left_out += 1;
            continue;
        }
        text.push_str(&block);
        text.push_str("\n\n");
    }
    if left_out > 0 {
        text.push_str(&format!(
            "**{left_out} further parts are not shown: a comment holds no more. `enlist plan` has all.**\n\n"
        ));
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn of_section(review: &Review, section: &Section) -> Vec<String> {
    let sign = if section.is_destructive { "⚠️ " } else { "" };
    let head = format!("### {sign}{}: {}", section.title, section.counts);
    let subjects = section.subjects.iter().flat_map(|subject| of_subject(review, subject));
    std::iter::once(head).chain(subjects).collect()
}

fn of_subject(review: &Review, subject: &Subject) -> Vec<String> {
    if let Some(more) = &subject.more {
        return vec![span(more)];
    }
    let head = match (&subject.login, &subject.name) {
        (None, _) => "#### Groups, accounts and QOS".to_owned(),
        (Some(login), None) => format!("#### {}", span(login)),
        (Some(login), Some(name)) => format!("#### {} {}", span(login), span(name)),
    };
    let lines: Vec<String> = subject.items.iter().flat_map(of_item).collect();
    let commands = subject.items.iter().flat_map(|item| &item.commands).filter(|_| review.with_commands);
    let commands: Vec<String> = commands.flat_map(|command| command.lines().map(str::to_owned)).collect();
    let shell = (!commands.is_empty()).then(|| fenced("sh", &commands));
    [head, fenced("diff", &lines)].into_iter().chain(shell).collect()
}

/// In the letters of a diff: `+` comes, `-` goes, `!` changes.
fn of_item(item: &Item) -> Vec<String> {
    let mark = if item.mark == '~' { '!' } else { item.mark };
    let head = format!("{mark} {}  on {}", item.title, item.on);
    std::iter::once(head).chain(item.fields.iter().map(|field| format!("      {field}"))).collect()
}

/// The longest row of backticks in a text.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Lines as a block of code. A line of a text that has ends of lines in it begins like all others.
fn fenced(language: &str, lines: &[String]) -> String {
    let text = lines.join("\n");
    let fence = "`".repeat(backticks(&text).max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}")
}

/// A text within a line, as code.
fn span(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let fence = "`".repeat(backticks(&text) + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}
