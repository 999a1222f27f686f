//! Erasing an account, at an operator's wish.

use std::time::Duration;

use account::command::EraseAccount;
use account::{Account, AccountId, Actor, Command, Metadata};
use chrono::{DateTime, Utc};
use mail::Message;
use store::{Beside, Entry, Issued, Loaded, SealedMail};

use crate::facts::reveal_address;
use crate::{Error, Service};

/// An erasure loses to whatever goes on in its account, and may do so often; an operator waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// An account that was erased just now.
#[derive(Clone, Copy, Debug)]
pub struct Erasure {
    /// Whether its owner is told; not where the address could not be read any more.
    pub mailed: bool,
}

impl Service {
    /// Destroys an account's data key and everything that it holds. Its history stays, and verifies;
    /// what is personal in it can be read by nobody. Also an account with lost rows is erased.
    pub async fn erase_account(&self, account: AccountId) -> Result<Erasure, Error> {
        let attempts = self.attempts("EraseAccount", &account.as_uuid())?;
        let mut attempts = attempts.patient(PATIENCE);
        loop {
            let loaded = self.store().load(account.as_uuid()).await?;
            let at = loaded.moment(self.now());
            let mails = self.last_mail(account, &loaded, at).await?;
            let mailed = !mails.is_empty();
            let command = Command::EraseAccount(EraseAccount { at });
            let decided = loaded.decide(command, self.policy(), at).await;
            let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
            let metadata = Metadata {
                command: attempts.command,
                actor: Actor::System,
                request: None,
            };
            let entry = Entry::new(decided, Issued::default(), metadata);
            let beside = Beside {
                mails,
                ..Beside::default()
            };
            if self.commit(entry, beside, &mut attempts).await? {
                return Ok(Erasure { mailed });
            }
        }
    }

    /// Promised while the address can be read. One that cannot be must not keep the account.
    async fn last_mail(
        &self,
        account: AccountId,
        loaded: &Loaded<Account>,
        at: DateTime<Utc>,
    ) -> Result<Vec<SealedMail>, Error> {
        let key = match self.store().data_key(account.as_uuid()).await {
            Err(error @ (store::Error::Unavailable(_) | store::Error::Database(_))) => {
                return Err(error.into());
            }
            key => key.ok().flatten(),
        };
        let (Some(opened), Some(key)) = (&loaded.state().opened, key) else {
            return Ok(Vec::new());
        };
        let Ok(address) = reveal_address(&key, account, &opened.email) else {
            return Ok(Vec::new());
        };
        Ok(vec![self.promise(&address, Message::AccountErased { at })?])
    }
}
