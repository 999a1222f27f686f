//! A mailed link that makes a browser known, and nothing else.

use account::command::RememberDevice;
use account::{AccountId, Actor, Command, DeviceId};
use credentials::{Token, TokenKind};
use store::{Beside, Entry, Issued, Spent};

use crate::{Caller, Error, Secret, Service};

impl Service {
    /// Answers with the token of the device that is known from now on.
    pub async fn confirm_unblock(&self, caller: &Caller, token: &str) -> Result<Secret, Error> {
        let token = Token::parse(TokenKind::Unblock, token).ok_or(Error::TokenExpired)?;
        let account = AccountId::from_uuid(token.owner());
        let mut attempts = self.attempts("RememberDevice", &token.owner())?;
        let device = DeviceId::from_uuid(self.new_id()?);
        let nonce = self.device_nonce()?;
        loop {
            let expires_at = self
                .store()
                .token_opens(&token)
                .await?
                .ok_or(Error::TokenExpired)?;
            if expires_at <= self.now() {
                return Err(Error::TokenExpired);
            }
            let dossier = self
                .store()
                .dossier(account)
                .await?
                .ok_or(Error::TokenExpired)?;
            let (key, at) = (dossier.data_key, dossier.loaded.moment(self.now()));
            let command = Command::RememberDevice(RememberDevice { device });
            let decided = dossier.loaded.decide(command, self.policy(), at).await;
            let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
            let actor = Actor::Owner { id: account };
            let metadata = self.metadata(&attempts, (&key, token.owner()), actor, Some(caller))?;
            let spent = Spent {
                unblock: Some(token.id()),
                ..Spent::default()
            };
            let issued = Issued {
                device_nonce: Some(nonce),
                ..Issued::default()
            };
            let beside = Beside {
                spent,
                ..Beside::default()
            };
            if self
                .commit(Entry::new(decided, issued, metadata), beside, &mut attempts)
                .await?
            {
                return self.device_token(token.owner(), device, &nonce);
            }
        }
    }
}
