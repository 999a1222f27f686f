//! Choosing a new password: by a mailed link, or in a session.

use std::time::Duration;

use account::command::{ResetPassword, SetPassword};
use account::throttle::Backoff;
use account::{AccountId, Actor, Command, CredentialId, DeviceId, PasswordVerdict, ResetId};
use credentials::{DeviceNonce, PasswordHash, Token, TokenKind};
use store::{Beside, Dossier, Entry, Issued};

use crate::act::Attempts;
use crate::current_password::Guarded;
use crate::facts::address_of;
use crate::password_check::PasswordCheck;
use crate::{Caller, Error, Owner, Secret, Service};

/// A new password on its way into an account, by a mailed link.
struct Chosen {
    reset: ResetId,
    password: CredentialId,
    hash: PasswordHash,
    device: DeviceId,
    nonce: DeviceNonce,
}

impl Service {
    /// Ends every session of the account and leaves two-factor as it is. Answers with the token of
    /// the device that is known from now on.
    pub async fn confirm_reset(
        &self,
        caller: &Caller,
        token: &str,
        new_password: &str,
    ) -> Result<Secret, Error> {
        let token = Token::parse(TokenKind::Reset, token).ok_or(Error::TokenExpired)?;
        let expires_at = self
            .store()
            .token_opens(&token)
            .await?
            .ok_or(Error::TokenExpired)?;
        if expires_at <= self.now() {
            return Err(Error::TokenExpired);
        }
        let account = AccountId::from_uuid(token.owner());
        let reset = ResetId::from_uuid(token.id());
        let dossier = self
            .store()
            .dossier(account)
            .await?
            .ok_or(Error::TokenExpired)?;
        let password = self.choose_password(new_password, &address_of(&dossier)?)?;
        let chosen = Chosen {
            reset,
            hash: self.0.hashing.hash(&password, self.random()).await?,
            password: CredentialId::from_uuid(self.new_id()?),
            device: DeviceId::from_uuid(self.new_id()?),
            nonce: self.device_nonce()?,
        };
        let mut attempts = self.attempts("ResetPassword", &token.owner())?;
        loop {
            let dossier = self
                .store()
                .dossier(account)
                .await?
                .ok_or(Error::TokenExpired)?;
            if self
                .attempt_reset(caller, &chosen, dossier, &mut attempts)
                .await?
            {
                return self.device_token(token.owner(), chosen.device, &chosen.nonce);
            }
        }
    }

    /// `false`: somebody else was faster.
    async fn attempt_reset(
        &self,
        caller: &Caller,
        chosen: &Chosen,
        dossier: Dossier,
        attempts: &mut Attempts,
    ) -> Result<bool, Error> {
        let (account, at) = (dossier.account, dossier.loaded.moment(self.now()));
        let (key, owner) = (dossier.data_key, account.as_uuid());
        let secret = self.password_secret(&key, owner, chosen.password, &chosen.hash)?;
        let command = Command::ResetPassword(ResetPassword {
            at,
            reset: chosen.reset,
            password: chosen.password,
            device: chosen.device,
        });
        let decided = dossier.loaded.decide(command, self.policy(), at).await;
        let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
        let mut beside = Beside {
            secrets: vec![secret],
            mails: self.notices(&decided, &key, caller)?,
            ..Beside::default()
        };
        if dossier.strangers.value != Backoff::default() {
            let (strangers, address) = (&dossier.strangers, dossier.address_hash);
            let cleared = strangers.strangers_change(address, &Backoff::default())?;
            beside.throttles.push(cleared);
        }
        let actor = Actor::Owner { id: account };
        let metadata = self.metadata(attempts, (&key, owner), actor, Some(caller))?;
        let issued = Issued {
            device_nonce: Some(chosen.nonce),
            ..Issued::default()
        };
        self.commit(Entry::new(decided, issued, metadata), beside, attempts)
            .await
    }

    /// Ends every other session of the account.
    pub async fn change_password(
        &self,
        caller: &Caller,
        owner: &Owner,
        current: &str,
        new_password: &str,
    ) -> Result<(), Error> {
        let mut check = PasswordCheck::new(current);
        let dossier = self.owned(owner).await?;
        let at = dossier.loaded.moment(self.now());
        let right = self
            .check_current(&mut check, &dossier, owner, at)
            .await?
            .matched;
        let hash = if right {
            let chosen = self.choose_password(new_password, &address_of(&dossier)?)?;
            Some(self.0.hashing.hash(&chosen, self.random()).await?)
        } else {
            None
        };
        let (session, password) = (owner.session.id, CredentialId::from_uuid(self.new_id()?));
        let guarded = Guarded {
            name: "SetPassword",
            check,
            ready: |_| Ok(()),
            command: |dossier: &Dossier, at, verdict: PasswordVerdict| {
                let (key, id) = (&dossier.data_key, owner.account.as_uuid());
                let hash = hash
                    .as_ref()
                    .map(|hash| self.password_secret(key, id, password, hash));
                if verdict.matched && hash.is_none() {
                    // It became right while it was looked at: the same call will find it so.
                    return Err(Error::Overloaded {
                        retry_after: Duration::from_secs(1),
                    });
                }
                let command = SetPassword {
                    at,
                    session,
                    verdict,
                    password,
                };
                Ok((Command::SetPassword(command), hash.transpose()?))
            },
        };
        self.with_current_password(caller, owner, guarded)
            .await
            .map(drop)
    }
}
