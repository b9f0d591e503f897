//! When requests arrived, by the kernel's own stamp.
//!
//! A server that is kept from its core reads late. Were its own clock asked then, the wait would be missing from
//! what it says that the answer took, and a load generator that saw all of it would look wrong.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;

use nix::cmsg_space;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

const SECOND_NS: i64 = 1_000_000_000;
/// The clocks are read so often, to find one reading during which nothing came in between.
const READINGS: usize = 100;

/// Reads sockets together with the times at which the bytes had come.
pub(crate) struct Arrivals {
    /// CLOCK_MONOTONIC − CLOCK_REALTIME: the kernel stamps with the latter. A step of it would show as an
    /// arrival in the future, or as an error that no request can have.
    offset_ns: i64,
    control: Vec<u8>,
}

impl Arrivals {
    pub fn new() -> Self {
        Self { offset_ns: offset_ns(), control: cmsg_space!(TimeSpec) }
    }

    /// Has the kernel stamp what comes to the sockets that `listener` accepts. They inherit it, so that what came
    /// before they were accepted is stamped too.
    pub fn watch(&self, listener: &OwnedFd) -> Result<(), Errno> {
        setsockopt(listener, ReceiveTimestampns, &true).map_err(rustix_errno)
    }

    /// Reads as `read` does. `arrived_ns` becomes the time at which the last byte read had come; CLOCK_MONOTONIC.
    pub fn read(&mut self, socket: &OwnedFd, into: &mut [u8], arrived_ns: &mut i64) -> Result<usize, Errno> {
        let mut parts = [IoSliceMut::new(into)];
        let message =
            recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut self.control), MsgFlags::empty())
                .map_err(rustix_errno)?;
        let now_ns = now_ns();
        let stamp = message.cmsgs().map_err(rustix_errno)?.find_map(|control| match control {
            ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp.tv_sec() * SECOND_NS + stamp.tv_nsec()),
            _ => None,
        });
        *arrived_ns = stamp.map_or(now_ns, |stamp_ns| now_ns.min(stamp_ns + self.offset_ns));
        Ok(message.bytes)
    }
}

/// CLOCK_MONOTONIC, in ns.
pub(crate) fn now_ns() -> i64 {
    clock_ns(ClockId::Monotonic)
}

fn clock_ns(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * SECOND_NS + time.tv_nsec
}

/// From the reading that took least; half of that is how wrong it can be.
fn offset_ns() -> i64 {
    let readings = (0..READINGS).map(|_| {
        let before_ns = now_ns();
        let real_ns = clock_ns(ClockId::Realtime);
        let took_ns = now_ns() - before_ns;
        (took_ns, before_ns + took_ns / 2 - real_ns)
    });
    readings.min().map_or(0, |(_, offset_ns)| offset_ns)
}

fn rustix_errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}
