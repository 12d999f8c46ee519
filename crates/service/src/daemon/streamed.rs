//! Answers that may be long, such as a row for each of millions of jobs: sent while they are made. No more than a few
//! pieces are in memory, and a client that reads slowly holds up only its own command.
//!
//! What goes over the wire is the same JSON as that of a short answer, `{"stdout":"…","stderr":…}`.

use super::api::Response;
use super::refusal::Refusal;
use super::turns::Party;
use super::work::{Waiting, Work, panicked};
use crate::store::Asker;
use axum::body::{Body, Bytes, HttpBody};
use commands::Output;
use hyper::body::Frame;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use words::people::Uid;

/// So many pieces may wait to be read.
const PIECES: usize = 2;

/// The most bytes of an answer that is made whole before it is sent, since its caller, or all together, have as many
/// streams as they may.
const MOST_WHOLE: usize = 2 << 20;

/// How every answer begins.
const BEGIN: &str = "{\"stdout\":\"";

/// What a command says, or why it was not run.
type Said = Result<Response, Refusal>;

/// What a command came to.
pub enum Streamed {
    /// All of it.
    Whole(Response),
    /// It goes on: its pieces, and then what stands behind them.
    Pieces(Body),
}

/// A part of the body.
enum Part {
    Piece(Bytes),
    Last(Bytes),
}

/// Runs a command in its caller's turn and in a thread of its own, until it ends or hands on the first piece. It may be
/// refused before it has said anything.
pub async fn run(
    work: &Work,
    party: Party<Uid>,
    answer: impl FnOnce(Output) -> Said + Send + 'static,
) -> Result<Streamed, Refusal> {
    let (waiting, place) = work.begin(party.clone()).await?;
    let stream = work.stream(party);
    let (parts, mut made) = channel(PIECES);
    let command = move || {
        place.run(|asker| match stream {
            Some(_stream) => in_pieces(answer, &parts),
            None => Some(whole(answer, asker)),
        })
    };
    let running = tokio::task::spawn_blocking(command);
    if let Some(first) = made.recv().await {
        return Ok(Streamed::Pieces(Body::new(Pieces { first: Some(first), made, waiting: Some(waiting) })));
    }
    let said = running.await;
    waiting.answered();
    match said.map_err(panicked)? {
        Some(said) => said.map(Streamed::Whole),
        None => unreachable!("a command that sent nothing gives its answer"),
    }
}

