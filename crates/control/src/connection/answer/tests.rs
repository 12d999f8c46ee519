use super::*;
use host::protocol::{AgentAnswer, AgentReply, frame};
use std::io::Write;
use std::time::Duration;

/// A program that prints these bytes, `piece` at a time, and then waits for ever.
struct Printed {
    bytes: Vec<u8>,
    piece: usize,
}

impl Read for Printed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.min(buffer.len()).min(self.bytes.len());
        if length == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes.drain(..length);
        Ok(length)
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Program for Printed {
    fn be_patient(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn ending(&mut self) -> String {
        "exit code 0".into()
    }
}

const BOUND: Bound = Bound { bytes: 1000, values: 50 };

fn received(bytes: &[u8], piece: usize) -> Result<Option<AgentAnswer>, Breach> {
    receive(&mut Incoming::new(Printed { bytes: bytes.to_vec(), piece }), &BOUND)
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

#[test]
fn a_frame_in_small_pieces() {
    let answer = AgentAnswer::Ok(AgentReply { results: Vec::new() });
    assert_eq!(received(&frame(&answer).unwrap(), 1).unwrap(), Some(answer));
}

#[test]
fn what_is_too_long_or_too_full_is_not_taken() {
    let long = framed(&[b' '; 1001]);
    assert!(matches!(received(&long, 4000), Err(Breach::TooLong(1001, 1000))));
    assert!(matches!(received(&[0xff; 4], 4), Err(Breach::TooLong(0xffff_ffff, 1000))));
    let full = framed(format!("{{\"Err\": [{}0]}}", "0,".repeat(50)).as_bytes());
    let Err(Breach::Unreadable(error)) = received(&full, 4000) else { panic!("it was taken") };
    assert!(error.to_string().contains("more than 50 values"), "{error}");
    assert!(matches!(received(&framed(b"{\"No\": 1}"), 4000), Err(Breach::Unreadable(_))));
}

#[test]
fn a_frame_that_does_not_end_is_too_slow() {
    let mut from = Incoming::new(Printed { bytes: vec![0, 0, 0, 100, b'x'], piece: 1 });
    from.wait_until(Some(Instant::now() + Duration::from_millis(30)));
    let answer = receive::<AgentAnswer>(&mut from, &BOUND);
    assert!(matches!(answer, Err(Breach::TooSlow)), "{answer:?}");
}
