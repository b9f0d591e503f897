//! Waiting for sockets and for due times, to better than a millisecond.

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;

use crate::clock::{now_ns, timespec};

/// Events taken from the kernel at once.
const EVENTS: usize = 256;

/// How long to wait when nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Until {
    /// Wake at this time, asleep until then.
    pub wake_ns: i64,
    /// Wake at this time, precisely: the last stretch before it is spent polling.
    pub due_ns: Option<i64>,
    /// Whether requests are under way. Their answers are awaited by polling before falling asleep, because
    /// falling asleep and being woken costs about as much as that, and delays an answer that comes soon.
    pub expects_answers: bool,
}

/// Room for what one wait reports. Stays in its thread, unlike the poller.
pub(crate) struct Events(Vec<Event>);

impl Events {
    pub fn new() -> Self {
        Self(Vec::with_capacity(EVENTS))
    }

    /// Token and flags of each event, copied out because the kernel's struct is packed.
    pub fn iter(&self) -> impl Iterator<Item = (u64, EventFlags)> {
        self.0.iter().map(|event| (event.data.u64(), event.flags))
    }
}

/// A loop that always has something to poll for still sleeps now and then, at most so long at once. What else wants the
/// core gets it then; and with real-time priority the kernel would take it away for 50 ms in every second that knows
/// less sleep than that.
const NAP_NS: i64 = 70_000;
/// How long it may be awake for each time unit of sleep: 1/16 of the time is slept, if not busy.
const AWAKE_PER_SLEEP: i64 = 15;
/// How much of that can be saved up: whoever waited for longer takes longer.
const LONGEST_AWAKE_NS: i64 = 2_000_000;

/// An epoll instance and the time it spent spinning.
pub(crate) struct Poller {
    epoll: OwnedFd,
    longest_spin_ns: i64,
    busy_poll: bool,
    /// When it has been awake long enough.
    tired_ns: i64,
    pub spin_ns: i64,
    pub waits: u64,
}

impl Poller {
    /// `busy_poll`: never sleep. Otherwise up to `longest_spin_ns` are spent polling before
    /// a due time and before falling asleep with answers expected.
    pub fn new(longest_spin_ns: i64, busy_poll: bool) -> Result<Self, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, longest_spin_ns, busy_poll, tired_ns: 0, spin_ns: 0, waits: 0 })
    }

    /// Watches `socket`, edge-triggered, under the number `token`.
    pub fn watch(&self, socket: impl AsFd, token: u64, for_writing: bool) -> Result<(), Errno> {
        epoll::add(&self.epoll, socket, EventData::new_u64(token), flags(for_writing))
    }

    /// Also watches a socket for writing that so far was watched for reading only.
    pub fn watch_writing(&self, socket: impl AsFd, token: u64) -> Result<(), Errno> {
        epoll::modify(&self.epoll, socket, EventData::new_u64(token), flags(true))
    }

    /// Waits for events; there may be none when this returns.
    pub fn wait(&mut self, events: &mut Events, until: Until, now_ns: i64) -> Result<(), Errno> {
        let until_ns = until.due_ns.unwrap_or(i64::MAX).min(until.wake_ns);
        let asleep_until_ns = match until.due_ns {
            Some(due_ns) if due_ns == until_ns => due_ns - self.longest_spin_ns,
            _ => until_ns,
        };
        if self.busy_poll || asleep_until_ns <= now_ns {
            return self.spin(events, until_ns, now_ns).map(drop);
        }
        let mut now_ns = now_ns;
        if until.expects_answers {
            now_ns = self.spin(events, asleep_until_ns.min(now_ns + self.longest_spin_ns), now_ns)?;
            if !events.0.is_empty() {
                return Ok(());
            }
        }
        self.sleep(events, asleep_until_ns - now_ns, now_ns).map(drop)
    }

    /// Polls until there are events or `until_ns` is reached, at least once; gives the time then. What counts as
    /// spinning is all but naps and the poll that found events, which would have been needed anyway.
    fn spin(&mut self, events: &mut Events, until_ns: i64, began_ns: i64) -> Result<i64, Errno> {
        let mut polled_ns = began_ns;
        loop {
            let naps = !self.busy_poll && polled_ns > self.tired_ns && until_ns - polled_ns > 2 * NAP_NS;
            let now_ns = if naps {
                self.sleep(events, NAP_NS, polled_ns)?
            } else {
                self.poll(events, 0)?;
                now_ns()
            };
            let found = !events.0.is_empty();
            if !found && !naps {
                self.spin_ns += now_ns - polled_ns;
            }
            if found || now_ns >= until_ns {
                return Ok(now_ns);
            }
            polled_ns = now_ns;
        }
    }

    /// Sleeps until there are events, at most so long; gives the time then.
    fn sleep(&mut self, events: &mut Events, timeout_ns: i64, began_ns: i64) -> Result<i64, Errno> {
        self.poll(events, timeout_ns)?;
        let now_ns = now_ns();
        let earned_ns = (now_ns - began_ns).saturating_mul(1 + AWAKE_PER_SLEEP);
        self.tired_ns = self.tired_ns.max(began_ns).saturating_add(earned_ns).min(now_ns + LONGEST_AWAKE_NS);
        Ok(now_ns)
    }

    fn poll(&mut self, events: &mut Events, timeout_ns: i64) -> Result<(), Errno> {
        events.0.clear();
        self.waits += 1;
        match epoll::wait(&self.epoll, spare_capacity(&mut events.0), Some(&timespec(timeout_ns))) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

fn flags(for_writing: bool) -> EventFlags {
    let reading = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
    if for_writing { reading | EventFlags::OUT } else { reading }
}
