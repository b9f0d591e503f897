//! One thread's event loop.

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use crate::arrival::Inbox;
use crate::bodies::BodyStore;
use crate::clock::{now_ns, signed, thread_cpu_ns, thread_waited_ns};
use crate::config::Config;
use crate::connection::{Answer, Connection, Phase, slot_of};
use crate::control::{Progress, STOP_POLL_NS};
use crate::crew::{Crew, Trial};
use crate::outcome::{Ending, Work};
use crate::pace::{Pace, Ticket};
use crate::poller::{Events, Poller, Until};
use crate::pool::Pool;
use crate::record::{Record, Sample};
use crate::schedule::Schedule;

/// What a thread leaves behind.
pub(crate) struct Share {
    pub record: Record,
    pub work: Work,
    pub span: Span,
}

/// When a thread's part ended.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub sending_ended_ns: i64,
    pub finished_ns: i64,
    pub interrupted: bool,
}

/// Carries out a thread's share of the trial.
pub(crate) struct Worker<'a> {
    trial: Trial<'a>,
    thread: usize,
    timeout_ns: i64,
    pace: Pace<'a>,
    poller: Poller,
    connections: Vec<Connection>,
    pool: Pool,
    /// Connections with a request under way.
    busy: usize,
    /// No request under way is overdue before this.
    sweep_ns: i64,
    record: Record,
    progress: Progress,
    work: Work,
    inbox: Inbox,
    start_ns: i64,
}

impl<'a> Worker<'a> {
    pub fn new(crew: Crew<'a>, start_ns: i64) -> Self {
        let Crew { trial, thread, poller, connections, work, inbox } = crew;
        let Config { threads, limits, timeout_ns, .. } = trial.config;
        let store =
            BodyStore::new(limits.kept_bodies.div_ceil(*threads), limits.kept_bytes.div_ceil(*threads));
        let mut pool = Pool::default();
        for connection in &connections {
            if connection.phase == Phase::Idle {
                pool.add_idle(connection.slot());
            } else {
                pool.add_closed(connection.slot());
            }
        }
        Self {
            trial,
            thread,
            timeout_ns: signed(*timeout_ns),
            pace: Pace::new(trial.schedule, thread, *threads, start_ns),
            poller,
            connections,
            pool,
            busy: 0,
            sweep_ns: start_ns,
            record: Record::new(start_ns, store),
            progress: Progress::default(),
            work,
            inbox,
            start_ns,
        }
    }

    pub fn run(mut self) -> Result<Share, Errno> {
        let (cpu_before_ns, waited_before_ns) = (thread_cpu_ns(), thread_waited_ns());
        let span = self.turn()?;
        let cpu_ns = thread_cpu_ns() - cpu_before_ns;
        let waited_ns = thread_waited_ns().zip(waited_before_ns).map(|(after, before)| after - before);
        self.give_up(span.finished_ns);
        self.trial.control.add(&mut self.progress);
        let work = Work {
            elapsed_ns: span.finished_ns - self.start_ns,
            cpu_ns,
            spin_ns: self.poller.spin_ns,
            busy_ns: (cpu_ns - self.poller.spin_ns).max(0),
            waited_ns,
            waits: self.poller.waits,
            ..self.work
        };
        Ok(Share { record: self.record, work, span })
    }

    /// The loop, until everything is sent and answered, or time or patience is over.
    fn turn(&mut self) -> Result<Span, Errno> {
        let mut events = Events::new();
        let mut sending_ended_ns = None;
        loop {
            let now_ns = now_ns().max(self.start_ns); // a stop may come before the start
            if self.trial.control.is_stopped() {
                let sending_ended_ns = sending_ended_ns.unwrap_or(now_ns);
                return Ok(Span { sending_ended_ns, finished_ns: now_ns, interrupted: true });
            }
            if sending_ended_ns.is_none() && (self.pace.is_exhausted() || now_ns >= self.pace.end_ns()) {
                sending_ended_ns = Some(now_ns.min(self.pace.end_ns()));
            }
            self.sweep(now_ns);
            let mut until = Until { wake_ns: now_ns + STOP_POLL_NS, due_ns: None, expects_answers: false };
            if let Some(sending_ended_ns) = sending_ended_ns {
                let patience_ns = sending_ended_ns.saturating_add(signed(self.trial.config.grace_ns));
                if self.busy == 0 || now_ns >= patience_ns {
                    return Ok(Span { sending_ended_ns, finished_ns: now_ns, interrupted: false });
                }
                until.wake_ns = until.wake_ns.min(patience_ns);
            } else {
                self.pool.wake(now_ns);
                self.dispatch();
                until.wake_ns = until.wake_ns.min(self.pace.end_ns());
                if let Some(rested_ns) = self.pool.next_rested_ns() {
                    until.wake_ns = until.wake_ns.min(rested_ns);
                }
                if self.pool.has_any() {
                    until.due_ns = self.pace.next_due_ns();
                }
            }
            if self.busy > 0 {
                until.expects_answers = true;
                until.wake_ns = until.wake_ns.min(self.sweep_ns);
            }
            self.trial.control.add(&mut self.progress);
            self.wait(&mut events, until)?;
        }
    }

