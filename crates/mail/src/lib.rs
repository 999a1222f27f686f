//! What people are told by mail, and how it is delivered.
//!
//! A [`Message`] is decided together with the change that it tells of and waits,
//! sealed, in the outbox. Whoever empties the outbox calls [`compose`] and hands the
//! result to a [`Transport`]. Nothing here reads a clock, makes an identifier or knows
//! a database: the outbox row supplies the id and the date, so that a mail that is
//! delivered twice is the same mail to the byte.

mod browser;
mod compose;
mod directory;
mod error;
mod letter;
mod message;
mod smtp;
mod smtp_url;
mod texts;
mod transport;

pub use browser::Browser;
pub use compose::{ComposeError, Letterhead, compose};
pub use directory::Directory;
pub use error::{DeliveryError, Reply, TransportError};
pub use lettre::Message as Mail;
pub use lettre::message::Mailbox;
pub use message::{Circumstances, Message};
pub use smtp::SmtpServer;
pub use transport::Transport;
