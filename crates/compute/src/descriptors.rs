//! Open files that go from one process to another over a socket (unix(7), `SCM_RIGHTS`): a supervisor gives a launcher the ends of
//! pipes and terminals.

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// No more go at once.
pub const MOST: usize = 4;

/// Sends them, with one byte, which comes first on the other side. Refuses more than [`MOST`].
pub fn give(socket: impl AsFd, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(b"\n")], &mut control, SendFlags::empty())?;
    Ok(())
}

/// Takes the first byte of a socket, and what was given with it. They end when a program is started.
pub fn take(socket: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            files.extend(given);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write, pipe};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_given_is_open_on_the_other_side_and_the_rest_of_the_stream_follows() {
        let ((mut ours, mut theirs), (mut reader, writer)) = (UnixStream::pair().unwrap(), pipe().unwrap());
        give(&ours, &[writer.as_fd()]).unwrap();
        ours.write_all(b"task").unwrap();
        drop((ours, writer));
        let given = take(&theirs).unwrap();
        assert_eq!(given.len(), 1);
        File::from(given.into_iter().next().unwrap()).write_all(b"hello").unwrap();
        let (mut through, mut rest) = (String::new(), String::new());
        reader.read_to_string(&mut through).unwrap();
        theirs.read_to_string(&mut rest).unwrap();
        assert_eq!((through.as_str(), rest.as_str()), ("hello", "task"));
        assert!(take(&theirs).is_err());
    }
}