    fn wait(&mut self, events: &mut Events, until: Until) -> Result<(), Errno> {
        self.poller.wait(events, until, now_ns())?;
        for (token, flags) in events.iter() {
            let slot = slot_of(token);
            // An event of a socket that was closed since the kernel reported it says nothing about its successor.
            if self.connections[slot].token() == token {
                self.react(slot, flags);
                // A request that became due while events were worked off does not wait for the rest of them. In a
                // closed loop it does: sending takes as long as several answers take to read, and would make them
                // look late.
                if matches!(self.trial.schedule, Schedule::Open(_)) {
                    self.dispatch();
                }
            }
        }
        Ok(())
    }

    /// Sends the requests whose turn has come, as far as connections are free, and at most one on each, so that
    /// the loop turns even when every one of them fails at once.
    fn dispatch(&mut self) {
        for _ in 0..self.connections.len() {
            let is_idle = |slot: u32| self.connections[slot as usize].phase == Phase::Idle;
            let Some(slot) = self.pool.take(is_idle) else {
                return;
            };
            let now_ns = now_ns();
            let Some(ticket) = self.pace.take(now_ns) else {
                return self.pool.put_back(slot, is_idle(slot));
            };
            self.send(slot as usize, ticket, now_ns);
        }
    }

    fn send(&mut self, slot: usize, ticket: Ticket, now_ns: i64) {
        if self.busy == 0 {
            self.sweep_ns = now_ns.saturating_add(self.timeout_ns);
        }
        self.busy += 1;
        self.progress.sent += 1;
        let connection = &mut self.connections[slot];
        let opened = match connection.phase {
            Phase::Closed => connection.open(&self.trial.config.address, &self.poller, &mut self.work),
            _ => Ok(()),
        };
        let is_head = self.trial.corpus.traits(ticket.request).is_head;
        connection.begin(ticket, now_ns, self.timeout_ns, is_head);
        match opened {
            Ok(()) => self.write(slot),
            Err(ending) => self.fail(slot, ending),
        }
    }

    fn write(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        let request = self.trial.corpus.request(connection.ticket.request);
        match connection.write(request, &self.poller, &mut self.work) {
            Ok(()) => {}
            Err(Ending::Reset) => {
                // A server may answer and close before it has taken the whole request: its answer counts.
                self.read(slot, true);
                if self.connections[slot].phase == Phase::Busy {
                    self.fail(slot, Ending::Reset);
                }
            }
            Err(ending) => self.fail(slot, ending),
        }
    }

