//! Whether a mailed link still leads anywhere. Asking spends nothing.

use chrono::{DateTime, Utc};
use credentials::{Token, TokenKind};

use crate::{Error, Service};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailedLink {
    Verification,
    Reset,
    Unblock,
}

impl MailedLink {
    const fn kind(self) -> TokenKind {
        match self {
            Self::Verification => TokenKind::Verification,
            Self::Reset => TokenKind::Reset,
            Self::Unblock => TokenKind::Unblock,
        }
    }
}

impl Service {
    /// `TokenExpired` for a link that is unknown, used or old.
    pub async fn link_is_open(&self, link: MailedLink, token: &str) -> Result<(), Error> {
        let token = Token::parse(link.kind(), token).ok_or(Error::TokenExpired)?;
        let expires_at = match link {
            MailedLink::Verification => self.registration_expires_at(&token).await?,
            MailedLink::Reset | MailedLink::Unblock => self.store().token_opens(&token).await?,
        };
        match expires_at {
            Some(expires_at) if self.now() < expires_at => Ok(()),
            Some(_) | None => Err(Error::TokenExpired),
        }
    }

    async fn registration_expires_at(&self, token: &Token) -> Result<Option<DateTime<Utc>>, Error> {
        let registration = self.store().registration(token.id()).await?;
        Ok(registration
            .filter(|registration| self.keyring().token_matches(token, &registration.token))
            .map(|registration| registration.expires_at))
    }
}
