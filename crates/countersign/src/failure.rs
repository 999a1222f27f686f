//! How a command can end other than well, and the exit code of each way.

use std::error::Error;
use std::process::ExitCode;

use crate::configuration::ConfigurationError;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;

/// Why a command did not do what it was asked to. The text is for the person who typed it:
/// what is wrong, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The call was right, the work was not done.
    #[error("{0}")]
    Failed(String),
    /// The call itself, or the configuration, has to be changed first.
    #[error("{0}")]
    Usage(String),
    /// The reader of standard output has gone (`| head`): nobody is left to tell.
    #[error("nobody reads the output")]
    OutputClosed,
}

impl Failure {
    /// An error of a lower layer with all its causes.
    pub fn because(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let told = error.to_string();
            // Some errors tell their cause themselves.
            if !text.ends_with(&told) {
                text = format!("{text}: {told}");
            }
            cause = error.source();
        }
        Self::Failed(text)
    }

    /// A panic, which the log tells the place of.
    pub(crate) fn fault() -> Self {
        Self::Failed("a fault in the program; the log says where".to_owned())
    }

    /// 1 for work that failed, 2 for wrong usage; a closed output is no failure.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(FAILED),
            Self::Usage(_) => ExitCode::from(WRONG_USAGE),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

impl From<ConfigurationError> for Failure {
    fn from(error: ConfigurationError) -> Self {
        Self::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the database cannot be reached")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_tells_every_cause() {
        let cause = std::io::Error::other("connection refused");
        let failure = Failure::because(&Outer(cause));
        assert_eq!(
            failure.to_string(),
            "the database cannot be reached: connection refused"
        );
    }

    #[test]
    fn wrong_usage_and_failed_work_have_different_exit_codes() {
        let code = |failure: Failure| format!("{:?}", failure.exit_code());
        assert_eq!(
            code(Failure::Failed(String::new())),
            format!("{:?}", ExitCode::from(1))
        );
        assert_eq!(
            code(Failure::Usage(String::new())),
            format!("{:?}", ExitCode::from(2))
        );
        assert_eq!(
            code(Failure::OutputClosed),
            format!("{:?}", ExitCode::SUCCESS)
        );
    }
}
