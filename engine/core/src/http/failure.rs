//! What can be wrong with a response.

/// Why a response cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseFailure {
    /// Not an HTTP/1.x response, or one whose framing contradicts itself.
    Malformed,
    /// The head is longer than the limit.
    HeadTooLarge,
    /// The body is, or says it will be, longer than the limit.
    BodyTooLarge,
    /// The connection ended before the response did.
    ClosedEarly,
}
