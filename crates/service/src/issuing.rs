//! Tokens and secrets that a commit brings into being.

use account::{CredentialId, DeviceId};
use credentials::{DataKey, DeviceNonce, PasswordHash, SecretKind, Token, TokenHash, TokenKind};
use store::NewSecret;
use uuid::Uuid;

use crate::{Error, Secret, Service};

impl Service {
    /// A password hash under a key of its own.
    pub(crate) fn password_secret(
        &self,
        key: &DataKey,
        owner: Uuid,
        id: CredentialId,
        hash: &PasswordHash,
    ) -> Result<NewSecret, Error> {
        let kind = SecretKind::PasswordHash;
        let secret = key.seal_secret(owner, id, kind, hash.as_str().as_bytes(), self.random())?;
        Ok(NewSecret { id, kind, secret })
    }

    pub(crate) fn new_token(
        &self,
        kind: TokenKind,
        owner: Uuid,
        id: Uuid,
    ) -> Result<(Secret, TokenHash), Error> {
        let token = Token::generate(kind, owner, id, self.random())?;
        Ok((token.reveal(), self.keyring().token_hash(&token)))
    }

    pub(crate) fn device_nonce(&self) -> Result<DeviceNonce, Error> {
        Ok(self.keyring().device_nonce(self.random())?)
    }

    pub(crate) fn device_token(
        &self,
        account: Uuid,
        device: DeviceId,
        nonce: &DeviceNonce,
    ) -> Result<Secret, Error> {
        let token = self
            .keyring()
            .device_token(account, device.as_uuid(), nonce);
        Ok(token.map_err(Error::internal)?.reveal())
    }
}
