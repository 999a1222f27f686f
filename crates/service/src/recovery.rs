//! After a backup was restored: what ended since it was made would live again, and is ended anew.
//!
//! All of it may be cut off anywhere and done again.

use std::collections::BTreeSet;

use account::command::RecoverAccount;
use account::log::EpochOpened;
use account::staff::{Staff, StaffAct};
use account::{Account, Actor, Command, Metadata, StaffId};
use cqrs_es::Aggregate;
use credentials::{Purpose, TotpSecret};
use futures::{StreamExt, stream};
use proofs::event::stream_name;
use store::{Beside, Corruption, Entry, Issued, Lead, LostHistory, QueuedMail, StaffRecord};
use uuid::Uuid;

use crate::mailing::Promised;
use crate::{Error, Service};

/// How many accounts are committed at a time: together they wait for the disk once.
const AT_ONCE: usize = 8;
const PAGE: i64 = 500;

/// Streams that cannot be read, such as `account/<id>`. They are left as they are, and nothing opens
/// them.
pub type DamagedStreams = BTreeSet<String>;

impl Service {
    /// Ends every session, challenge, reset link and pending enrollment, forgets every known device,
    /// and spends every time step up to now, account by account in the order of their ids. Returns of
    /// how many accounts, which is told as it goes.
    pub async fn recover_accounts(
        &self,
        damaged: &mut DamagedStreams,
        mut progress: impl FnMut(u64),
    ) -> Result<u64, Error> {
        let (mut recovered, mut after) = (0, String::new());
        while let Some((page, last)) = self.store().streams_after(Account::TYPE, &after).await? {
            let done = stream::iter(page).map(|id| {
                let service = self.clone();
                unless_damaged(Account::TYPE, id, async move {
                    service.recover_account(id).await
                })
            });
            let mut done = done.buffer_unordered(AT_ONCE);
            while let Some(done) = done.next().await {
                recovered += u64::from(done?.noted(damaged) == Some(true));
            }
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
            let Some((last, _)) = mails.last() else {
                return Ok(dropped);
            };
            after = *last;
            for (id, mail) in &mails {
                let text = mail.as_ref().ok().and_then(|mail| self.promised(mail).ok());
                // One that nobody can open is never sent.
                if text.is_none_or(|promised| promised.message.expires_at().is_some()) {
                    self.store().mail_done(*id).await?;
                    dropped += 1;
                }
            }
        }
    }

    fn promised(&self, mail: &QueuedMail) -> Result<Promised, Error> {
        let context: [&[u8]; 2] = [b"mail", mail.id.as_bytes()];
        let text = self
            .keyring()
            .open(Purpose::Outbox, &context, &mail.sealed)?;
        serde_json::from_slice(&text).map_err(Error::internal)
    }

    /// Signs every member of staff out of every browser. Returns out of how many.
    pub async fn sign_out_all_staff(&self, damaged: &mut DamagedStreams) -> Result<u64, Error> {
        let (mut ended, mut after) = (0, String::new());
        while let Some((page, last)) = self.store().streams_after(Staff::TYPE, &after).await? {
            for id in page {
                let service = self.clone();
                let done = unless_damaged(Staff::TYPE, id, async move {
                    service.sign_out_everywhere(StaffId::from_uuid(id)).await
                });
                ended += done.await?.noted(damaged).unwrap_or_default();
            }
            after = last;
        }
        Ok(ended)
    }

    /// One who may not act any more has no session.
    async fn sign_out_everywhere(&self, id: StaffId) -> Result<u64, Error> {
        let stream = self.store().staff_stream(id).await?;
        let (loaded, _) = stream.ok_or_else(|| store::Error::from(Corruption::Staff(id)))?;
        let issued = loaded.state().issued.as_ref();
        let active = issued.filter(|issued| issued.is_active(self.now()));
        let sessions = active.map(|issued| issued.sessions.clone());
        let sessions = sessions.unwrap_or_default();
        for begun in &sessions {
            let session = begun.id;
            self.record_by_system(id, StaffAct::StaffSignedOut { session })
                .await?;
        }
        Ok(sessions.len() as u64)
    }

    /// Whose tokens are in force.
    pub async fn active_staff(
        &self,
        damaged: &mut DamagedStreams,
    ) -> Result<Vec<StaffRecord>, Error> {
        let (mut known, unknown) = self.store().known_staff().await?;
        let name = |id: StaffId| stream_name(Staff::TYPE, &id.to_string());
        damaged.extend(unknown.into_iter().map(name));
        known.retain(|member| member.is_active(self.now()));
        Ok(known)
    }

    /// Revokes the tokens of these; of whom it has.
    pub async fn revoke_all_staff(
        &self,
        staff: Vec<StaffRecord>,
        damaged: &mut DamagedStreams,
    ) -> Result<Vec<StaffId>, Error> {
        let mut revoked = Vec::new();
        for StaffRecord { id, .. } in staff {
            let service = self.clone();
            let done = unless_damaged(Staff::TYPE, id.as_uuid(), async move {
                service.revoke_staff(id).await.map(|()| id)
            });
            revoked.extend(done.await?.noted(damaged));
        }
        Ok(revoked)
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

/// What became of a stream.
enum Done<T> {
    Done(T),
    Damaged(String),
}

impl<T> Done<T> {
    fn noted(self, damaged: &mut DamagedStreams) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Damaged(stream) => {
                damaged.insert(stream);
                None
            }
        }
    }
}

/// Does something to a stream in a task of its own: on some rows, postgres-es panics.
async fn unless_damaged<T: Send + 'static>(
    kind: &str,
    id: Uuid,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<Done<T>, Error> {
    let stream = stream_name(kind, &id.to_string());
    let why = match tokio::spawn(work).await {
        Ok(Ok(done)) => return Ok(Done::Done(done)),
        Ok(Err(error)) if !error.is_damage() => return Err(error),
        Ok(Err(error)) => std::error::Error::source(&error).map(ToString::to_string),
        Err(_panicked) => Some("it panicked".to_owned()),
    };
    tracing::error!(stream, why, "a damaged stream is left as it is");
    Ok(Done::Damaged(stream))
}
