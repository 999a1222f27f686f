//! Opening an account: by the mailed link, or by an operator.

use account::command::OpenAccount;
use account::event::Opening;
use account::{Account, AccountId, Actor, Command, CredentialId, DeviceId, EmailAddress};
use credentials::{
    DataKey, DeviceNonce, Field, NewPassword, PasswordContext, PasswordHash, Token, TokenKind,
};
use store::{Beside, Entry, Issued, Loaded, Spent};

use crate::{Caller, Error, Secret, Service};

impl Service {
    /// Opens the account of whoever holds the mailbox, with the password they choose. Answers with
    /// the token of the device that is known from now on.
    pub async fn verify(
        &self,
        caller: &Caller,
        token: &str,
        password: &str,
    ) -> Result<Secret, Error> {
        let token = Token::parse(TokenKind::Verification, token).ok_or(Error::TokenExpired)?;
        let registration = self
            .store()
            .registration(token.id())
            .await?
            .ok_or(Error::TokenExpired)?;
        let valid = self.keyring().token_matches(&token, &registration.token)
            && self.now() < registration.expires_at;
        if !valid {
            return Err(Error::TokenExpired);
        }
        let address = self.registered_address(&registration)?;
        let password = self.choose_password(password, &address)?;
        let hash = self.0.hashing.hash(&password, self.random()).await?;
        let spent = Spent {
            registration: Some(registration.id),
            ..Spent::default()
        };
        let nonce = self.device_nonce()?;
        let device = DeviceId::from_uuid(self.new_id()?);
        let opened = self
            .open(Some(caller), &address, &hash, Some((device, nonce)), spent)
            .await;
        let account = match opened {
            // The address was opened, or the link spent, a moment ago.
            Err(Error::AddressTaken) => return Err(Error::TokenExpired),
            other => other?,
        };
        self.device_token(account.as_uuid(), device, &nonce)
    }

    /// Opens an account without a mail round trip.
    pub async fn create_account(
        &self,
        address: &EmailAddress,
        password: &str,
    ) -> Result<AccountId, Error> {
        let password = self.choose_password(password, address)?;
        let hash = self.0.hashing.hash(&password, self.random()).await?;
        self.open(None, address, &hash, None, Spent::default())
            .await
    }

    pub(crate) fn choose_password(
        &self,
        text: &str,
        address: &EmailAddress,
    ) -> Result<NewPassword, Error> {
        let settings = &self.0.settings;
        let context = PasswordContext::new(address, &settings.issuer);
        NewPassword::choose(text, &settings.password_rules, &context)
            .map_err(Error::PasswordRejected)
    }

    async fn open(
        &self,
        caller: Option<&Caller>,
        address: &EmailAddress,
        hash: &PasswordHash,
        device: Option<(DeviceId, DeviceNonce)>,
        spent: Spent,
    ) -> Result<AccountId, Error> {
        let id = self.new_id()?;
        let (random, key) = (self.random(), DataKey::generate(self.random())?);
        let loaded = Loaded::<Account>::unborn(id);
        let at = loaded.moment(self.now());
        let password = CredentialId::from_uuid(self.new_id()?);
        let secret = self.password_secret(&key, id, password, hash)?;
        let command = Command::OpenAccount(OpenAccount {
            at,
            email: key.conceal(id, Field::Email, address.as_written(), random)?,
            password,
            by: if caller.is_some() {
                Opening::MailedLink
            } else {
                Opening::Operator
            },
            device: device.map(|(device, _)| device),
        });
        let decided = loaded.decide(command, self.policy(), at).await;
        let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
        let mut attempts = self.attempts("OpenAccount", &id)?;
        let actor = if caller.is_some() {
            Actor::Visitor
        } else {
            Actor::System
        };
        let metadata = self.metadata(&attempts, (&key, id), actor, caller)?;
        let beside = Beside {
            data_key: Some(key.wrap(self.keyring(), id, random)?),
            address_hash: Some(self.keyring().address_hash(address)),
            secrets: vec![secret],
            spent,
            ..Beside::default()
        };
        let issued = Issued {
            device_nonce: device.map(|(_, nonce)| nonce),
            ..Issued::default()
        };
        let entry = Entry::new(decided, issued, metadata);
        if self.commit(entry, beside, &mut attempts).await? {
            Ok(AccountId::from_uuid(id))
        } else {
            Err(Error::TokenExpired)
        }
    }
}
