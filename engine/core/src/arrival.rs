//! When bytes arrived, by the kernel's own stamp.
//!
//! Whoever is kept from its core, by the kernel's own threads or by the host of a virtual machine, reads late. Were its
//! own clock asked only then, the engine would charge its wait to the server, and a server that measures itself would
//! leave its own out.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};

use crate::clock::{SECOND_NS, now_ns, real_now_ns};

/// Bytes that were read, and when.
#[derive(Clone, Copy)]
pub struct Piece {
    /// How many; 0: the peer will send no more.
    pub filled: usize,
    /// When the last of them had come. No later than [`Self::read_ns`], which it is where the kernel does not tell.
    pub arrived_ns: i64,
    /// When the reader had them.
    pub read_ns: i64,
}

/// A thread's room for what it reads.
pub struct Inbox {
    /// What was read last, from the start.
    pub bytes: Vec<u8>,
    control: Vec<u8>,
}

impl Inbox {
    /// Room for so many bytes at once.
    pub fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], control: cmsg_space!(TimeSpec) }
    }

    /// Reads as much as there is and there is room for.
    ///
    /// # Errors
    /// As of the system call `recvmsg`.
    pub fn receive(&mut self, from: &OwnedFd) -> Result<Piece, Errno> {
        let mut parts = [IoSliceMut::new(&mut self.bytes)];
        let message = recvmsg::<()>(from.as_raw_fd(), &mut parts, Some(&mut self.control), MsgFlags::empty())
            .map_err(rustix_errno)?;
        // The stamp is by the clock that can be set. How long ago it was is therefore asked of that clock, at once, and
        // only this difference is taken over.
        let real_ns = real_now_ns();
        let read_ns = now_ns();
        let waited_ns = message.cmsgs().ok().and_then(|mut messages| {
            messages.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    Some(real_ns - (stamp.tv_sec() * SECOND_NS + stamp.tv_nsec()))
                }
                _ => None,
            })
        });
        let arrived_ns = read_ns - waited_ns.unwrap_or(0).max(0);
        Ok(Piece { filled: message.bytes, arrived_ns, read_ns })
    }
}

/// Has the kernel stamp what comes to `socket`, and to the sockets that it accepts if it is a listener.
///
/// # Errors
/// Where the kernel cannot; then what comes counts as arrived when it is read.
pub fn stamp(socket: impl AsFd) -> Result<(), Errno> {
    setsockopt(&socket, ReceiveTimestampns, &true).map_err(rustix_errno)
}

/// While this lives, the kernel stamps. It begins to a moment after the first socket asks for it, and stops with the last.
pub struct Stamping(#[allow(dead_code, reason = "what counts is that it is open")] Option<OwnedFd>);

impl Stamping {
    /// From now on, if the kernel can.
    pub fn begin() -> Self {
        Self(socket(AddressFamily::INET, SocketType::DGRAM, None).ok().filter(|held| stamp(held).is_ok()))
    }
}

fn rustix_errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    const WAIT: Duration = Duration::from_millis(50);

    #[test]
    fn bytes_that_lay_in_the_socket_arrived_when_they_came() {
        let _stamping = Stamping::begin();
        sleep(WAIT); // the kernel has begun to stamp
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let receiver: OwnedFd = listener.accept().unwrap().0.into();
        stamp(&receiver).unwrap();
        let before_ns = now_ns();
        sender.write_all(b"bytes").unwrap();
        let after_ns = now_ns();
        sleep(WAIT);
        let mut inbox = Inbox::new(100);
        let piece = inbox.receive(&receiver).unwrap();
        assert_eq!(&inbox.bytes[..piece.filled], b"bytes");
        // Two clocks are read, so that a little may be between them.
        assert!(piece.arrived_ns >= before_ns - 10_000, "{} {before_ns}", piece.arrived_ns);
        assert!(piece.arrived_ns < piece.read_ns - 40_000_000, "{} {after_ns}", piece.arrived_ns);
        drop(sender);
        assert_eq!(inbox.receive(&receiver).unwrap().filled, 0);
    }

    #[test]
    fn without_a_stamp_bytes_arrived_when_they_were_read() {
        let (mut sender, receiver) = UnixStream::pair().unwrap();
        sender.write_all(b"bytes").unwrap();
        let piece = Inbox::new(100).receive(&receiver.into()).unwrap();
        assert_eq!((piece.filled, piece.arrived_ns), (5, piece.read_ns));
    }
}