    /// Acts on what epoll reported for a connection.
    fn react(&mut self, slot: usize, flags: EventFlags) {
        let hung_up = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        let readable = hung_up || flags.contains(EventFlags::IN);
        let connection = &mut self.connections[slot];
        match connection.phase {
            Phase::Busy => {
                if !connection.is_written() && flags.contains(EventFlags::OUT) {
                    self.write(slot);
                }
                if readable && self.connections[slot].phase == Phase::Busy {
                    self.read(slot, hung_up);
                }
            }
            Phase::Idle if readable => {
                if let Some(has_bytes) = connection.read_unexpected(&mut self.inbox, &mut self.work) {
                    self.work.unsolicited += u64::from(has_bytes);
                    self.close(slot);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, slot: usize, hung_up: bool) {
        match self.connections[slot].read(&mut self.inbox, hung_up, &mut self.work) {
            // Whatever kept the engine from noticing: what came in time was in time, and no other was.
            Ok(Some(answer)) if answer.done_ns > self.connections[slot].deadline_ns => {
                self.fail(slot, Ending::TimedOut);
            }
            Ok(Some(answer)) => self.finish(slot, &answer, hung_up),
            Ok(None) => {}
            Err(ending) => self.fail(slot, ending),
        }
    }

    fn finish(&mut self, slot: usize, answer: &Answer, hung_up: bool) {
        let connection = &mut self.connections[slot];
        let response = &answer.response;
        let body = self.record.bodies.intern(connection.body(answer, &self.inbox));
        let is_excessive = response.excess_bytes > 0;
        let reusable = response.keep_alive
            && !is_excessive
            && !hung_up
            && connection.is_written()
            && !self.trial.config.reconnect_each
            && !self.trial.corpus.traits(connection.ticket.request).closes;
        connection.failed_connects = 0;
        self.work.unread_ns += answer.unread_ns;
        self.record.push(&Sample {
            done_ns: Some(answer.done_ns),
            status: Some(response.status),
            body: Some(body),
            ..connection.sample(
                if is_excessive { Ending::Excess } else { Ending::Answered },
                self.thread,
                self.trial.config.threads,
            )
        });
        self.busy -= 1;
        self.progress.answered += u64::from(!is_excessive);
        self.progress.failed += u64::from(is_excessive);
        if reusable {
            connection.phase = Phase::Idle;
            self.pool.add_idle(connection.slot());
        } else {
            self.close(slot);
        }
    }

    fn fail(&mut self, slot: usize, ending: Ending) {
        let now_ns = now_ns();
        self.record_failure(slot, ending, now_ns);
        let is_connect = matches!(ending, Ending::Connect | Ending::OutOfFiles | Ending::OutOfPorts);
        if is_connect && matches!(self.trial.schedule, Schedule::Closed(_)) {
            let connection = &mut self.connections[slot];
            connection.close();
            connection.failed_connects += 1;
            self.pool.add_resting(connection.slot(), connection.failed_connects, now_ns);
        } else {
            self.close(slot);
        }
    }

    fn record_failure(&mut self, slot: usize, ending: Ending, now_ns: i64) {
        let sample = self.connections[slot].sample(ending, self.thread, self.trial.config.threads);
        self.record.push(&Sample { done_ns: Some(now_ns), ..sample });
        self.busy -= 1;
        self.progress.failed += 1;
    }

    fn close(&mut self, slot: usize) {
        self.connections[slot].close();
        self.pool.add_closed(self.connections[slot].slot());
    }

    /// Fails what is overdue. The timeout is the same for all, so whatever is sent after a sweep is due after
    /// everything that the sweep saw, and the earliest deadline seen says when the next sweep is needed.
    fn sweep(&mut self, now_ns: i64) {
        if self.busy == 0 || now_ns < self.sweep_ns {
            return;
        }
        self.sweep_ns = now_ns.saturating_add(self.timeout_ns);
        for slot in 0..self.connections.len() {
            let connection = &self.connections[slot];
            if connection.phase != Phase::Busy {
                continue;
            }
            if connection.deadline_ns > now_ns {
                self.sweep_ns = self.sweep_ns.min(connection.deadline_ns);
            } else if let Some(ending) = self.end_of_patience(slot, Ending::TimedOut) {
                self.fail(slot, ending);
            }
        }
    }

    /// What a request that is under way ends with when it is waited for no longer: nothing, if its answer lay in the
    /// socket, and no connection, if there never was one.
    fn end_of_patience(&mut self, slot: usize, ending: Ending) -> Option<Ending> {
        if !self.connections[slot].is_established() {
            return Some(Ending::Connect);
        }
        self.read(slot, false);
        (self.connections[slot].phase == Phase::Busy).then_some(ending)
    }

    /// Records what is still under way and what was never sent.
    fn give_up(&mut self, now_ns: i64) {
        for slot in 0..self.connections.len() {
            if self.connections[slot].phase != Phase::Busy {
                continue;
            }
            if let Some(ending) = self.end_of_patience(slot, Ending::Unanswered) {
                self.record_failure(slot, ending, now_ns);
                self.connections[slot].close();
            }
        }
        while let Some(ticket) = self.pace.take_unsent() {
            self.record.push(&Sample::unsent(ticket));
        }
    }
}
