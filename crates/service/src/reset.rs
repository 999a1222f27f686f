//! Choosing a new password: by a mailed link, or in a session.

use account::command::{ResetPassword, SetPassword};
use account::throttle::Backoff;
use account::{AccountEvent, AccountId, Actor, Command, DeviceId, EmailAddress, ResetId};
use credentials::{DataKey, Field, Token, TokenKind};
use mail::Message;
use store::{Beside, Dossier, Entry, Issued};

use crate::mailing::circumstances;
use crate::owner::Act;
use crate::password_check::PasswordCheck;
use crate::sign_in::opened;
use crate::{Caller, Error, Owner, Secret, Service};

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
        let mut attempts = self.attempts("ResetPassword", &token.owner())?;
        let device = DeviceId::from_uuid(self.new_id()?);
        let nonce = self.random().bytes()?;
        let mut hash = None;
        loop {
            let dossier = self
                .dossier(account, &attempts)
                .await?
                .ok_or(Error::TokenExpired)?;
            let at = dossier.loaded.moment(self.now());
            if hash.is_none() {
                let password = self.choose_password(new_password, &address_of(&dossier)?)?;
                hash = Some(self.0.hashing.hash(&password, self.random()).await?);
            }
            let Some(hash) = &hash else { continue };
            let secret = self.password_secret(&dossier.data_key, token.owner(), hash)?;
            let password = secret.id;
            let mut beside = Beside {
                secrets: vec![secret],
                ..Beside::default()
            };
            let notice = Message::PasswordReset(circumstances(at, caller));
            beside.mails.push(self.notice(&dossier, notice)?);
            if dossier.strangers.value != Backoff::default() {
                let (strangers, address) = (&dossier.strangers, dossier.address_hash);
                beside
                    .throttles
                    .push(strangers.strangers_change(address, &Backoff::default())?);
            }
            let owner = (&dossier.data_key, token.owner());
            let actor = Actor::Owner { id: account };
            let metadata = self.metadata(&attempts, owner, actor, Some(caller))?;
            let command = Command::ResetPassword(ResetPassword {
                at,
                reset,
                password,
                device,
            });
            let decided = dossier.loaded.decide(command, self.policy(), at).await;
            let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
            let issued = Issued {
                device_nonce: Some(nonce),
                ..Issued::default()
            };
            if self
                .commit(Entry::new(decided, issued, metadata), beside, &mut attempts)
                .await?
            {
                return self.new_device_token(token.owner(), device, &nonce);
            }
        }
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
        let mut attempts = self.attempts("SetPassword", &owner.account.as_uuid())?;
        let mut hash = None;
        loop {
            let dossier = self.owned(owner, &attempts).await?;
            let at = dossier.loaded.moment(self.now());
            let verdict = self.check_current(&mut check, &dossier, owner, at).await?;
            if verdict.matched && hash.is_none() {
                let password = self.choose_password(new_password, &address_of(&dossier)?)?;
                hash = Some(self.0.hashing.hash(&password, self.random()).await?);
            }
            let secret = hash
                .as_ref()
                .map(|hash| self.password_secret(&dossier.data_key, owner.account.as_uuid(), hash))
                .transpose()?;
            let unused = account::CredentialId::from_uuid(attempts.command);
            let password = secret.as_ref().map_or(unused, |secret| secret.id);
            let session = owner.session.id;
            let command = Command::SetPassword(SetPassword {
                at,
                session,
                verdict,
                password,
            });
            let mut beside = Beside::default();
            if verdict.matched {
                beside.secrets.extend(secret);
                let notice = Message::PasswordChanged(circumstances(at, caller));
                beside.mails.push(self.notice(&dossier, notice)?);
            }
            let act = Act {
                beside,
                ..Act::of(at, command)
            };
            let done = self
                .carry_out(caller, owner, dossier, act, &mut attempts)
                .await?;
            if let Some(events) = done {
                return rejected_or_done(&events);
            }
        }
    }
}

/// A wrong current password is an event, and an answer of its own.
pub(crate) fn rejected_or_done(events: &[AccountEvent]) -> Result<(), Error> {
    let rejected = events
        .iter()
        .any(|event| matches!(event, AccountEvent::PasswordRejected { .. }));
    if rejected {
        Err(Error::InvalidCredentials)
    } else {
        Ok(())
    }
}

pub(crate) fn address_of(dossier: &Dossier) -> Result<EmailAddress, Error> {
    let email = &opened(dossier.loaded.state())?.email;
    let text = reveal_address(&dossier.data_key, dossier.account, email)?;
    text.parse().map_err(Error::internal)
}

pub(crate) fn reveal_address(
    key: &DataKey,
    account: AccountId,
    email: &account::Personal,
) -> Result<String, Error> {
    Ok(key.reveal(account.as_uuid(), Field::Email, email)?)
}