/// Hands on pieces; the answer itself if there were none.
fn in_pieces(answer: impl FnOnce(Output) -> Said, parts: &Sender<Part>) -> Option<Said> {
    let mut begun = false;
    let mut take = |piece: String| {
        let begin = if begun { "" } else { BEGIN };
        begun = true;
        let part = Part::Piece(format!("{begin}{}", escaped(&harmless(piece))).into());
        match parts.blocking_send(part) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let said = match answer(Output::to(&mut take)) {
        Ok(said) => said,
        Err(refusal) => return Some(Err(refusal)),
    };
    let response = Response { stdout: harmless(said.stdout), stderr: harmless(said.stderr), ..said };
    if !begun {
        return Some(Ok(response));
    }
    // Whoever no longer reads is none of our business.
    let _ = parts.blocking_send(Part::Last(json(&response).split_off(BEGIN.len()).into()));
    None
}

/// The whole answer, unless it is too long for that.
fn whole(answer: impl FnOnce(Output) -> Said, asker: &Asker) -> Said {
    let mut kept = String::new();
    let mut take = |piece: String| {
        kept.push_str(&piece);
        if asker.has_left() || kept.len() > MOST_WHOLE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let said = answer(Output::to(&mut take))?;
    if kept.len() > MOST_WHOLE {
        let why = "error: too many long answers are being read already; ask again when some are";
        return Ok(Response::refused(why));
    }
    let stdout = harmless(kept + &said.stdout);
    Ok(Response { stdout, stderr: harmless(said.stderr), ..said })
}

/// A text without what a terminal would take for orders, should an old store or a file that was loaded hold such. The
/// separators of ASCII (FS, GS, RS, US) are no orders, and what scripts give to `--delimiter`.
fn harmless(text: String) -> String {
    let harms = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\u{1c}'..='\u{1f}');
    if text.contains(harms) { text.replace(harms, "?") } else { text }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers can always be written as JSON")
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let mut quoted = json(&text);
    quoted.pop();
    quoted.remove(0);
    quoted
}

/// The body of an answer in the making.
struct Pieces {
    first: Option<Part>,
    made: Receiver<Part>,
    /// None when all was handed on.
    waiting: Option<Waiting>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.waiting.is_none() {
            return Poll::Ready(None);
        }
        let part = match self.first.take() {
            Some(first) => Some(first),
            None => ready!(self.made.poll_recv(cx)),
        };
        Poll::Ready(Some(match part {
            Some(Part::Piece(bytes)) => Ok(Frame::data(bytes)),
            Some(Part::Last(bytes)) => {
                self.waiting.take().into_iter().for_each(Waiting::answered);
                Ok(Frame::data(bytes))
            }
            // The connection is cut, so that nobody takes a part for the whole.
            None => {
                self.waiting.take().into_iter().for_each(Waiting::answered);
                Err(io::Error::other("a bug in enlist serve stopped this command"))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn rows(mut out: Output, count: usize) -> Response {
        for number in 0..count {
            out.push_str(&format!("row \"{number}\"\u{1b}\n"));
            if out.row_ends().is_break() {
                break;
            }
        }
        Response { stdout: out.rest(), revision: 7, ..Response::default() }
    }

    const SOMEBODY: Party<Uid> = Party { who: Uid(1000), is_privileged: false };

    async fn started(answer: impl FnOnce(Output) -> Response + Send + 'static) -> Result<Streamed, Refusal> {
        run(&Work::default(), SOMEBODY, |out| Ok(answer(out))).await
    }

    #[tokio::test]
    async fn long_answers_are_the_same_json_as_short_ones() {
        let Ok(Streamed::Whole(short)) = started(|out| rows(out, 2)).await else { panic!("too short to be streamed") };
        assert_eq!(short.stdout.lines().count(), 2);
        let Ok(Streamed::Pieces(body)) = started(|out| rows(out, 50_000)).await else { panic!("not streamed") };
        let bytes = body.collect().await.unwrap().to_bytes();
        let long: Response = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((long.stdout.lines().count(), long.revision), (50_000, 7));
        assert_eq!(long.stdout.lines().last(), Some("row \"49999\"?"));
    }

    #[tokio::test]
    async fn a_command_that_stops_midway_is_no_whole_answer() {
        let Ok(Streamed::Pieces(body)) = started(|out| {
            rows(out, 50_000);
            panic!("as a test does")
        })
        .await
        else {
            panic!("not streamed")
        };
        assert!(body.collect().await.is_err());
    }

    #[tokio::test]
    async fn a_command_ends_when_nobody_reads() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let Ok(Streamed::Pieces(body)) = started(|out| {
            let response = rows(out, usize::MAX);
            let _ = ended.send(());
            response
        })
        .await
        else {
            panic!("not streamed")
        };
        drop(body);
        end.await.unwrap();
    }

    #[tokio::test]
    async fn one_caller_has_some_streams_and_bounded_memory() {
        let work = Work::default();
        let mut streams = Vec::new();
        let (said, others) = loop {
            match run(&work, SOMEBODY, |out| Ok(rows(out, usize::MAX))).await.unwrap() {
                Streamed::Pieces(body) => streams.push(body),
                Streamed::Whole(said) => {
                    break (said, run(&work, Party { who: Uid(2), ..SOMEBODY }, |out| Ok(rows(out, 50_000))));
                }
            }
        };
        assert!(said.code == 1 && said.stdout.is_empty() && said.stderr.contains("ask again"), "{said:?}");
        assert!(matches!(others.await, Ok(Streamed::Pieces(_))), "another caller has streams of its own");
        let Ok(Streamed::Whole(said)) = run(&work, SOMEBODY, |out| Ok(rows(out, 50_000))).await else {
            panic!("no stream")
        };
        assert_eq!((said.stdout.lines().count(), said.code), (50_000, 0));
        assert_eq!(streams.len(), 8, "a quarter of them");
    }

    #[test]
    fn what_terminals_are_told() {
        assert_eq!(harmless("a\u{1b}[2J\u{9b}\n가\t\u{1f}b".into()), "a?[2J?\n가\t\u{1f}b");
    }
}
