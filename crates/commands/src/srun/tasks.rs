//! [`Tasks`]: the tasks of a step as `srun` hears of them, what it says of their ends, and its exit code.

use crate::signals;
use slurm::records::ExitCode;

/// A step's tasks on their nodes.
#[derive(Debug)]
pub struct Tasks {
    /// `StepId=JOB.STEP`
    step: String,
    nodes: Vec<Node>,
    /// By rank.
    tasks: Vec<Stands>,
    code: u8,
}

#[derive(Debug)]
struct Node {
    name: String,
    ranks: Vec<u32>,
    is_left: bool,
    /// Ends that were not told yet, in the order in which they were heard of.
    news: Vec<(u32, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Waits,
    Runs,
    Ended(End),
    /// Nobody knows how.
    Gone,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Its exit code, or the signal that killed it.
    pub exit: ExitCode,
    /// Whether it left a core.
    pub core: bool,
    /// Whether it ran out of memory.
    pub out_of_memory: bool,
}

impl End {
    /// What `srun` ends with, were it for this task alone.
    fn code(self) -> u8 {
        match self.exit {
            _ if self.out_of_memory => self.exit.code.max(1),
            ExitCode { signal: 0, code } => code,
            ExitCode { signal, .. } => 128_u8.saturating_add(signal),
        }
    }

    fn words(self) -> String {
        match self.exit {
            _ if self.out_of_memory => "Out Of Memory".to_owned(),
            ExitCode { signal: 0, code } => format!("Exited with exit code {code}"),
            ExitCode { signal, .. } if self.core => format!("{} (core dumped)", signals::words(signal)),
            ExitCode { signal, .. } => signals::words(signal),
        }
    }
}

impl Tasks {
    /// Of a step, `JOB.STEP`, with the ranks of each node's tasks.
    pub fn new(step: &str, nodes: impl IntoIterator<Item = (String, Vec<u32>)>) -> Self {
        let node = |(name, ranks)| Node { name, ranks, is_left: false, news: Vec::new() };
        let nodes: Vec<Node> = nodes.into_iter().map(node).collect();
        let tasks = nodes.iter().flat_map(|node| &node.ranks).max().map_or(0, |greatest| *greatest as usize + 1);
        Self { step: format!("StepId={step}"), nodes, tasks: vec![Stands::Waits; tasks], code: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)
    }

    /// `StepId=JOB.STEP`
    pub fn step(&self) -> &str {
        &self.step
    }

    /// A task runs.
    pub fn started(&mut self, rank: u32) {
        if let Some(task) = self.tasks.get_mut(rank as usize).filter(|task| **task == Stands::Waits) {
            *task = Stands::Runs;
        }
    }

    /// A task ended. Gives whether that is news, and it ended badly.
    pub fn ended(&mut self, rank: u32, end: End) -> bool {
        let Some(task) = self.tasks.get_mut(rank as usize) else { return false };
        if matches!(task, Stands::Ended(_)) {
            return false;
        }
        *task = Stands::Ended(end);
        self.code = self.code.max(end.code());
        if let Some(node) = self.nodes.iter_mut().find(|node| node.ranks.contains(&rank)) {
            node.news.push((rank, end));
        }
        end.code() > 0
    }

    /// A node could not start its part, named by any of its ranks. Those of its tasks, and the line to print.
    pub fn failed(&mut self, rank: u32, why: &str) -> (Vec<u32>, Option<String>) {
        self.code = self.code.max(1);
        let step = self.step.clone();
        let Some(node) = self.leave(rank) else { return (Vec::new(), None) };
        let line = format!("error: Task launch for {step} failed on node {}: {}", node.name, why.trim_end());
        (node.ranks.clone(), Some(line))
    }

    /// Nothing is left of the step on a node, named by any of its ranks. Those of its tasks.
    pub fn left(&mut self, rank: u32) -> Vec<u32> {
        self.leave(rank).map(|node| node.ranks.clone()).unwrap_or_default()
    }

    /// A node is lost. The ranks of its tasks, and the line to print.
    pub fn lost(&mut self, name: &str) -> (Vec<u32>, Option<String>) {
        let rank = self.nodes.iter().find(|node| node.name == name).and_then(|node| node.ranks.first().copied());
        let Some(node) = rank.and_then(|rank| self.leave(rank)) else { return (Vec::new(), None) };
        let told = (node.ranks.clone(), Some(format!("error: Node failure on {}", node.name)));
        self.code = self.code.max(1);
        told
    }

    fn leave(&mut self, rank: u32) -> Option<&Node> {
        let node = self.nodes.iter_mut().find(|node| node.ranks.contains(&rank) && !node.is_left)?;
        node.is_left = true;
        for rank in &node.ranks {
            let task = &mut self.tasks[*rank as usize];
            if !matches!(task, Stands::Ended(_)) {
                *task = Stands::Gone;
                // Nobody knows that all went well.
                self.code = self.code.max(1);
            }
        }
        Some(node)
    }

    /// Whether all nodes are done.
    pub fn are_over(&self) -> bool {
        self.nodes.iter().all(|node| node.is_left)
    }

    /// Whether any task ended, and another has not.
    pub fn are_some_left(&self) -> bool {
        let is_over = |task: &Stands| matches!(task, Stands::Ended(_) | Stands::Gone);
        self.tasks.iter().any(is_over) && !self.tasks.iter().all(is_over)
    }

