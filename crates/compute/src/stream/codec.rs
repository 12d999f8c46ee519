//! Frames as bytes: [`Frame::encode`], and [`Decoder`] for bytes that come in pieces.

use super::{Frame, FrameKind, LONGEST};
use scheduling::request::TerminalSize;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// So many bytes stand before the content of a frame.
pub const HEAD: usize = 17;

/// What these bytes say. Whoever passes a frame on reads this and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// What the frame is.
    pub kind: FrameKind,
    /// Of or for which task.
    pub task: u32,
    /// The place of its first byte.
    pub place: u64,
    /// How many bytes its content has, [`LONGEST`] at the most.
    pub length: usize,
}

impl FrameHead {
    /// Reads them. Refuses kinds that this release does not know, and contents that are too long.
    pub fn parse(bytes: &[u8; HEAD]) -> Result<Self, FrameError> {
        let [kind, a, b, c, d, place @ .., e, f, g, h] = *bytes;
        let kind = FrameKind::from_byte(kind).ok_or(FrameError::Kind(kind))?;
        let length = u32::from_be_bytes([e, f, g, h]) as usize;
        if length > LONGEST {
            return Err(FrameError::Length(length));
        }
        Ok(Self { kind, task: u32::from_be_bytes([a, b, c, d]), place: u64::from_be_bytes(place), length })
    }
}

/// What is no frame. After it nothing of a stream can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The other side is of another release, or something else altogether.
    #[error("a message of kind {0}, which this release does not know: see that all hosts have the same one")]
    Kind(u8),
    /// Nobody who keeps to the bounds sends it.
    #[error("a message of {0} bytes, where {LONGEST} are allowed")]
    Length(usize),
    /// The content is not what its kind has.
    #[error("a message ({0:?}) with a content that it cannot have")]
    Content(FrameKind),
}

impl FrameKind {
    const ALL: [FrameKind; 14] = [
        FrameKind::Output,
        FrameKind::Errors,
        FrameKind::Started,
        FrameKind::Ended,
        FrameKind::Failed,
        FrameKind::Left,
        FrameKind::Lost,
        FrameKind::Notice,
        FrameKind::Input,
        FrameKind::Resize,
        FrameKind::Signal,
        FrameKind::Acknowledged,
        FrameKind::Again,
        FrameKind::Bye,
    ];

    /// The kind with this byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl Frame {
    /// One without a place and with nothing in it, about all tasks.
    pub fn of(kind: FrameKind) -> Self {
        Self { kind, task: super::ALL, place: 0, content: Vec::new() }
    }

    /// The same with a value as its content.
    pub fn with(self, value: &impl Serialize) -> Self {
        // Values of this module have no maps with odd keys, which is all that could fail.
        Self { content: serde_json::to_vec(value).unwrap_or_default(), ..self }
    }

    /// Output of this kind and task up to `place` was had; of input it is a node that has taken it in.
    pub fn acknowledged(kind: FrameKind, task: u32, place: u64) -> Self {
        Self { kind: FrameKind::Acknowledged, task, place, content: vec![kind as u8] }
    }

    /// The terminal has this size now.
    pub fn resize(size: TerminalSize) -> Self {
        let content = [size.rows.to_be_bytes(), size.columns.to_be_bytes()].concat();
        Self { content, ..Self::of(FrameKind::Resize) }
    }

    /// Its content as a value of [`super::NodeStarted`] or the like.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        serde_json::from_slice(&self.content).map_err(|_| FrameError::Content(self.kind))
    }

    /// The kind that an acknowledgement is about.
    pub fn about(&self) -> Result<FrameKind, FrameError> {
        let [byte] = *self.content.as_slice() else { return Err(FrameError::Content(self.kind)) };
        FrameKind::from_byte(byte).ok_or(FrameError::Content(self.kind))
    }

    /// The size that a [`FrameKind::Resize`] has.
    pub fn size(&self) -> Result<TerminalSize, FrameError> {
        let [a, b, c, d] = *self.content.as_slice() else { return Err(FrameError::Content(self.kind)) };
        Ok(TerminalSize { rows: u16::from_be_bytes([a, b]), columns: u16::from_be_bytes([c, d]) })
    }

    /// Puts its bytes behind others. Refuses a content that is longer than [`LONGEST`].
    pub fn encode(&self, into: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = u32::try_from(self.content.len()).ok().filter(|it| *it as usize <= LONGEST);
        let length = length.ok_or(FrameError::Length(self.content.len()))?;
        into.push(self.kind as u8);
        into.extend(self.task.to_be_bytes());
        into.extend(self.place.to_be_bytes());
        into.extend(length.to_be_bytes());
        into.extend_from_slice(&self.content);
        Ok(())
    }
}

