//! Listening to a step that somebody else started.

use super::input::Input;
use super::link::Link;
use super::printer::{Printer, Sink, Stream};
use super::session::{Manners, Session, Times};
use crate::cli::slurm::granted::Asking;
use crate::cli::slurm::news::News;
use commands::sattach::Attach;
use commands::srun::lines::Lines;
use commands::srun::tasks::Tasks;
use compute::stream::{Frame, FrameKind, NodeStarted};
use service::daemon::api::StreamStep;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};

/// What was heard of a step while nobody knew yet where its tasks are.
pub struct Heard {
    step: StreamStep,
    link: Option<Link>,
    frames: Vec<Frame>,
    nodes: BTreeMap<String, Vec<u32>>,
}

impl Heard {
    /// Opens a connection.
    pub fn begin(step: StreamStep, tell: &Sender<News>) -> Self {
        Link::begin(1, step.clone(), tell.clone());
        Self { step, link: None, frames: Vec::new(), nodes: BTreeMap::new() }
    }

    /// Takes in what came.
    pub fn take(&mut self, news: News) {
        match news {
            News::Linked(Ok(link)) => {
                link.send(Frame::of(FrameKind::Again));
                self.link = Some(link);
            }
            News::Frame(_, frame) => {
                if frame.kind == FrameKind::Started
                    && let Ok(started) = frame.value::<NodeStarted>()
                {
                    let ranks = self.nodes.entry(started.node).or_default();
                    ranks.extend(started.tasks.iter().map(|(rank, _)| *rank));
                    ranks.sort_unstable();
                    ranks.dedup();
                }
                self.frames.push(frame);
            }
            _ => {}
        }
    }

    /// So many tasks are known.
    pub fn tasks(&self) -> usize {
        self.nodes.values().map(Vec::len).sum()
    }

    /// Which tasks are where, by their first ranks.
    pub fn layout(&self) -> Vec<(String, Vec<u32>)> {
        let mut nodes: Vec<_> = self.nodes.clone().into_iter().collect();
        nodes.sort_by_key(|(_, ranks)| ranks.first().copied());
        nodes
    }
}

/// A session that only listens.
pub fn session<'a>(
    asking: &Asking,
    attach: &Attach,
    heard: Heard,
    news: &'a Receiver<News>,
    tell: &Sender<News>,
) -> Session<'a> {
    let tasks = Tasks::new(&format!("{}.{}", attach.job, attach.step), heard.layout());
    let lines = || Lines::new(tasks.count(), attach.label, !attach.pty);
    let output = Stream { sink: Sink::Output, lines: lines(), only: attach.output };
    let errors = Stream { sink: Sink::Errors, lines: lines(), only: attach.error };
    let printer = Printer::start(asking.program, false, output, errors, tell.clone());
    Session {
        manners: Manners { quiet: attach.quiet, tells_ends: true, ..Manners::default() },
        tasks,
        step: heard.step,
        input: Input::none(),
        printer,
        news,
        tell: tell.clone(),
        link: heard.link,
        backlog: heard.frames,
        had: BTreeMap::new(),
        written: BTreeMap::new(),
        times: Times::after_links(1),
    }
}
