//! Servers that behave as a test tells them to, over real sockets.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use servemark_engine::{Closed, Config, Control, Corpus, Ending, Open, Outcome, Schedule, run};

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n";
pub const MS: u64 = 1_000_000;

/// A server that gives every connection to `handler`, in a thread of its own, with its number from 0.
pub struct Server {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn new(handler: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", handler)
    }

    pub fn at(address: &str, handler: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let handler = Arc::new(handler);
        let thread = thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let handler = Arc::clone(&handler);
                if let Ok(stream) = stream {
                    thread::spawn(move || handler(stream, number));
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// A server that answers every request with the same bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream, _| {
            while read_request(&mut stream).is_some() {
                if stream.write_all(&answer).is_err() {
                    return;
                }
            }
        })
    }

    /// A server that answers one request with these bytes and closes the connection.
    pub fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(&answer);
        })
    }

    pub fn config(&self) -> Config {
        Config::new(self.address.to_string().parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread from accepting; where that cannot be done it goes with the process.
        if TcpStream::connect(self.address).is_ok() {
            self.thread.take().unwrap().join().unwrap();
        }
    }
}

/// Reads one request with its Content-Length body; `None` at the end of the connection.
pub fn read_request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head
        .split("content-length:")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    request.extend(body);
    Some(request)
}

/// A 200 with this body.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

pub fn closed(connections: u32, count: u64) -> Schedule {
    Schedule::Closed(Closed { connections, order: vec![0], duration_ns: None, count: Some(count) })
}

pub fn open(connections: u32, intended_ns: Vec<i64>, duration_ns: Option<u64>) -> Schedule {
    let request = vec![0; intended_ns.len()];
    Schedule::Open(Open { connections, intended_ns, request, duration_ns })
}

/// Carries out a schedule of GETs.
pub fn get(config: &Config, schedule: &Schedule) -> Outcome {
    run(config, &Corpus::new([GET]).unwrap(), schedule, &Control::new()).unwrap()
}

/// The ways in which samples ended, with how many did.
pub fn endings(outcome: &Outcome) -> Vec<(Ending, u64)> {
    Ending::ALL.into_iter().zip(outcome.counts()).filter(|(_, count)| *count > 0).collect()
}

/// The body of a sample.
pub fn body(outcome: &Outcome, sample: usize) -> &[u8] {
    let number = usize::try_from(outcome.columns.body[sample]).unwrap();
    outcome.bodies[number].bytes.as_deref().unwrap()
}
