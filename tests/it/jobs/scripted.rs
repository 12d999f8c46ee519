//! The daemon of a compute node before a master that does what a test says: it answers late, wrongly, or not at all.

use compute::protocol::{Connected, Orders, Register, Reports, RunReport};
use scheduling::id::NodeSession;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What a master does with a request.
pub enum Move {
    /// Answers as one should.
    Answer,
    /// Answers with this status.
    Refuse(u16),
    /// Closes the connection.
    HangUp,
}

/// What came, and what is to be said.
#[derive(Default)]
struct Played {
    sessions: u64,
    registered: Vec<Register>,
    orders: Vec<compute::protocol::Order>,
    reports: Vec<RunReport>,
    moves: VecDeque<Move>,
    is_over: bool,
}

/// A master that a test plays.
#[derive(Clone, Default)]
pub struct Master(Arc<(Mutex<Played>, Condvar)>);

impl Master {
    /// On a socket, until the process ends.
    pub fn at(socket: &Path) -> Self {
        let master = Self::default();
        let listener = UnixListener::bind(socket).unwrap();
        let own = master.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                thread::spawn(move || own.serve(stream));
            }
        });
        master
    }

    fn change<T>(&self, change: impl FnOnce(&mut Played) -> T) -> T {
        let changed = change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
        changed
    }

    /// Gives an order with the next poll, and says it again until the test ends.
    pub fn order(&self, order: compute::protocol::Order) {
        self.change(|played| played.orders.push(order));
    }

    /// What the next requests for reports meet, one after another.
    pub fn meet_reports(&self, moves: impl IntoIterator<Item = Move>) {
        self.change(|played| played.moves.extend(moves));
    }

    /// All further requests for reports are answered.
    pub fn forgive(&self) {
        self.change(|played| played.moves.clear());
    }

    /// Ends the session: the next poll hears it.
    pub fn end_session(&self) {
        self.change(|played| played.is_over = true);
    }

    /// Waits for what came to be as it is meant.
    #[track_caller]
    pub fn until<T>(&self, what: &str, mut is_meant: impl FnMut(&[Register], &[RunReport]) -> Option<T>) -> T {
        let mut played = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = is_meant(&played.registered, &played.reports) {
                return found;
            }
            let (next, late) = self.0.1.wait_timeout(played, Duration::from_secs(30)).unwrap();
            played = next;
            assert!(!late.timed_out(), "{what} does not come; there are {:?}", played.reports);
        }
    }

    fn serve(&self, stream: UnixStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (path, body) = request(&mut reader)?;
        let answer = match path.as_str() {
            "/v1/node/connect" => self.change(|played| {
                played.sessions += 1;
                played.is_over = false;
                json(&Connected { session: NodeSession(played.sessions), patience: 1 })
            }),
            "/v1/node/register" => self.change(|played| {
                played.registered.push(serde_json::from_slice(&body).unwrap());
                (200, b"{}".to_vec())
            }),
            "/v1/node/orders" => self.orders(),
            "/v1/node/reports" => self.take(serde_json::from_slice(&body).unwrap())?,
            other => panic!("a node asks for {other}"),
        };
        write(stream, &answer)
    }

    fn orders(&self) -> (u16, Vec<u8>) {
        // A poll that waits, so that the node does not ask again at once.
        thread::sleep(Duration::from_millis(50));
        self.change(|played| {
            let orders = Orders { orders: played.orders.clone(), ..Orders::default() };
            if played.is_over { (410, Vec::new()) } else { json(&orders) }
        })
    }

    fn take(&self, reports: Reports) -> Option<(u16, Vec<u8>)> {
        self.change(|played| {
            if reports.session != NodeSession(played.sessions) {
                return Some((410, Vec::new()));
            }
            match played.moves.pop_front() {
                Some(Move::HangUp) => return None,
                Some(Move::Refuse(status)) => return Some((status, b"not now".to_vec())),
                Some(Move::Answer) | None => {}
            }
            played.reports.extend(reports.reports);
            Some((200, b"{}".to_vec()))
        })
    }
}

fn json(value: &impl Serialize) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(value).unwrap())
}

fn request(reader: &mut BufReader<UnixStream>) -> Option<(String, Vec<u8>)> {
    let (mut path, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim();
        if path.is_none() {
            path = line.split(' ').nth(1).map(str::to_owned);
        }
        if let Some((name, value)) = line.split_once(':') {
            length = if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok()? } else { length };
        }
        if line.is_empty() {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return Some((path?, body));
        }
    }
}

fn write(mut stream: UnixStream, (status, body): &(u16, Vec<u8>)) -> Option<()> {
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()
}

/// A daemon of its own process; it is killed when dropped.
pub struct Daemon(Child);

impl Daemon {
    /// On a socket, with this spool.
    pub fn start(directory: &Path) -> Self {
        let config = directory.join("enlist.conf");
        let (spool, socket) = (directory.join("spool"), directory.join("socket"));
        let text = format!("SlurmdSpoolDir={}\nListenSocket={}\n", spool.display(), socket.display());
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_enlist"));
        command.args(["node", "--compute=n1", "--local", "--config"]).arg(config).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
