//! After a backup was restored: what ended since it was made would live again, and is ended anew.
//!
//! All of it may be cut off anywhere and done again.

use account::command::RecoverAccount;
use account::log::EpochOpened;
use account::staff::StaffAct;
use account::{Account, Actor, Command, Metadata, StaffId};
use cqrs_es::Aggregate;
use credentials::{Purpose, TotpSecret};
use futures::{StreamExt, TryStreamExt, stream};
use store::{Beside, Entry, Issued, Lead, LostHistory};
use uuid::Uuid;

use crate::mailing::Promised;
use crate::{Error, Service};

/// How many accounts are committed at a time: together they wait for the disk once.
const AT_ONCE: usize = 8;
const PAGE: i64 = 500;

impl Service {
    /// Ends every session, challenge, reset link and pending enrollment, forgets every known device,
    /// and spends every time step up to now, account by account in the order of their ids. Returns of
    /// how many accounts, which is told as it goes.
    pub async fn recover_accounts(&self, mut progress: impl FnMut(u64)) -> Result<u64, Error> {
        let (mut recovered, mut after) = (0, String::new());
        while let Some((page, last)) = self.store().streams_after(Account::TYPE, &after).await? {
            let done = stream::iter(page).map(|id| self.recover_account(id));
            let done = done.buffer_unordered(AT_ONCE);
            recovered += done
                .try_fold(0, async |sum, done| Ok(sum + u64::from(done)))
                .await?;
            progress(recovered);
            after = last;
        }
        Ok(recovered)
    }

    /// `false`: there is nothing left that could live again.
    async fn recover_account(&self, id: Uuid) -> Result<bool, Error> {
        let mut attempts = self.attempts("RecoverAccount", &id)?;
        loop {
            let loaded = self.store().load(id).await?;
            let at = loaded.moment(self.now());
            let step = TotpSecret::step_at(self.now().timestamp().cast_unsigned());
            let command = Command::RecoverAccount(RecoverAccount { at, step });
            let Ok(decided) = loaded.decide(command, self.policy(), at).await else {
                return Ok(false);
            };
            let metadata = Metadata {
                command: attempts.command,
                actor: Actor::System,
                request: None,
            };
            let entry = Entry::new(decided, Issued::default(), metadata);
            if self.commit(entry, Beside::default(), &mut attempts).await? {
                return Ok(true);
            }
        }
    }

    /// Drops registrations, links that make a browser known, requests for mail, and mails that wait
    /// with a link in them. Returns how many.
    pub async fn drop_links(&self) -> Result<u64, Error> {
        let mut dropped = self.store().drop_links().await?;
        let mut after = Uuid::nil();
        loop {
            let mails = self.store().mails_after(after, PAGE).await?;
            let Some(last) = mails.last() else {
                return Ok(dropped);
            };
            after = last.id;
            for mail in &mails {
                let text = self.keyring().open(
                    Purpose::Outbox,
                    &[b"mail", mail.id.as_bytes()],
                    &mail.sealed,
                )?;
                let promised: Promised = serde_json::from_slice(&text).map_err(Error::internal)?;
                if promised.message.expires_at().is_some() {
                    self.store().mail_done(mail.id).await?;
                    dropped += 1;
                }
            }
        }
    }

    /// Signs every member of staff out of every browser. Returns of how many.
    pub async fn sign_out_all_staff(&self) -> Result<u64, Error> {
        let mut ended = 0;
        for member in self.list_staff().await? {
            if member.is_active(self.now()) {
                ended += self.sign_out_everywhere(member.id).await?;
            }
        }
        Ok(ended)
    }

    async fn sign_out_everywhere(&self, id: StaffId) -> Result<u64, Error> {
        let stream = self.store().staff_stream(id).await?;
        let (loaded, _) = stream.ok_or(Error::NotFound)?;
        let issued = loaded.state().issued.as_ref();
        let sessions = issued.map(|issued| issued.sessions.clone());
        let sessions = sessions.unwrap_or_default();
        for begun in &sessions {
            let session = begun.id;
            self.record_by_system(id, StaffAct::StaffSignedOut { session })
                .await?;
        }
        Ok(sessions.len() as u64)
    }

    /// Tells in the log what is lost, and lets it go on in a new epoch.
    pub async fn open_epoch(
        &self,
        lead: &mut Lead<'_>,
        lost: LostHistory,
        reason: &str,
    ) -> Result<EpochOpened, Error> {
        let command = (self.new_id()?, self.now());
        Ok(self.store().open_epoch(lead, lost, reason, command).await?)
    }
}
