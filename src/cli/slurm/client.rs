//! One request to the service over its unix socket.

use super::console::Console;
use super::http::{self, Answer};
use super::printing::Printing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service::daemon::api::{Request, Response};
use std::io::{self, BufReader, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Before a service that is away or too busy is asked again.
pub const PAUSE: Duration = Duration::from_millis(500);

/// So many bytes of an answer are read at a time.
const PIECE: usize = 64 << 10;

/// Asks the service for one of Slurm's commands; the error is a text for people, what to do included.
pub fn ask(socket: &Path, command: &str, request: &Request) -> Result<Response, String> {
    post(socket, &format!("/v1/slurm/{command}"), request)
}

/// Like [`ask`], for an answer that is printed: what of it is long goes to the console as it comes. The answer's
/// `stdout` is what is still to be printed; `said` counts the bytes that were printed for this command so far, with those
/// of answers before the last question, which are not printed again.
pub fn ask_printing(
    socket: &Path,
    command: &str,
    request: &Request,
    console: &mut impl Console,
    said: &mut usize,
) -> Result<Response, String> {
    let mut printed = Printing::new(said, |text: &str| console.out(text));
    print(socket, command, request, &mut printed).map_err(Unanswered::in_full)
}

fn print(
    socket: &Path,
    command: &str,
    request: &Request,
    printed: &mut Printing<impl FnMut(&str)>,
) -> Result<Response, Unanswered> {
    let body = serde_json::to_vec(request).map_err(|error| Unanswered::Away(error.to_string()))?;
    let mut coming = send(socket, &format!("/v1/slurm/{command}"), &body)?;
    let mut piece = vec![0; PIECE];
    loop {
        let bytes = coming.read(&mut piece).map_err(lost)?;
        if bytes == 0 {
            break;
        }
        printed.take(&piece[..bytes]).map_err(|error| lost(error.into()))?;
    }
    let mut answer: Response = parsed(&printed.rest())?;
    answer.stdout.drain(..printed.passed_over(&answer.stdout));
    *printed.said += answer.stdout.len();
    Ok(answer)
}

/// Sends a request to a place of the service's and reads the answer; the error is a text for people.
pub fn post<A: DeserializeOwned>(socket: &Path, place: &str, request: &impl Serialize) -> Result<A, String> {
    ask_for(socket, place, request).map_err(Unanswered::in_full)
}

/// Why there is no answer to what was asked.
#[derive(Debug)]
pub enum Unanswered {
    /// The service says no: with this status, and for this reason.
    Refused(u16, String),
    /// It is not there, and has done nothing; a text for people.
    Away(String),
    /// It was asked, and may have done it; a text for people.
    Lost(String),
}

impl Unanswered {
    /// Words for people.
    pub fn words(self) -> String {
        match self {
            Self::Refused(_, why) | Self::Away(why) | Self::Lost(why) => why,
        }
    }

    /// The same where nothing else says who refuses.
    fn in_full(self) -> String {
        match self {
            Self::Refused(status, why) => format!("the accounting service refused: {status}: {why}"),
            why => why.words(),
        }
    }

    /// The same of a job that was submitted. It is sent once: it may be there, and a second one would be one too many.
    pub fn of_submission(self) -> String {
        match self {
            Self::Lost(why) => {
                format!("{why}; the job may be there all the same: look with squeue before you submit it again")
            }
            why => why.words(),
        }
    }

    /// Whether it is the service's own word, which asking again does not change.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(..))
    }
}

/// Like [`post`], for who tells a refusal from a service that is away.
pub fn ask_for<A: DeserializeOwned>(socket: &Path, place: &str, request: &impl Serialize) -> Result<A, Unanswered> {
    let body = serde_json::to_vec(request).map_err(|error| Unanswered::Away(error.to_string()))?;
    let mut answer = Vec::new();
    send(socket, place, &body)?.read_to_end(&mut answer).map_err(lost)?;
    parsed(&answer)
}

/// Goes on in another protocol with the service: what it sends, and where to write to it.
pub fn upgrade(
    socket: &Path,
    place: &str,
    protocol: &str,
    request: &impl Serialize,
) -> Result<(BufReader<UnixStream>, UnixStream), Unanswered> {
    let body = serde_json::to_vec(request).map_err(|error| Unanswered::Away(error.to_string()))?;
    let stream = connect(socket)?;
    let writes = stream.try_clone().map_err(lost)?;
    let answer = http::upgrade(stream, place, protocol, &body).map_err(lost)?;
    Ok((accepted(answer, 101..102)?.beyond(), writes))
}

/// The answer, unless its status is none of these.
fn accepted(mut answer: Answer, statuses: Range<u16>) -> Result<Answer, Unanswered> {
    if statuses.contains(&answer.status) {
        return Ok(answer);
    }
    let mut body = Vec::new();
    answer.read_to_end(&mut body).map_err(lost)?;
    Err(match answer.status {
        // What is said then says in full why there is no answer.
        502 => Unanswered::Lost(reason(&body)),
        503 => Unanswered::Away(reason(&body)),
        status => Unanswered::Refused(status, reason(&body)),
    })
}

fn connect(socket: &Path) -> Result<UnixStream, Unanswered> {
    UnixStream::connect(socket).map_err(|error| Unanswered::Away(unreachable_service(socket, &error)))
}

fn parsed<A: DeserializeOwned>(answer: &[u8]) -> Result<A, Unanswered> {
    let other = |error| Unanswered::Lost(format!("the accounting service answered something else: {error}"));
    serde_json::from_slice(answer).map_err(other)
}

fn lost(error: io::Error) -> Unanswered {
    Unanswered::Lost(format!("the accounting service did not answer: {error}"))
}

/// Sends a request; the answer, of which the body is still to be read, unless it is a refusal.
fn send(socket: &Path, place: &str, body: &[u8]) -> Result<Answer, Unanswered> {
    accepted(http::post(connect(socket)?, place, body).map_err(lost)?, 200..300)
}

/// `{"error": …}`, or else the text as it is.
fn reason(body: &[u8]) -> String {
    let error = serde_json::from_slice::<serde_json::Value>(body).ok();
    let error = error.and_then(|body| body["error"].as_str().map(str::to_owned));
    error.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn unreachable_service(socket: &Path, error: &std::io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            "start `enlist serve` on this host (`enlist node` on a login node), or name its socket in ENLIST_SOCKET"
        }
        _ => "see that the socket can be reached by you",
    };
    format!("no accounting service on {}: {error}; {remedy}", socket.display())
}
