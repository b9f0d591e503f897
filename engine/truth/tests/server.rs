//! The truth server as a program, over real sockets.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n";
const BODY: &str = r#"{"data": {"digit": 2, "probability": 0.1234567890}}"#;

struct Truth {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Truth {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_servemark-truth"))
            .arg("--die-with-parent")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.split('"').nth(3).unwrap().to_owned();
        Self { child, output, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Ends it as a supervisor would; gives its last line.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(self.child.wait().unwrap().success());
        line
    }
}

/// Reads one answer; gives its head.
fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(BODY.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap().split("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn it_answers_gets_and_posts_on_one_connection_whatever_the_pieces() {
    let truth = Truth::start(&[]);
    let mut stream = truth.connect();
    stream.set_nodelay(true).unwrap();
    let post = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcde";
    for request in [GET, &post[..], GET] {
        for piece in request.chunks(7) {
            stream.write_all(piece).unwrap();
        }
        assert!(read_answer(&mut stream).starts_with("HTTP/1.1 200 OK"));
    }
    // Two at once are answered one after the other.
    stream.write_all(&[GET, GET].concat()).unwrap();
    read_answer(&mut stream);
    read_answer(&mut stream);
    assert_eq!(truth.end(), "{\"answered\":5,\"dropped\":0,\"error_ns\":null}\n");
}

#[test]
fn it_closes_when_it_is_asked_to_and_says_keep_alive_to_http_1_0() {
    let truth = Truth::start(&[]);
    let mut stream = truth.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_answer(&mut stream).contains("Connection: close"));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    let mut stream = truth.connect();
    stream.write_all(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap();
    assert!(read_answer(&mut stream).contains("Connection: keep-alive"));
    stream.write_all(b"nonsense\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(truth.end().starts_with("{\"answered\":2,\"dropped\":1,"));
}

#[test]
fn no_answer_is_early_and_the_record_holds_every_one() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let truth = Truth::start(&["--delay", "constant:20ms", "--record", record.to_str().unwrap()]);
    let mut stream = truth.connect();
    for _ in 0..5 {
        let sent = Instant::now();
        stream.write_all(GET).unwrap();
        read_answer(&mut stream);
        assert!(sent.elapsed() >= Duration::from_millis(20));
    }
    assert!(truth.end().starts_with("{\"answered\":5,"));
    let bytes = fs::read(record).unwrap();
    let values: Vec<i64> =
        bytes.chunks(8).map(|value| i64::from_le_bytes(value.try_into().unwrap())).collect();
    assert_eq!(values.len(), 20);
    for entry in values.chunks(4) {
        let [arrival, delay, due, sent] = entry.try_into().unwrap();
        assert_eq!((delay, due), (20_000_000, arrival + 20_000_000));
        assert!(sent >= due);
    }
}

#[test]
fn an_answer_does_not_go_to_the_successor_of_a_connection_that_has_gone() {
    let truth = Truth::start(&["--delay", "constant:100ms"]);
    let mut gone = truth.connect();
    gone.write_all(GET).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    drop(gone);
    std::thread::sleep(Duration::from_millis(30));
    let mut successor = truth.connect();
    let sent = Instant::now();
    successor.write_all(GET).unwrap();
    read_answer(&mut successor);
    assert!(sent.elapsed() >= Duration::from_millis(100));
    assert!(truth.end().starts_with("{\"answered\":1,"));
}

#[test]
fn wrong_use_is_one_line_and_status_2() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_servemark-truth")).args(["--delay", "often"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
}
