//! An incremental parser for one response at a time.

use std::ops::Range;

use super::chunked::ChunkDecoder;
use super::failure::ParseFailure;
use super::head::{self, Framing, Head};

/// While fewer bytes than this of a head are buffered, every piece is tried at once, so that garbage is
/// noticed when it arrives; beyond it only pieces with a line feed are, which keeps one-byte pieces linear.
const EAGER_HEAD_BYTES: usize = 1024;
/// Buffers that grew beyond this are given back between two responses.
const RETAINED_BYTES: usize = 262_144;

/// A complete response. Its body is had from [`ResponseParser::body`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 999.
    pub status: u16,
    /// Whether the connection may carry another request.
    pub keep_alive: bool,
    /// Bytes that came after the end of the response, which nobody asked for.
    pub excess_bytes: usize,
    place: Place,
}

/// Where the bytes of a finished body are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In the last piece of input: the response was not copied.
    Input(Range<usize>),
    /// In the parser's own buffer.
    Own,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Head,
    Length(usize),
    Chunked,
    UntilClose,
    Done,
}

/// Parses responses from pieces of any size. A response that arrives whole is parsed in place, without a copy.
#[derive(Debug)]
pub struct ResponseParser {
    phase: Phase,
    answers_head: bool,
    status: u16,
    keep_alive: bool,
    head: Vec<u8>,
    /// Of the heads that came before the final one.
    interim_bytes: usize,
    body: Vec<u8>,
    chunks: ChunkDecoder,
    max_head_bytes: usize,
    max_body_bytes: usize,
}

impl ResponseParser {
    /// A parser that refuses heads (interim ones and the final one together) and bodies longer than the given limits.
    pub fn new(max_head_bytes: usize, max_body_bytes: usize) -> Self {
        Self {
            phase: Phase::Head,
            answers_head: false,
            status: 0,
            keep_alive: false,
            head: Vec::new(),
            interim_bytes: 0,
            body: Vec::new(),
            chunks: ChunkDecoder::default(),
            max_head_bytes,
            max_body_bytes,
        }
    }

    /// Forgets everything and expects a response; `answers_head` when it answers a HEAD request.
    pub fn begin(&mut self, answers_head: bool) {
        self.phase = Phase::Head;
        self.answers_head = answers_head;
        self.interim_bytes = 0;
        for buffer in [&mut self.head, &mut self.body] {
            buffer.clear();
            buffer.shrink_to(RETAINED_BYTES);
        }
        self.chunks.reset();
    }

    /// Takes the next piece of the response, and gives the response once it is complete.
    ///
    /// # Errors
    /// When what arrived so far cannot become a usable response. The parser then needs [`Self::begin`].
    pub fn feed(&mut self, input: &[u8]) -> Result<Option<Response>, ParseFailure> {
        let ended = self.advance(input)?;
        Ok(ended.map(|(place, consumed)| self.complete(place, input.len() - consumed)))
    }

    /// Takes the end of the connection, which completes a response that is framed by it.
    ///
    /// # Errors
    /// [`ParseFailure::ClosedEarly`] when the response was to go on.
    pub fn end(&mut self) -> Result<Response, ParseFailure> {
        if self.phase != Phase::UntilClose {
            return Err(ParseFailure::ClosedEarly);
        }
        Ok(self.complete(Place::Own, 0))
    }

    /// The body of `response`, with its transfer coding removed. `input` is the piece that completed it.
    pub fn body<'a>(&'a self, response: &Response, input: &'a [u8]) -> &'a [u8] {
        match &response.place {
            Place::Input(range) => &input[range.clone()],
            Place::Own => &self.body,
        }
    }

    fn complete(&mut self, place: Place, excess_bytes: usize) -> Response {
        self.phase = Phase::Done;
        Response { status: self.status, keep_alive: self.keep_alive, excess_bytes, place }
    }

    /// The body's place and the number of input bytes used, once the response is complete.
    fn advance(&mut self, input: &[u8]) -> Result<Option<(Place, usize)>, ParseFailure> {
        let mut at = 0;
        while self.phase == Phase::Head {
            let Some(used) = self.take_head(&input[at..])? else {
                return Ok(None);
            };
            at += used;
        }
        let rest = &input[at..];
        match self.phase {
            Phase::Length(remaining) if rest.len() >= remaining => {
                let end = at + remaining;
                if self.body.is_empty() {
                    return Ok(Some((Place::Input(at..end), end)));
                }
                self.body.extend_from_slice(&rest[..remaining]);
                Ok(Some((Place::Own, end)))
            }
            Phase::Length(remaining) => {
                self.body.extend_from_slice(rest);
                self.phase = Phase::Length(remaining - rest.len());
                Ok(None)
            }
            Phase::Chunked => {
                let used = self.chunks.decode(rest, &mut self.body, self.max_body_bytes)?;
                Ok(used.map(|used| (Place::Own, at + used)))
            }
            Phase::UntilClose => {
                if rest.len() > self.max_body_bytes - self.body.len() {
                    return Err(ParseFailure::BodyTooLarge);
                }
                self.body.extend_from_slice(rest);
                Ok(None)
            }
            Phase::Head | Phase::Done => Err(ParseFailure::Malformed),
        }
    }

    /// Looks for a head in what is buffered followed by `input`; the input bytes used, once there is one.
    fn take_head(&mut self, input: &[u8]) -> Result<Option<usize>, ParseFailure> {
        let buffered = self.head.len();
        let found = if buffered == 0 {
            head::parse(input, self.answers_head)?
        } else {
            self.head.extend_from_slice(input);
            let worth_trying = self.head.len() < EAGER_HEAD_BYTES || input.contains(&b'\n');
            if worth_trying { head::parse(&self.head, self.answers_head)? } else { None }
        };
        let Some(found) = found else {
            if buffered == 0 {
                self.head.extend_from_slice(input);
            }
            let too_large = self.interim_bytes + self.head.len() > self.max_head_bytes;
            return if too_large { Err(ParseFailure::HeadTooLarge) } else { Ok(None) };
        };
        if self.interim_bytes + found.length_bytes > self.max_head_bytes {
            return Err(ParseFailure::HeadTooLarge);
        }
        self.head.clear();
        self.accept_head(&found)?;
        Ok(Some(found.length_bytes.saturating_sub(buffered)))
    }

    fn accept_head(&mut self, head: &Head) -> Result<(), ParseFailure> {
        if head.is_interim() {
            self.interim_bytes += head.length_bytes;
            return Ok(());
        }
        self.status = head.status;
        self.keep_alive = head.keep_alive;
        self.phase = match head.framing {
            Framing::Chunked => Phase::Chunked,
            Framing::UntilClose => Phase::UntilClose,
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= self.max_body_bytes => Phase::Length(length),
                _ => return Err(ParseFailure::BodyTooLarge),
            },
        };
        Ok(())
    }
}
