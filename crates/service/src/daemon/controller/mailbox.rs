//! [`Mailboxes`]: orders that nodes have not fetched yet, and nodes that wait for some.
//!
//! Nothing here is durable: the core tells again what a node has not confirmed. A node that waits costs no thread.

use super::cell::lock;
use scheduling::event::{NodeOrder, OrderTask};
use scheduling::id::{NodeName, NodeSession};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// The most orders that a node gets in one answer.
const MOST: usize = 64;

/// The session in which somebody asks is not the node's present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOver;

/// By node: its present session, and what is to be said to it.
#[derive(Debug, Default)]
pub struct Mailboxes(Mutex<BTreeMap<NodeName, Mailbox>>);

#[derive(Debug)]
struct Mailbox {
    session: NodeSession,
    orders: Vec<NodeOrder>,
    /// Whether the node is to say what its runs use.
    measure: bool,
    /// Rings when there are orders, or the session is over.
    bell: Arc<Notify>,
}

impl Mailboxes {
    /// Nodes have new sessions: who waits in an earlier one learns that it is over.
    pub fn open(&self, sessions: Vec<(NodeName, NodeSession)>) {
        let mut boxes = lock(&self.0);
        for (node, session) in sessions {
            let new = Mailbox { session, orders: Vec::new(), measure: false, bell: Arc::default() };
            if let Some(old) = boxes.insert(node, new) {
                old.bell.notify_waiters();
            }
        }
    }

    /// The sessions of other nodes are over.
    pub fn retain(&self, is_there: impl Fn(&NodeName) -> bool) {
        lock(&self.0).retain(|node, mailbox| {
            let stays = is_there(node);
            if !stays {
                mailbox.bell.notify_waiters();
            }
            stays
        });
    }

    /// All sessions are over.
    pub fn close_all(&self) {
        let closed = std::mem::take(&mut *lock(&self.0));
        closed.values().for_each(|old| old.bell.notify_waiters());
    }

    /// Lays orders where their nodes find them; one that is there already is replaced.
    pub fn deliver(&self, orders: Vec<NodeOrder>) {
        let mut boxes = lock(&self.0);
        for order in orders {
            let Some(mailbox) = boxes.get_mut(&order.node).filter(|it| it.session == order.session) else { continue };
            mailbox.orders.retain(|other| !is_same(other, &order));
            mailbox.orders.push(order);
            mailbox.bell.notify_waiters();
        }
    }

    /// Has a node say what its runs use. False where it has no session, and cannot be asked.
    pub fn ask_for_usage(&self, node: &NodeName) -> bool {
        let mut boxes = lock(&self.0);
        let Some(mailbox) = boxes.get_mut(node) else { return false };
        mailbox.measure = true;
        mailbox.bell.notify_waiters();
        true
    }

    /// Whether this is the node's present session.
    pub fn check(&self, node: &NodeName, session: NodeSession) -> Result<(), SessionOver> {
        let is_present = lock(&self.0).get(node).is_some_and(|it| it.session == session);
        if is_present { Ok(()) } else { Err(SessionOver) }
    }

    /// Waits for orders of a node, so long at most; none at all when the time is over. With them, whether it is to say what
    /// its runs use.
    pub async fn next(
        &self,
        node: &NodeName,
        session: NodeSession,
        patience: Duration,
    ) -> Result<(Vec<NodeOrder>, bool), SessionOver> {
        let until = Instant::now() + patience;
        loop {
            let bell = self.bell(node, session)?;
            // Begins to listen here: what is delivered after the look below rings.
            let rings = bell.notified();
            let (orders, measure) = self.take(node, session)?;
            if measure || !orders.is_empty() || timeout_at(until, rings).await.is_err() {
                return Ok((orders, measure));
            }
        }
    }

    fn bell(&self, node: &NodeName, session: NodeSession) -> Result<Arc<Notify>, SessionOver> {
        let boxes = lock(&self.0);
        boxes.get(node).filter(|it| it.session == session).map(|it| it.bell.clone()).ok_or(SessionOver)
    }