    /// What is to be said of ends: of a node when all its tasks have ended or it is left, of all when `now`. Tasks of a node
    /// that ended alike are told together.
    pub fn news(&mut self, now: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for at in 0..self.nodes.len() {
            let is_over = |rank: &u32| !matches!(self.tasks[*rank as usize], Stands::Waits | Stands::Runs);
            let node = &self.nodes[at];
            if now || node.is_left || node.ranks.iter().all(is_over) {
                let node = &mut self.nodes[at];
                let mut news = std::mem::take(&mut node.news);
                while let Some((_, end)) = news.first().copied() {
                    let alike: Vec<u32> =
                        news.extract_if(.., |(_, other)| *other == end).map(|(rank, _)| rank).collect();
                    if end.code() > 0 {
                        lines.push(format!("error: {}: {}: {}", node.name, tasks(alike), end.words()));
                    }
                }
            }
        }
        lines
    }

    /// Whether there is anything that [`Tasks::news`] would say in time.
    pub fn have_news(&self) -> bool {
        self.nodes.iter().any(|node| !node.news.is_empty())
    }

    /// How all tasks stand, for Ctrl-C.
    pub fn status(&self) -> Vec<String> {
        let by = |fits: fn(&Stands) -> bool| {
            let ranks = self.tasks.iter().enumerate().filter(|(_, task)| fits(task));
            ranks.map(|(rank, _)| u32::try_from(rank).unwrap_or(u32::MAX)).collect::<Vec<_>>()
        };
        let groups = [
            ("unknown", by(|task| *task == Stands::Gone)),
            ("starting", by(|task| *task == Stands::Waits)),
            ("running", by(|task| *task == Stands::Runs)),
            ("exited abnormally", by(|task| matches!(task, Stands::Ended(end) if end.code() > 0))),
            ("exited", by(|task| matches!(task, Stands::Ended(end) if end.code() == 0))),
        ];
        let shown = groups.into_iter().filter(|(_, ranks)| !ranks.is_empty());
        shown.map(|(words, ranks)| format!("{} {}: {words}", self.step, tasks(ranks))).collect()
    }

    /// The greatest of all tasks' codes; 1 at least where a node failed.
    pub fn code(&self) -> u8 {
        self.code
    }
}

/// `task 3`, `tasks 0-1,5`
fn tasks(mut ranks: Vec<u32>) -> String {
    ranks.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for rank in &ranks {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *rank => *last = *rank,
            _ => ranges.push((*rank, *rank)),
        }
    }
    let range = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    let list = ranges.iter().map(range).collect::<Vec<_>>().join(",");
    if ranks.len() == 1 { format!("task {list}") } else { format!("tasks {list}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Tasks {
        let mut tasks = Tasks::new("7.0", [("c1".to_owned(), vec![0, 1]), ("c2".to_owned(), vec![2])]);
        (0..3).for_each(|rank| tasks.started(rank));
        tasks
    }

    fn exit(code: u8) -> End {
        End { exit: ExitCode { code, signal: 0 }, ..End::default() }
    }

    fn signal(signal: u8) -> End {
        End { exit: ExitCode { code: 0, signal }, ..End::default() }
    }

    #[test]
    fn tasks_that_ended_alike_are_told_together() {
        let mut tasks = two();
        assert!(tasks.ended(1, exit(3)) && tasks.are_some_left());
        assert_eq!((tasks.news(false), tasks.have_news()), (vec![], true));
        assert!(tasks.ended(0, exit(3)));
        assert!(!tasks.ended(0, exit(3)), "it was heard of before");
        assert_eq!(tasks.news(false), ["error: c1: tasks 0-1: Exited with exit code 3"]);
        assert!(!tasks.ended(2, exit(0)) && tasks.news(true).is_empty());
        tasks.left(0);
        tasks.left(2);
        assert!(tasks.are_over() && tasks.code() == 3);
    }

    #[test]
    fn signals_add_128() {
        let mut tasks = two();
        tasks.ended(0, signal(15));
        tasks.ended(2, End { core: true, ..signal(11) });
        assert_eq!(
            tasks.news(true),
            ["error: c1: task 0: Terminated", "error: c2: task 2: Segmentation fault (core dumped)"]
        );
        assert_eq!(tasks.code(), 143);
    }

    #[test]
    fn out_of_memory_is_no_signal() {
        let mut tasks = two();
        tasks.ended(0, End { out_of_memory: true, ..signal(9) });
        assert_eq!((tasks.news(true), tasks.code()), (vec!["error: c1: task 0: Out Of Memory".to_owned()], 1));
    }

    #[test]
    fn nodes_may_fail_and_get_lost() {
        let mut tasks = two();
        let line = "error: Task launch for StepId=7.0 failed on node c1: no such user";
        assert_eq!(tasks.failed(0, "no such user\n"), (vec![0, 1], Some(line.to_owned())));
        assert_eq!(tasks.failed(0, "no such user"), (vec![], None));
        assert_eq!(tasks.lost("c2"), (vec![2], Some("error: Node failure on c2".to_owned())));
        assert!(tasks.are_over() && tasks.code() == 1);
        let mut tasks = two();
        tasks.ended(2, exit(0));
        assert_eq!((tasks.left(2), tasks.code()), (vec![2], 0));
        assert_eq!((tasks.left(0), tasks.code()), (vec![0, 1], 1), "no end of theirs was told");
    }

    #[test]
    fn how_they_stand() {
        let mut tasks = Tasks::new("7.0", [("c1".to_owned(), vec![0, 1, 2, 3])]);
        [0, 1, 3].into_iter().for_each(|rank| tasks.started(rank));
        tasks.ended(3, exit(1));
        let lines =
            ["StepId=7.0 task 2: starting", "StepId=7.0 tasks 0-1: running", "StepId=7.0 task 3: exited abnormally"];
        assert_eq!(tasks.status(), lines);
    }
}
