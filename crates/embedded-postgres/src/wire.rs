//! As much of PostgreSQL's protocol as it takes to know that a server is ready and to send
//! it a plain statement. It saves a client library, and `psql`, which not every set of
//! binaries brings.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use crate::error::Error;

/// Longer than any statement of a start takes; an end to waiting for a server that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// No answer to a statement of a start comes near.
const LARGEST: usize = 1 << 20;

const VERSION_3: i32 = 3 << 16;

/// "The database system is starting up", or is shutting down.
const CANNOT_CONNECT_NOW: &str = "57P03";

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{message} ({code})")]
    Refused { code: String, message: String },
}

impl Failure {
    /// The server is there, and busy with recovery.
    pub(crate) fn is_not_yet(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == CANNOT_CONNECT_NOW)
    }

    /// Nobody listens yet.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        ))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::SetUp {
            message: failure.to_string(),
        }
    }
}

/// A connection that the server has accepted.
#[derive(Debug)]
pub(crate) struct Session(UnixStream);

impl Session {
    pub(crate) fn open(socket: &Path, role: &str, database: &str) -> Result<Self, Failure> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self(stream);
        let mut body = VERSION_3.to_be_bytes().to_vec();
        for word in ["user", role, "database", database, ""] {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        session.send(None, &body)?;
        session.answers()?;
        Ok(session)
    }

    /// The first column of each row of the answer.
    pub(crate) fn query(&mut self, sql: &str) -> Result<Vec<String>, Failure> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        self.send(Some(b'Q'), &body)?;
        self.answers()
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> io::Result<()> {
        let length = i32::try_from(body.len() + 4).map_err(io::Error::other)?;
        let mut message: Vec<u8> = kind.into_iter().collect();
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(body);
        self.0.write_all(&message)
    }

    /// Reads until the server is ready for the next statement.
    fn answers(&mut self) -> Result<Vec<String>, Failure> {
        let mut rows = Vec::new();
        let mut refusal = None;
        loop {
            let (kind, body) = match self.receive() {
                Ok(message) => message,
                Err(error) => return Err(refusal.unwrap_or(Failure::Io(error))),
            };
            match kind {
                b'Z' => return refusal.map_or(Ok(rows), Err),
                b'E' => refusal = Some(refused(&body)),
                b'D' => rows.push(first_column(&body)),
                b'R' if body != 0_i32.to_be_bytes() => {
                    return Err(Failure::Io(io::Error::other("a password was asked for")));
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head)?;
        let [kind, a, b, c, d] = head;
        let length = usize::try_from(i32::from_be_bytes([a, b, c, d]))
            .ok()
            .and_then(|length| length.checked_sub(4))
            .filter(|length| *length <= LARGEST)
            .ok_or_else(|| io::Error::other("a message of an impossible length"))?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.send(Some(b'X'), &[]);
    }
}

fn refused(body: &[u8]) -> Failure {
    let field = |kind: u8| {
        body.split(|byte| *byte == 0)
            .find_map(|field| field.strip_prefix(&[kind]))
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .unwrap_or_default()
    };
    Failure::Refused {
        code: field(b'C'),
        message: field(b'M'),
    }
}

/// After the count of columns (2 bytes) each has its length (4 bytes) and its text.
fn first_column(body: &[u8]) -> String {
    body.get(2..6)
        .and_then(|length| <[u8; 4]>::try_from(length).ok())
        .and_then(|length| usize::try_from(i32::from_be_bytes(length)).ok())
        .and_then(|length| body.get(6..6 + length))
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_cut_short_or_null_is_empty_and_no_panic() {
        assert_eq!(first_column(b"\0\x01\0\0\0\x02abrest"), "ab");
        assert_eq!(first_column(b"\0\x01\0\0\0\x09ab"), "");
        assert_eq!(first_column(b"\0\x01\xff\xff\xff\xff"), "");
        assert_eq!(first_column(b""), "");
    }

    #[test]
    fn a_server_in_recovery_is_told_from_one_that_refuses() {
        let starting = refused(b"SFATAL\0C57P03\0Mthe database system is starting up\0\0");
        assert!(starting.is_not_yet() && !starting.is_nobody());
        let wrong = refused(b"SFATAL\0C28000\0Mno\0\0");
        assert!(!wrong.is_not_yet() && !wrong.is_nobody());
        assert_eq!(wrong.to_string(), "no (28000)");
    }
}
