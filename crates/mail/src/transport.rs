//! The two ways out of the outbox.

use std::{fmt, path::Path};

use uuid::Uuid;

use crate::{DeliveryError, Directory, SmtpServer, TransportError};

/// Where mails go. Its displayed form names the place and holds no password.
#[derive(Debug)]
pub enum Transport {
    Smtp(SmtpServer),
    Directory(Directory),
}

impl Transport {
    /// `smtps://user:password@host`, `smtp://user:password@host?tls=required`, or, to a
    /// mail catcher on a private network, `smtp://host?tls=none`. Connects to nothing.
    pub fn smtp(url: &str) -> Result<Self, TransportError> {
        SmtpServer::from_url(url).map(Self::Smtp)
    }

    /// Each mail becomes a file in this directory, which is made if need be.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, TransportError> {
        Directory::open(path.as_ref()).map(Self::Directory)
    }

    /// Hands one mail over, within 30 seconds. `id` is the one it was composed with.
    ///
    /// After an error the mail may have been delivered all the same: the last answer of
    /// a server can be lost.
    pub async fn deliver(&self, id: Uuid, mail: &lettre::Message) -> Result<(), DeliveryError> {
        match self {
            Self::Smtp(server) => server.deliver(mail).await,
            Self::Directory(directory) => directory.deliver(id, mail).await,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(server) => server.fmt(f),
            Self::Directory(directory) => directory.fmt(f),
        }
    }
}
