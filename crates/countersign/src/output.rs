//! The one place that writes to the terminal: results on standard output, for people or
//! as JSON, and everything said beside them on standard error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;

/// How results are written.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Whether `--json` was given.
    pub json: bool,
}

impl Output {
    /// Writes a result in one of its two forms, and ends the line.
    pub fn result<V: Serialize>(self, value: &V, people: impl Display) -> Result<(), Failure> {
        self.write_to(&mut io::stdout().lock(), value, people)
    }

    /// Writes one line that is the same in both forms, such as a token.
    pub fn line(self, text: impl Display) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        ended(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
    }

    /// Says something to the person on standard error. If nobody listens, so be it.
    pub fn note(self, text: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    fn write_to<V: Serialize>(
        self,
        to: &mut impl Write,
        value: &V,
        people: impl Display,
    ) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string(value).map_err(|error| Failure::because(&error))?
        } else {
            people.to_string()
        };
        ended(writeln!(to, "{}", text.trim_end()).and_then(|()| to.flush()))
    }
}

fn ended(written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::Failed(format!("the output cannot be written: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool) -> String {
        let mut bytes = Vec::new();
        let value = serde_json::json!({ "status": "done" });
        Output { json }
            .write_to(&mut bytes, &value, "It is done.\n")
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_result_is_prose_or_json_and_one_line_end() {
        assert_eq!(written(false), "It is done.\n");
        assert_eq!(written(true), "{\"status\":\"done\"}\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let outcome = Output { json: false }.write_to(&mut Gone, &(), "text");
        assert!(matches!(outcome, Err(Failure::OutputClosed)));
    }
}