/// Makes frames of bytes that come in pieces. It holds what was fed and not taken out yet, so whoever feeds it a piece takes
/// all frames out before the next.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// So many of them are taken out already.
    taken: usize,
}

impl Decoder {
    /// The next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next frame; `None` until more is fed.
    pub fn take(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.bytes[self.taken..];
        let Some((head, rest)) = rest.split_first_chunk::<HEAD>() else { return Ok(None) };
        let FrameHead { kind, task, place, length } = FrameHead::parse(head)?;
        let Some(content) = rest.get(..length) else { return Ok(None) };
        let frame = Frame { kind, task, place, content: content.to_vec() };
        self.taken += HEAD + length;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, NodeStarted, TaskEnded};
    use super::*;
    use proptest::prelude::*;
    use slurm::records::ExitCode;

    fn bytes(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes).unwrap());
        bytes
    }

    fn all(decoder: &mut Decoder) -> Result<Vec<Frame>, FrameError> {
        std::iter::from_fn(|| decoder.take().transpose()).collect()
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let kind = proptest::sample::select(FrameKind::ALL.to_vec());
        let content = proptest::collection::vec(any::<u8>(), 0..200);
        let frame = (kind, any::<u32>(), any::<u64>(), content).prop_map(|(kind, task, place, content)| Frame {
            kind,
            task,
            place,
            content,
        });
        proptest::collection::vec(frame, 0..6)
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(sent in frames(), cut in 1_usize..64) {
            let (bytes, mut decoder, mut got) = (bytes(&sent), Decoder::default(), Vec::new());
            for piece in bytes.chunks(cut) {
                decoder.feed(piece);
                got.extend(all(&mut decoder).unwrap());
            }
            prop_assert_eq!(got, sent);
        }

        #[test]
        fn no_bytes_make_it_panic_or_give_more_than_the_bound(
            garbage in proptest::collection::vec(any::<u8>(), 0..400), kind in 0_u8..30
        ) {
            let mut decoder = Decoder::default();
            decoder.feed(&[kind]);
            decoder.feed(&garbage);
            for frame in all(&mut decoder).unwrap_or_default() {
                prop_assert!(frame.content.len() <= garbage.len());
                let _ = (frame.about(), frame.size(), frame.value::<NodeStarted>());
            }
        }
    }

    #[test]
    fn a_frame_has_the_bytes_that_other_releases_read() {
        let frame = Frame { kind: FrameKind::Output, task: 2, place: 258, content: b"hi".to_vec() };
        assert_eq!(bytes(&[frame]), b"\x01\0\0\0\x02\0\0\0\0\0\0\x01\x02\0\0\0\x02hi");
    }

    #[test]
    fn what_is_too_long_or_unknown_is_refused_by_its_head_alone() {
        let long = Frame { content: vec![0; LONGEST + 1], ..Frame::of(FrameKind::Output) };
        assert_eq!(long.encode(&mut Vec::new()), Err(FrameError::Length(LONGEST + 1)));
        let whole = Frame { content: vec![7; LONGEST], ..long };
        let mut decoder = Decoder::default();
        decoder.feed(&bytes(std::slice::from_ref(&whole)));
        assert_eq!(decoder.take(), Ok(Some(whole)));
        decoder.feed(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
        assert_eq!(decoder.take(), Err(FrameError::Length(LONGEST + 1)));
        decoder = Decoder::default();
        decoder.feed(&[0; HEAD]);
        assert_eq!(decoder.take(), Err(FrameError::Kind(0)));
    }

    #[test]
    fn contents_are_read_as_their_kinds_have_them() {
        let ended = TaskEnded { exit: ExitCode { code: 3, signal: 0 }, core: false, out_of_memory: true };
        let frame = Frame { task: 5, ..Frame::of(FrameKind::Ended).with(&ended) };
        assert_eq!((frame.value(), frame.value::<NodeStarted>().is_err()), (Ok(ended), true));
        let size = TerminalSize { rows: 24, columns: 300 };
        assert_eq!((Frame::resize(size).size(), Frame::of(FrameKind::Resize).size().is_err()), (Ok(size), true));
        let had = Frame::acknowledged(FrameKind::Errors, 1, 9);
        assert_eq!((had.about(), had.task, had.place), (Ok(FrameKind::Errors), 1, 9));
        assert_eq!((Frame::of(FrameKind::Again).about().is_err(), Frame::of(FrameKind::Bye).task), (true, ALL));
    }
}
