//! One connection: a socket, the request on it and the answer as far as it has come.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, ipproto, send, socket_with,
    sockopt,
};

use crate::arrival::{Inbox, Piece, stamp};
use crate::config::{Address, Limits};
use crate::http::{ParseFailure, Response, ResponseParser};
use crate::outcome::{Ending, Work};
use crate::pace::Ticket;
use crate::poller::Poller;
use crate::record::Sample;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No socket.
    Closed,
    /// A socket that is being connected before the trial's start.
    Connecting,
    /// Connected and free.
    Idle,
    /// A request is being written or its answer awaited.
    Busy,
}

/// The connection that a token belongs to.
pub(crate) fn slot_of(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

/// A complete answer, as reading found it.
pub(crate) struct Answer {
    pub response: Response,
    pub done_ns: i64,
    /// How long it then lay unread.
    pub unread_ns: i64,
    /// Bytes of the inbox that the last read filled.
    filled: usize,
}

/// One connection, which may be opened many times.
pub(crate) struct Connection {
    pub phase: Phase,
    pub ticket: Ticket,
    pub sent_ns: i64,
    pub first_byte_ns: Option<i64>,
    pub deadline_ns: i64,
    /// Connects that failed in a row.
    pub failed_connects: u32,
    socket: Option<OwnedFd>,
    slot: u32,
    /// Counts the sockets this connection has had; events of earlier ones are stale.
    generation: u32,
    /// Bytes of the request that are written; `None` when all are.
    written: Option<usize>,
    /// Whether this socket is known to be connected.
    established: bool,
    watched_for_writing: bool,
    parser: ResponseParser,
}

impl Connection {
    pub fn new(slot: u32, limits: &Limits) -> Self {
        Self {
            phase: Phase::Closed,
            ticket: Ticket::default(),
            sent_ns: 0,
            first_byte_ns: None,
            deadline_ns: i64::MAX,
            failed_connects: 0,
            socket: None,
            slot,
            generation: 0,
            written: None,
            established: false,
            watched_for_writing: false,
            parser: ResponseParser::new(limits.head_bytes, limits.body_bytes),
        }
    }

    /// Its number among the thread's connections.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Ends connecting before the start: free, or closed when it is not usable.
    pub fn settle(&mut self, usable: bool) {
        if usable {
            self.established = true;
            self.phase = Phase::Idle;
        } else {
            self.close();
        }
    }

    /// What epoll reports for this socket.
    pub fn token(&self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Whether the whole request is written.
    pub fn is_written(&self) -> bool {
        self.written.is_none()
    }

    /// Whether the peer is known to have taken the connection.
    pub fn is_established(&self) -> bool {
        self.established
    }

    /// Begins to connect. A Unix socket is idle at once, another one connecting.
    pub fn open(&mut self, address: &Address, poller: &Poller, work: &mut Work) -> Result<(), Ending> {
        work.connects += 1;
        work.reconnects += u64::from(self.generation > 0);
        self.generation = self.generation.wrapping_add(1);
        let (socket, connected) = begin_connect(address).map_err(connect_ending)?;
        self.established = connected;
        // A Unix socket is connected at once; watching it for writing would wake us for every read of the peer.
        self.watched_for_writing = matches!(address, Address::Tcp(_));
        poller.watch(&socket, self.token(), self.watched_for_writing).map_err(connect_ending)?;
        self.socket = Some(socket);
        self.phase = if connected { Phase::Idle } else { Phase::Connecting };
        Ok(())
    }

    /// Closes the socket, if there is one.
    pub fn close(&mut self) {
        self.socket = None;
        self.phase = Phase::Closed;
    }

    /// Makes the connection busy with `ticket`; its bytes are still to be written.
    pub fn begin(&mut self, ticket: Ticket, sent_ns: i64, timeout_ns: i64, answers_head: bool) {
        self.phase = Phase::Busy;
        self.ticket = ticket;
        self.sent_ns = sent_ns;
        self.first_byte_ns = None;
        self.deadline_ns = sent_ns.saturating_add(timeout_ns);
        self.written = Some(0);
        self.parser.begin(answers_head);
    }

    /// Writes as much of `request` as the socket takes.
    pub fn write(&mut self, request: &[u8], poller: &Poller, work: &mut Work) -> Result<(), Ending> {
        let (Some(socket), Some(mut written)) = (&self.socket, self.written) else {
            return Ok(());
        };
        loop {
            work.writes += 1;
            match send(socket, &request[written..], SendFlags::NOSIGNAL) {
                Ok(length) => {
                    work.sent_bytes += length as u64;
                    self.established = true;
                    written += length;
                    if written == request.len() {
                        self.written = None;
                        return Ok(());
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) if self.established => return Err(Ending::Reset),
                Err(errno) => return Err(connect_ending(errno)),
            }
        }
        self.written = Some(written);
        if !self.watched_for_writing {
            poller.watch_writing(socket, self.token()).map_err(|_| Ending::Reset)?;
            self.watched_for_writing = true;
        }
        Ok(())
    }

    /// Reads what has come; gives the answer once it is complete. `hung_up`: the peer has closed its side, so
    /// reading goes on to the end of what it sent.
    pub fn read(
        &mut self,
        inbox: &mut Inbox,
        hung_up: bool,
        work: &mut Work,
    ) -> Result<Option<Answer>, Ending> {
        let Some(socket) = &self.socket else {
            return Ok(None);
        };
        loop {
            work.reads += 1;
            let piece = match inbox.receive(socket) {
                Ok(piece) => piece,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Ok(None),
                Err(_) if self.established => return Err(Ending::Reset),
                Err(errno) => return Err(connect_ending(errno)),
            };
            let Piece { filled, arrived_ns, read_ns } = piece;
            // What arrived before it could is of a clock that was set meanwhile.
            let done_ns =
                if arrived_ns < self.first_byte_ns.unwrap_or(self.sent_ns) { read_ns } else { arrived_ns };
            let unread_ns = read_ns - done_ns;
            if filled == 0 {
                let response = self.parser.end().map_err(parse_ending)?;
                return Ok(Some(Answer { response, done_ns, unread_ns, filled }));
            }
            work.received_bytes += filled as u64;
            self.first_byte_ns.get_or_insert(done_ns);
            if let Some(response) = self.parser.feed(&inbox.bytes[..filled]).map_err(parse_ending)? {
                return Ok(Some(Answer { response, done_ns, unread_ns, filled }));
            }
            // A short read has emptied the socket, and what comes later is a new edge.
            if filled < inbox.bytes.len() && !hung_up {
                return Ok(None);
            }
        }
    }

    /// The body of an answer; `inbox` as [`Self::read`] left it.
    pub fn body<'a>(&'a self, answer: &Answer, inbox: &'a Inbox) -> &'a [u8] {
        self.parser.body(&answer.response, &inbox.bytes[..answer.filled])
    }

    /// The sample of the request on this connection, without its answer. Connections are numbered over all
    /// threads, to which they were dealt in turn.
    pub fn sample(&self, ending: Ending, thread: usize, threads: usize) -> Sample {
        Sample {
            ticket: self.ticket,
            sent_ns: Some(self.sent_ns),
            first_byte_ns: self.first_byte_ns,
            done_ns: None,
            ending,
            status: None,
            body: None,
            connection: u32::try_from(self.slot as usize * threads + thread).ok(),
        }
    }

    /// Looks at a socket on which nothing is expected: true when bytes came, false when it was closed; `None`
    /// when neither is the case.
    pub fn read_unexpected(&mut self, inbox: &mut Inbox, work: &mut Work) -> Option<bool> {
        let socket = self.socket.as_ref()?;
        work.reads += 1;
        match rustix::io::read(socket, &mut inbox.bytes[..]) {
            Ok(0) => Some(false),
            Ok(filled) => {
                work.received_bytes += filled as u64;
                Some(true)
            }
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(false),
        }
    }
}

fn begin_connect(address: &Address) -> Result<(OwnedFd, bool), Errno> {
    let (family, protocol) = match address {
        Address::Tcp(address) if address.is_ipv4() => (AddressFamily::INET, Some(ipproto::TCP)),
        Address::Tcp(_) => (AddressFamily::INET6, Some(ipproto::TCP)),
        Address::Unix(_) => (AddressFamily::UNIX, None),
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, protocol)?;
    let connected = match address {
        Address::Tcp(address) => {
            sockopt::set_tcp_nodelay(&socket, true)?;
            // Without stamps only precision is lost.
            let _ = stamp(&socket);
            connect(&socket, address)
        }
        Address::Unix(path) => connect(&socket, &SocketAddrUnix::new(path)?),
    };
    match connected {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS) => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
}

fn connect_ending(errno: Errno) -> Ending {
    match errno {
        Errno::MFILE | Errno::NFILE => Ending::OutOfFiles,
        Errno::ADDRNOTAVAIL => Ending::OutOfPorts,
        _ => Ending::Connect,
    }
}

fn parse_ending(failure: ParseFailure) -> Ending {
    match failure {
        ParseFailure::Malformed => Ending::Malformed,
        ParseFailure::HeadTooLarge => Ending::HeadTooLarge,
        ParseFailure::BodyTooLarge => Ending::BodyTooLarge,
        ParseFailure::ClosedEarly => Ending::ClosedEarly,
    }
}
