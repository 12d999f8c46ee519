//! `enlist explain USER --job …`: what the accounting service would say to a job.

use crate::cli::Exit;
use crate::cli::exit::said;
use crate::cli::site::fail_all;
use crate::cli::slurm::client;
use crate::view;
use crate::view::styles::stdout;
use clap::Args;
use service::daemon::admission::{Answer, Ask};
use service::daemon::api;
use std::collections::BTreeMap;
use words::diag::{Diagnostic, ErrorKind};
use words::text::{duration, tres};

/// The job that is asked about. With any of these the accounting service is asked, not roster and hosts.
#[derive(Args, Debug)]
#[command(next_help_heading = "A job (asks the accounting service)")]
pub struct JobArgs {
    /// Ask about the smallest job, in all defaults
    #[arg(long)]
    pub job: bool,
    /// Account, instead of the user's default
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Partition
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
    /// QOS, instead of the association's default
    #[arg(long, value_name = "NAME")]
    pub qos: Option<String>,
    /// What it needs altogether, such as cpu=8,gres/gpu=2; memory in megabytes, or with K, M, G, T
    #[arg(long, value_name = "LIST")]
    pub tres: Option<String>,
    /// Time limit: minutes, hours:minutes:seconds or days-hours [default: 1 minute]
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Tasks of an array
    #[arg(long, value_name = "COUNT")]
    pub tasks: Option<u64>,
    /// Cluster, instead of the service's own
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// What is enforced, instead of the service's AccountingStorageEnforce
    #[arg(long, value_name = "LIST")]
    pub enforce: Option<String>,
}

impl JobArgs {
    /// Whether a job is asked about at all.
    pub fn is_given(&self) -> bool {
        let texts = [&self.account, &self.partition, &self.qos, &self.tres, &self.time, &self.cluster, &self.enforce];
        self.job || self.tasks.is_some() || texts.iter().any(|text| text.is_some())
    }

    fn ask(&self, user: &str) -> Result<Ask, String> {
        let minutes = |text: &String| {
            duration::parse_minutes(text)
                .ok_or_else(|| format!("--time {text}: minutes, hours:minutes:seconds or days-hours"))
        };
        Ok(Ask {
            user: user.to_owned(),
            cluster: self.cluster.clone(),
            account: self.account.clone(),
            partition: self.partition.clone().unwrap_or_default(),
            qos: self.qos.clone(),
            tres: self.tres.as_deref().map(amounts).transpose()?.unwrap_or_default(),
            minutes: self.time.as_ref().map(minutes).transpose()?,
            tasks: self.tasks,
            enforce: self.enforce.clone(),
        })
    }
}

fn amounts(text: &str) -> Result<BTreeMap<String, u64>, String> {
    let list = tres::parse(text).map_err(|error| format!("--tres: {error}"))?;
    let amount = |one: tres::TresCount| {
        let count = one.count.ok_or_else(|| format!("--tres: {} needs a count", one.name))?;
        let is_memory = one.name == "mem" && one.in_bytes;
        Ok((one.name, if is_memory { count.div_ceil(1 << 20) } else { count }))
    };
    list.into_iter().map(amount).collect()
}

/// Asks and shows. Exit codes: 0 it may be submitted and started, 2 it may not, or the accounts don't have the user or the
/// account, 1 an error.
pub fn run(user: &str, args: &JobArgs, json: bool) -> Exit {
    let asked = args.ask(user).map_err(|error| Diagnostic::new(ErrorKind::Usage, error));
    let asked = asked.and_then(|ask| client::post::<Answer>(&api::socket(), "/v1/admission", &ask).map_err(said));
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => return fail_all(&[error], json),
    };
    let out = stdout();
    if json {
        out.json(&serde_json::to_string_pretty(&answer).expect("an answer has only text keys"))
    } else {
        out.lines(view::explain::admission(&answer))
    }
    let may = answer.submit.admitted && answer.start.admitted && answer.missing.is_none();
    if may { Exit::OK } else { Exit(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_needs() {
        let read = |text| amounts(text).map(|all| all.into_iter().collect::<Vec<_>>());
        let all = [("cpu".to_owned(), 4), ("gres/gpu".to_owned(), 2), ("mem".to_owned(), 2048)];
        assert_eq!(read("cpu=4,mem=2G,gres/gpu=2").unwrap(), all);
        assert_eq!(read("mem=512").unwrap(), [("mem".to_owned(), 512)]);
        assert!(read("cpu").is_err() && read("cpu=-1").is_err() && read("cpu=x").is_err());
    }
}
