//! The chunked transfer coding (RFC 9112, section 7.1), decoded from pieces of any size.

use httparse::Status;

use super::failure::ParseFailure;

/// Longest chunk-size line with its extensions, and longest trailer line.
const MAX_LINE_BYTES: usize = 4096;
/// The extensions of all chunks.
const MAX_EXTENSION_BYTES: usize = 16_384;
/// Trailer section as a whole.
const MAX_TRAILER_BYTES: usize = 65_536;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
}

/// Decoder state between two pieces of input.
#[derive(Debug, Default)]
pub(super) struct ChunkDecoder {
    state: State,
    line: Vec<u8>,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl ChunkDecoder {
    pub fn reset(&mut self) {
        self.state = State::Size;
        self.line.clear();
        self.extension_bytes = 0;
        self.trailer_bytes = 0;
    }

    /// Decodes `input` onto `body`. `Some(consumed)` when the last chunk and its trailer have ended.
    pub fn decode(
        &mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        max_body_bytes: usize,
    ) -> Result<Option<usize>, ParseFailure> {
        let mut at = 0;
        while at < input.len() {
            if let State::Data(remaining) = self.state {
                let taken = (input.len() - at).min(usize::try_from(remaining).unwrap_or(usize::MAX));
                body.extend_from_slice(&input[at..at + taken]);
                at += taken;
                let left = remaining - taken as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                continue;
            }
            let (taken, complete) = self.take_line(&input[at..])?;
            at += taken;
            if complete && self.end_line(body.len(), max_body_bytes)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Moves bytes up to and including a line feed into `line`.
    fn take_line(&mut self, input: &[u8]) -> Result<(usize, bool), ParseFailure> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(input.len(), |at| at + 1);
        if self.line.len() + taken > MAX_LINE_BYTES {
            return Err(ParseFailure::Malformed);
        }
        self.line.extend_from_slice(&input[..taken]);
        Ok((taken, end.is_some()))
    }

    /// Acts on a complete line; true when it ended the message.
    fn end_line(&mut self, body_bytes: usize, max_body_bytes: usize) -> Result<bool, ParseFailure> {
        let is_empty = self.line == b"\r\n";
        let mut ended = false;
        match self.state {
            State::Size => {
                // httparse takes a line without any digit for a size of 0.
                if !self.line[0].is_ascii_hexdigit() {
                    return Err(ParseFailure::Malformed);
                }
                let size = match httparse::parse_chunk_size(&self.line) {
                    Ok(Status::Complete((length, size))) if length == self.line.len() => size,
                    _ => return Err(ParseFailure::Malformed),
                };
                let digits = self.line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                self.extension_bytes += self.line.len() - digits - b"\r\n".len();
                if self.extension_bytes > MAX_EXTENSION_BYTES {
                    return Err(ParseFailure::HeadTooLarge);
                }
                if size > max_body_bytes.saturating_sub(body_bytes) as u64 {
                    return Err(ParseFailure::BodyTooLarge);
                }
                self.state = if size == 0 { State::Trailer } else { State::Data(size) };
            }
            State::DataEnd if is_empty => self.state = State::Size,
            State::Trailer => {
                self.trailer_bytes += self.line.len();
                if self.trailer_bytes > MAX_TRAILER_BYTES {
                    return Err(ParseFailure::HeadTooLarge);
                }
                ended = is_empty;
            }
            State::DataEnd | State::Data(_) => return Err(ParseFailure::Malformed),
        }
        self.line.clear();
        Ok(ended)
    }
}
