//! The event loop: one thread, no allocation per request but the record's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, accept_with, bind, getsockname, ipproto, listen, send,
    socket_with, sockopt,
};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::Timespec;
use servemark_engine::arrival::{Inbox, stamp};
use servemark_engine::now_ns;

use crate::delay::Delay;
use crate::options::Options;
use crate::record::{Entry, Record};
use crate::request::{Persistence, frame};

/// An answer that is due within this is awaited by polling.
const SPIN_NS: i64 = 200_000;
/// Longest sleep: how soon a signal is noticed that came just before falling asleep.
const STOP_POLL_NS: i64 = 50_000_000;
const LISTENER: u64 = u64::MAX;
const INBOX_BYTES: usize = 65_536;
/// A request longer than this is dropped.
const MAX_REQUEST_BYTES: usize = 16 << 20;

struct Peer {
    socket: OwnedFd,
    /// What has come of a request that is not complete, or of one that came before its turn.
    buffer: Vec<u8>,
    /// What the answer under way says; `None` when none is.
    answering: Option<Persistence>,
    /// When the last of what was read had arrived.
    arrived_ns: i64,
}

/// An answer that is under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    due_ns: i64,
    arrival_ns: i64,
    delay_ns: i64,
    token: u64,
}

/// The server, listening.
pub struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    address: SocketAddr,
    /// By slot; each with the generation that makes its token unique.
    peers: Vec<(u32, Option<Peer>)>,
    free: Vec<usize>,
    pending: BinaryHeap<Reverse<Pending>>,
    answers: Answers,
    delay: Delay,
    rng: StdRng,
    stall: Option<(i64, i64)>,
    first_arrival_ns: Option<i64>,
    /// The light server keeps no times.
    is_light: bool,
    busy_poll: bool,
    record: Record,
}

