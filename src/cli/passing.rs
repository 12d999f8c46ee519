//! Passing a guard once, by name and with a reason.

use clap::Args;
use clap::builder::PossibleValuesParser;
use control::plan::guard;
use words::diag::{Diagnostic, ErrorKind};

/// Guards that somebody passes, and why.
#[derive(Args, Debug, Clone, Default)]
pub struct PassingArgs {
    /// Pass this guard once; repeatable. Needs a reason
    #[arg(long, value_name = "GUARD", value_parser = PossibleValuesParser::new(guard::passable()))]
    pub allow: Vec<String>,
    /// Why; the audit log keeps it
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl PassingArgs {
    /// The guards that are passed. Refused without a reason.
    pub fn allowed(&self) -> Result<&[String], Diagnostic> {
        let is_said = self.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        if self.allow.is_empty() || is_said {
            return Ok(&self.allow);
        }
        let message = format!("--allow {} needs a reason", self.allow.join(" --allow "));
        Err(Diagnostic::new(ErrorKind::Usage, message).hint("say it with --reason TEXT; the audit log keeps it"))
    }
}
