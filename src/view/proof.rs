//! What hosts say after an apply of people whom a directory was told of.

use super::styled::Styled;
use super::styles::Style;
use control::sync::Proof;
use indexmap::IndexMap;
use words::text::visible::on_one_line;

/// One line a person and answer, with the hosts that gave it; nothing when no host was asked.
pub fn proofs(proofs: &[Proof]) -> Vec<Styled> {
    if proofs.is_empty() {
        return Vec::new();
    }
    let mut said: IndexMap<(&str, &str, bool), Vec<&str>> = IndexMap::new();
    for proof in proofs {
        said.entry((&proof.person, &proof.says, proof.well)).or_default().push(&proof.host);
    }
    let mut lines = vec![Styled::of(Style::Heading, "Seen on hosts")];
    for ((person, says, well), hosts) in said {
        let (mark, style) = if well { ("", Style::Faint) } else { ("! ", Style::Failed) };
        let line = Styled::from("  ").styled(style, format!("{mark}{person}")).text(format!("  {}", on_one_line(says)));
        lines.push(line.text("  ").styled(Style::Faint, format!("on {}", hosts.join(", "))));
    }
    lines.push(Styled::new());
    lines
}
