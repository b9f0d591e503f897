//! What can be wrong with a trial before its first request. After that, a failure is a sample.

/// A trial that cannot be started, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A setting that contradicts itself or another one.
    #[error("{0}")]
    Invalid(String),
    /// The kernel refused something that every trial needs.
    #[error("{what}: {source}; {remedy}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: std::io::Error,
        /// What to do.
        remedy: &'static str,
    },
}

impl EngineError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}
