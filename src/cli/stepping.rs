//! `enlist play --step`: asks before each task.

use crate::view::play::banner;
use crate::view::styles::Painter;
use control::runner::events::{Consent, Event, Observer};

/// Shows what `view` shows, and asks in between as ansible-playbook does.
pub struct Asking<O> {
    /// Who shows the run.
    pub view: O,
    /// Where questions are written.
    pub out: Painter,
    /// How wide that is, in columns.
    pub columns: Option<usize>,
}

impl<O: Observer> Observer for Asking<O> {
    fn on(&mut self, event: &Event<'_>) {
        self.view.on(event);
    }

    fn ask(&mut self, task: &str) -> Option<Consent> {
        let question = format!("Perform task: TASK: {task} (N)o/(y)es/(c)ontinue: ");
        self.out.text(&question);
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).ok()? == 0 {
            self.out.line("");
            return None;
        }
        self.out.line(format!("\n{}", banner(question.trim_end(), self.columns)));
        Some(match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Consent::Yes,
            "c" | "continue" => Consent::YesToAll,
            _ => Consent::No,
        })
    }
}
