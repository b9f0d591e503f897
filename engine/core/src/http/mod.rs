//! HTTP/1.1 responses, parsed from whatever pieces the network delivers them in.
//!
//! Heads are parsed by [`httparse`]; what is here is the framing around them (RFC 9112, section 6): how long
//! the body is, when the response ends, and whether the connection can carry another one.

mod chunked;
mod failure;
mod head;
mod request;
mod response;

pub use failure::ParseFailure;
pub(crate) use request::RequestTraits;
pub use response::{Response, ResponseParser};
