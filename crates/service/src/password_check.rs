//! One presented password, checked once for each credential that it is held against.

use std::time::{Duration, Instant};

use account::state::Opened;
use account::{CredentialId, PasswordVerdict};
use credentials::{HashingError, HashingPool, PasswordHash, PresentedPassword, Random, SecretKind};
use store::Dossier;

use crate::Error;

pub(crate) struct PasswordCheck {
    presented: PresentedPassword,
    verdict: Option<PasswordVerdict>,
    /// Whether the hash of no account has been computed.
    dummy: bool,
    outdated: bool,
    renewed: Option<PasswordHash>,
    /// Queueing and hashing.
    pub(crate) took: Duration,
}

impl PasswordCheck {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            presented: PresentedPassword::new(text),
            verdict: None,
            dummy: false,
            outdated: false,
            renewed: None,
            took: Duration::ZERO,
        }
    }

    /// The verdict about the account's present password; hashed anew only if that was replaced.
    pub(crate) async fn against(
        &mut self,
        dossier: &Dossier,
        account: &Opened,
        pool: &HashingPool,
    ) -> Result<PasswordVerdict, Error> {
        let credential = account.password.credential;
        if let Some(verdict) = self
            .verdict
            .filter(|verdict| verdict.credential == credential)
        {
            return Ok(verdict);
        }
        let hash = password_hash(dossier, credential)?;
        let began = Instant::now();
        let verdict = pool
            .admit()
            .await?
            .judge(credential, &self.presented, &hash)
            .await?;
        self.took += began.elapsed();
        self.outdated = pool.needs_renewal(&hash);
        self.verdict = Some(verdict);
        Ok(verdict)
    }

    /// The same work for an address that has no account.
    pub(crate) async fn against_nobody(&mut self, pool: &HashingPool) -> Result<(), Error> {
        if !self.dummy {
            let began = Instant::now();
            pool.verify(&self.presented, None).await?;
            self.took += began.elapsed();
            self.dummy = true;
        }
        Ok(())
    }

    /// The password that matched, hashed anew if it is kept under old parameters: once, and only if
    /// a permit is to be had, since no sign-in fails for it.
    pub(crate) async fn renewal(
        &mut self,
        pool: &HashingPool,
        random: &dyn Random,
    ) -> Result<Option<&PasswordHash>, Error> {
        let matched = self.verdict.is_some_and(|verdict| verdict.matched);
        if matched && self.outdated && self.renewed.is_none() {
            match pool.admit().await {
                Ok(permit) => self.renewed = Some(permit.renew(&self.presented, random).await?),
                Err(HashingError::Overloaded { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(self.renewed.as_ref().filter(|_| matched && self.outdated))
    }
}

fn password_hash(dossier: &Dossier, credential: CredentialId) -> Result<PasswordHash, Error> {
    let secret = dossier.secret(credential, SecretKind::PasswordHash)?;
    let text = std::str::from_utf8(&secret).map_err(Error::internal)?;
    PasswordHash::parse(text).map_err(Error::internal)
}
