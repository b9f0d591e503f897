//! A thread's connections, opened before the trial's clock starts.

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use crate::arrival::Inbox;
use crate::clock::{SECOND_NS, now_ns, signed};
use crate::config::Config;
use crate::connection::{Connection, Phase, slot_of};
use crate::control::{Control, STOP_POLL_NS};
use crate::corpus::Corpus;
use crate::outcome::Work;
use crate::poller::{Events, Poller, Until};
use crate::schedule::Schedule;

/// Read buffer of a thread.
const INBOX_BYTES: usize = 65_536;
/// Longest time for the connections that are opened before the start.
const LONGEST_CONNECT_NS: i64 = 5 * SECOND_NS;

/// So many connections of all threads are opened at once, and those after them one by one: many servers let only some 100 wait to be
/// accepted, and one that finds that queue full is tried again by the kernel a second later.
const AT_ONCE: usize = 64;
/// From one to the next; less where there are so many that it would take longer than `LONGEST_PACED_NS`.
const PACE_NS: i64 = 300_000;
const LONGEST_PACED_NS: i64 = SECOND_NS;

/// What every thread of a trial shares.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'a> {
    pub config: &'a Config,
    pub corpus: &'a Corpus,
    pub schedule: &'a Schedule,
    pub control: &'a Control,
}

/// A thread's connections and poller, ready before the start.
pub(crate) struct Crew<'a> {
    pub trial: Trial<'a>,
    pub thread: usize,
    pub poller: Poller,
    pub connections: Vec<Connection>,
    pub work: Work,
    pub inbox: Inbox,
}

impl<'a> Crew<'a> {
    pub fn new(trial: Trial<'a>, thread: usize) -> Result<Self, Errno> {
        let Config { threads, spin_ns, busy_poll, limits, .. } = trial.config;
        let total = trial.schedule.connections() as usize;
        let mine = (total + threads - 1 - thread) / threads;
        let slots = 0..u32::try_from(mine).unwrap_or(u32::MAX);
        Ok(Self {
            trial,
            thread,
            poller: Poller::new(signed(*spin_ns), *busy_poll)?,
            connections: slots.map(|slot| Connection::new(slot, limits)).collect(),
            work: Work::default(),
            inbox: Inbox::new(INBOX_BYTES),
        })
    }

    /// Opens all connections. One that fails is tried again when a request needs it.
    pub fn connect(&mut self) -> Result<(), Errno> {
        let (mut begun, mut pending) = (0, 0);
        let mut events = Events::new();
        let mut now = now_ns();
        let (began_ns, pace_ns) = (now, self.pace_ns());
        let at_once = AT_ONCE / self.trial.config.threads;
        let due_ns = |number: usize| began_ns + pace_ns * signed((number + 1).saturating_sub(at_once) as u64);
        let patience_ns = signed(self.trial.config.timeout_ns).min(LONGEST_CONNECT_NS);
        let until_ns = due_ns(self.connections.len()) + patience_ns;
        while now < until_ns && !self.trial.control.is_stopped() {
            while begun < self.connections.len() && due_ns(begun) <= now {
                let connection = &mut self.connections[begun];
                // A failure here shows again, as a sample, when a request needs the connection.
                let _ = connection.open(&self.trial.config.address, &self.poller, &mut self.work);
                pending += usize::from(connection.phase == Phase::Connecting);
                begun += 1;
            }
            let more_ns = (begun < self.connections.len()).then(|| due_ns(begun));
            if pending == 0 && more_ns.is_none() {
                break;
            }
            let wake_ns = more_ns.unwrap_or(until_ns).min(now + STOP_POLL_NS);
            self.poller.wait(&mut events, Until { wake_ns, due_ns: None, expects_answers: false }, now)?;
            for (token, flags) in events.iter() {
                let connection = &mut self.connections[slot_of(token)];
                if connection.token() != token {
                    continue;
                }
                pending -= usize::from(connection.phase == Phase::Connecting);
                // Readable before any request: refused, closed again, or bytes that nobody asked for.
                let usable = flags == EventFlags::OUT && connection.phase != Phase::Closed;
                connection.settle(usable);
            }
            now = now_ns();
        }
        for connection in &mut self.connections {
            if connection.phase == Phase::Connecting {
                connection.close();
            }
        }
        Ok(())
    }

    /// From one opening of this thread to the next, so that those of all threads keep the pace.
    fn pace_ns(&self) -> i64 {
        let threads = signed(self.trial.config.threads as u64);
        let each_ns = LONGEST_PACED_NS / signed(self.connections.len().max(1) as u64);
        (PACE_NS * threads).min(each_ns)
    }
}
