use std::{error, fmt};

/// A request that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    NoImage,
    Empty,
    Multipart,
    Body,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    Unsupported,
    Undecodable,
    TooManyPixels,
    Internal,
}

impl Failure {
    /// The HTTP status that says why.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NoImage | Self::Empty | Self::Multipart | Self::Body => 400,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::Unsupported => 415,
            Self::Undecodable | Self::TooManyPixels => 422,
            Self::Internal => 500,
        }
    }

    /// The response, as JSON. The messages need no escapes.
    #[must_use]
    pub fn body(self) -> String {
        format!(r#"{{"data": null, "error": "{self}"}}"#)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoImage => "The form has no file field 'image'.",
            Self::Empty => "The request carries no image: it is empty.",
            Self::Multipart => "The multipart body cannot be read.",
            Self::Body => "The request body cannot be read.",
            Self::NotFound => "There is nothing at this path.",
            Self::MethodNotAllowed => "This method is not allowed here.",
            Self::TooLarge => "The request body is too large.",
            Self::Unsupported => {
                "Send multipart/form-data, image/jpeg, image/png or application/octet-stream."
            }
            Self::Undecodable => "The image cannot be decoded as JPEG or PNG.",
            Self::TooManyPixels => "The image is wider or higher than 4096 pixels.",
            Self::Internal => "The server failed to answer.",
        })
    }
}

impl error::Error for Failure {}
