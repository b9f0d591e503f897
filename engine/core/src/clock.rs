//! The one clock: CLOCK_MONOTONIC in integer nanoseconds.

use rustix::io::Errno;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds in a second.
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// CLOCK_MONOTONIC now. Signed, so that differences need no care; it lasts for 292 years of uptime.
#[inline]
pub fn now_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// The clock that the kernel stamps with, which may be set at any time: for differences over a moment only.
#[inline]
pub(crate) fn real_now_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// CPU time that the calling thread has used, in user and kernel mode.
pub(crate) fn thread_cpu_ns() -> i64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// How long the calling thread has been ready to run while something else had its core, in ns; `None` where the
/// kernel keeps no such account. It is the second figure of schedstat, see the kernel's `sched-stats.rst`.
pub(crate) fn thread_waited_ns() -> Option<i64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// A relative time for the kernel; negative ones are none at all.
pub(crate) fn timespec(duration_ns: i64) -> Timespec {
    let duration_ns = duration_ns.max(0);
    Timespec { tv_sec: duration_ns / SECOND_NS, tv_nsec: duration_ns % SECOND_NS }
}

/// A duration as a difference of times.
pub(crate) fn signed(duration_ns: u64) -> i64 {
    i64::try_from(duration_ns).unwrap_or(i64::MAX)
}

#[inline]
fn nanoseconds(time: Timespec) -> i64 {
    time.tv_sec * SECOND_NS + time.tv_nsec
}

/// Sleeps until a time on the clock.
pub(crate) fn sleep_until(time_ns: i64) {
    while rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &timespec(time_ns)) == Err(Errno::INTR)
    {
    }
}