impl Server {
    /// Pins the thread and listens.
    pub fn new(options: &Options) -> io::Result<Self> {
        settle(options.core)?;
        let is_light = options.delay == Delay::None && options.record.is_none() && options.stall.is_none();
        let listener = listen_at(options.listen)?;
        let address = SocketAddr::try_from(getsockname(&listener)?)?;
        if !is_light {
            stamp(&listener)?;
        }
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self {
            epoll,
            listener,
            address,
            peers: Vec::new(),
            free: Vec::new(),
            pending: BinaryHeap::new(),
            answers: Answers::new(),
            delay: options.delay,
            rng: StdRng::seed_from_u64(options.seed),
            stall: options.stall,
            first_arrival_ns: None,
            is_light,
            busy_poll: options.busy_poll,
            record: Record::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its record so far.
    pub fn into_record(self) -> Record {
        self.record
    }

    /// Serves until `stop`.
    pub fn serve(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        let mut inbox = Inbox::new(INBOX_BYTES);
        while !stop.load(Ordering::Relaxed) {
            self.answer_due();
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&self.patience())) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    token => self.receive(token, &mut inbox),
                }
                // What fell due while events were worked off does not wait for the rest of them.
                if !self.is_light {
                    self.answer_due();
                }
            }
        }
        Ok(())
    }

    /// How long the next wait may be.
    fn patience(&self) -> Timespec {
        let patience_ns = match self.pending.peek() {
            _ if self.busy_poll => 0,
            Some(Reverse(next)) => (next.due_ns - now_ns() - SPIN_NS).clamp(0, STOP_POLL_NS),
            None => STOP_POLL_NS,
        };
        Timespec { tv_sec: 0, tv_nsec: patience_ns }
    }

    fn accept(&mut self) {
        // Until there is no more to accept, or nothing to accept it with: then level triggering tries again.
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.peers.push((0, None));
                self.peers.len() - 1
            });
            let (generation, peer) = &mut self.peers[slot];
            *generation += 1;
            let token = u64::from(*generation) << 32 | slot as u64;
            let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
            let watched = sockopt::set_tcp_nodelay(&socket, true)
                .and_then(|()| epoll::add(&self.epoll, &socket, EventData::new_u64(token), flags));
            if watched.is_ok() {
                *peer = Some(Peer { socket, buffer: Vec::new(), answering: None, arrived_ns: 0 });
            } else {
                self.free.push(slot);
            }
        }
    }

    fn peer(&mut self, token: u64) -> Option<&mut Peer> {
        let (generation, peer) = self.peers.get_mut(slot_of(token))?;
        if u64::from(*generation) == token >> 32 { peer.as_mut() } else { None }
    }

    fn drop_peer(&mut self, token: u64) {
        if self.peer(token).is_some() {
            self.peers[slot_of(token)].1 = None;
            self.free.push(slot_of(token));
        }
    }

    fn receive(&mut self, token: u64, inbox: &mut Inbox) {
        loop {
            let is_light = self.is_light;
            let Some(peer) = self.peer(token) else { return };
            let read = if is_light {
                rustix::io::read(&peer.socket, &mut inbox.bytes[..])
            } else {
                inbox.receive(&peer.socket).map(|piece| {
                    peer.arrived_ns = piece.arrived_ns;
                    piece.filled
                })
            };
            let filled = match read {
                Ok(0) => return self.drop_peer(token),
                Ok(filled) => filled,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return self.drop_peer(token),
            };
            if peer.buffer.is_empty() && peer.answering.is_none() {
                let used = self.take_request(token, &inbox.bytes[..filled]);
                if let Some(peer) = self.peer(token).filter(|_| used < filled) {
                    peer.buffer.extend_from_slice(&inbox.bytes[used..filled]);
                    if used > 0 {
                        self.take_buffered(token);
                    }
                }
            } else {
                peer.buffer.extend_from_slice(&inbox.bytes[..filled]);
                self.take_buffered(token);
            }
            if filled < inbox.bytes.len() {
                return;
            }
        }
    }

    /// Takes up the request at the start of `input`, if it is complete; gives the bytes used.
    fn take_request(&mut self, token: u64, input: &[u8]) -> usize {
        match frame(input) {
            Ok(Some(framed)) => {
                if let Some(peer) = self.peer(token) {
                    peer.answering = Some(framed.persistence);
                }
                self.answer_later(token);
                framed.length_bytes
            }
            Ok(None) if input.len() <= MAX_REQUEST_BYTES => 0,
            _ => {
                self.record.dropped += 1;
                self.drop_peer(token);
                0
            }
        }
    }

    fn take_buffered(&mut self, token: u64) {
        while let Some(peer) = self.peer(token) {
            if peer.answering.is_some() || peer.buffer.is_empty() {
                return;
            }
            let buffer = std::mem::take(&mut peer.buffer);
            let used = self.take_request(token, &buffer);
            if let Some(peer) = self.peer(token) {
                peer.buffer.extend_from_slice(&buffer[used..]);
            }
            if used == 0 {
                return;
            }
        }
    }

    fn answer_later(&mut self, token: u64) {
        if self.is_light {
            return self.send_answer(token);
        }
        let Some(arrival_ns) = self.peer(token).map(|peer| peer.arrived_ns) else { return };
        let first_ns = *self.first_arrival_ns.get_or_insert(arrival_ns);
        let delay_ns = self.delay.draw(&mut self.rng);
        let mut due_ns = arrival_ns + delay_ns;
        if let Some((after_ns, for_ns)) = self.stall {
            let stall = first_ns + after_ns..first_ns + after_ns + for_ns;
            if stall.contains(&due_ns) {
                due_ns = stall.end;
            }
        }
        self.pending.push(Reverse(Pending { due_ns, arrival_ns, delay_ns, token }));
    }

    fn answer_due(&mut self) {
        while let Some(&Reverse(next)) = self.pending.peek() {
            let sent_ns = now_ns();
            if next.due_ns > sent_ns {
                return;
            }
            self.pending.pop();
            let Pending { due_ns, arrival_ns, delay_ns, token } = next;
            if self.peer(token).is_none() {
                continue;
            }
            self.record.entries.push(Entry { arrival_ns, delay_ns, due_ns, sent_ns });
            self.send_answer(token);
            self.take_buffered(token);
        }
    }

    fn send_answer(&mut self, token: u64) {
        let Some(persistence) = self.peer(token).and_then(|peer| peer.answering.take()) else {
            return;
        };
        let Some((_, Some(peer))) = self.peers.get(slot_of(token)) else {
            return;
        };
        let answer = self.answers.get(persistence);
        // An answer is far smaller than a socket's buffer; a peer that leaves no room for it has stopped reading.
        let sent = send(&peer.socket, answer, SendFlags::NOSIGNAL) == Ok(answer.len());
        self.record.answered += u64::from(sent);
        self.record.dropped += u64::from(!sent);
        if !sent || persistence == Persistence::Closes {
            self.drop_peer(token);
        }
    }
}

/// The answer, in each wording of persistence.
struct Answers {
    stays: Vec<u8>,
    stays_said: Vec<u8>,
    closes: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let with = |header: &str| {
            let body = r#"{"data": {"digit": 2, "probability": 0.1234567890}}"#;
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{header}Content-Length: {length}\r\n\r\n{body}")
                .into_bytes()
        };
        Self {
            stays: with(""),
            stays_said: with("Connection: keep-alive\r\n"),
            closes: with("Connection: close\r\n"),
        }
    }

    fn get(&self, persistence: Persistence) -> &[u8] {
        match persistence {
            Persistence::Stays => &self.stays,
            Persistence::StaysSaid => &self.stays_said,
            Persistence::Closes => &self.closes,
        }
    }
}

fn slot_of(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

fn settle(core: Option<usize>) -> io::Result<()> {
    // The kernel's default lets timers be 50 µs late; a refusal shows in the server's own error.
    let _ = set_current_timer_slack(std::num::NonZeroU64::new(1));
    let Some(core) = core else { return Ok(()) };
    if core >= CpuSet::MAX_CPU {
        return Err(io::Error::other(format!("there is no core {core}")));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .map_err(|errno| io::Error::other(format!("cannot be pinned to core {core}: {errno}")))
}

fn listen_at(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let listener = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    bind(&listener, &address)
        .map_err(|errno| io::Error::other(format!("cannot listen at {address}: {errno}")))?;
    listen(&listener, 4096)?;
    Ok(listener)
}