    fn take(&self, node: &NodeName, session: NodeSession) -> Result<(Vec<NodeOrder>, bool), SessionOver> {
        let mut boxes = lock(&self.0);
        let mailbox = boxes.get_mut(node).filter(|it| it.session == session).ok_or(SessionOver)?;
        let count = mailbox.orders.len().min(MOST);
        Ok((mailbox.orders.drain(..count).collect(), std::mem::take(&mut mailbox.measure)))
    }
}

/// Whether two orders ask for the same of the same run.
fn is_same(a: &NodeOrder, b: &NodeOrder) -> bool {
    let serial = |order: &NodeOrder| match order.task {
        OrderTask::Signal { serial, .. } | OrderTask::SignalStep { serial, .. } => serial,
        _ => 0,
    };
    let step = |order: &NodeOrder| match order.task {
        OrderTask::LaunchStep(_, step, _) => Some(step),
        OrderTask::TerminateStep { step, .. } | OrderTask::SignalStep { step, .. } => Some(step),
        OrderTask::Launch(_) | OrderTask::Terminate { .. } | OrderTask::Signal { .. } => None,
    };
    let kind = |order: &NodeOrder| std::mem::discriminant(&order.task);
    (a.job, a.attempt, kind(a), step(a), serial(a)) == (b.job, b.attempt, kind(b), step(b), serial(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scheduling::id::{Attempt, JobId};

    const LONG: Duration = Duration::from_secs(60);

    fn order(session: u64, job: u32) -> NodeOrder {
        let task = OrderTask::Terminate { kill_wait: 30 };
        let (session, attempt) = (NodeSession(session), Attempt(0));
        NodeOrder { node: "n1".into(), session, job: JobId(job), attempt, task }
    }

    fn boxes(session: u64) -> Arc<Mailboxes> {
        let boxes = Mailboxes::default();
        boxes.open(vec![("n1".into(), NodeSession(session))]);
        Arc::new(boxes)
    }

    #[tokio::test]
    async fn who_waits_gets_what_is_delivered_and_what_is_there_comes_at_once() {
        let boxes = boxes(1);
        let waiting = tokio::spawn({
            let boxes = boxes.clone();
            async move { boxes.next(&"n1".into(), NodeSession(1), LONG).await }
        });
        tokio::task::yield_now().await;
        boxes.deliver(vec![order(1, 7), order(2, 8)]);
        assert_eq!(waiting.await.unwrap(), Ok((vec![order(1, 7)], false)), "not what is of another session");
        boxes.deliver(vec![order(1, 1), order(1, 2), order(1, 1)]);
        let got = boxes.next(&"n1".into(), NodeSession(1), LONG).await;
        assert_eq!(got, Ok((vec![order(1, 2), order(1, 1)], false)), "each once, as said last");
        assert!(boxes.ask_for_usage(&"n1".into()) && !boxes.ask_for_usage(&"n2".into()));
        assert_eq!(boxes.next(&"n1".into(), NodeSession(1), LONG).await, Ok((Vec::new(), true)));
        assert_eq!(boxes.next(&"n1".into(), NodeSession(1), Duration::ZERO).await, Ok((Vec::new(), false)));
        assert_eq!(boxes.next(&"n2".into(), NodeSession(1), LONG).await, Err(SessionOver));
    }

    #[tokio::test]
    async fn a_session_that_ends_is_told_to_who_waits_in_it() {
        for close in [|it: &Mailboxes| it.open(vec![("n1".into(), NodeSession(2))]), |it: &Mailboxes| it.close_all()] {
            let boxes = boxes(1);
            let waiting = tokio::spawn({
                let boxes = boxes.clone();
                async move { boxes.next(&"n1".into(), NodeSession(1), LONG).await }
            });
            tokio::task::yield_now().await;
            close(&boxes);
            assert_eq!(waiting.await.unwrap(), Err(SessionOver));
        }
    }
}
