//! Mail: promised in the commit that causes it, sealed until sent, delivered at least once.

use std::time::Duration;

use account::state::Opened;
use account::{Account, AccountEvent, AccountId};
use chrono::{DateTime, Utc};
use credentials::{DataKey, Field, Purpose};
use mail::{Circumstances, Letterhead, Message, Transport};
use serde::{Deserialize, Serialize};
use store::{Decided, QueuedMail, SealedMail};
use uuid::Uuid;

use crate::facts::opened;
use crate::fault;
use crate::{Caller, Error, Service};

/// When another takes a mail that a worker took and never finished: longer than a delivery can take.
const LEASE: chrono::Duration = chrono::Duration::seconds(120);
const POLL: Duration = Duration::from_millis(500);
const BATCH: i64 = 20;
/// A mail that could not be sent for this long says nothing that is still true.
const GIVE_UP_AFTER: chrono::Duration = chrono::Duration::days(5);
const LONGEST_PAUSE: chrono::Duration = chrono::Duration::hours(6);

/// What the outbox keeps, sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Promised {
    to: String,
    pub(crate) message: Message,
}

/// How mail leaves: the letterhead, and the way.
#[derive(Debug)]
pub struct Post {
    pub letterhead: Letterhead,
    pub transport: Transport,
}

impl Service {
    pub(crate) fn promise(&self, to: &str, message: Message) -> Result<SealedMail, Error> {
        let id = self.new_id()?;
        let promised = Promised {
            to: to.to_owned(),
            message,
        };
        let text = zeroize::Zeroizing::new(serde_json::to_vec(&promised).map_err(Error::internal)?);
        let sealed = self.keyring().seal(
            Purpose::Outbox,
            &[b"mail", id.as_bytes()],
            &text,
            self.random(),
        )?;
        Ok(SealedMail { id, sealed })
    }

    /// A mail to the account's own address.
    pub(crate) fn promise_to_owner(
        &self,
        key: &DataKey,
        account: AccountId,
        email: &account::Personal,
        message: Message,
    ) -> Result<SealedMail, Error> {
        let address = key.reveal(account.as_uuid(), Field::Email, email)?;
        self.promise(&address, message)
    }

    /// What the owner is told of a decision, committed with it: every change of what guards the
    /// account, and the first wrong code after a right password.
    pub(crate) fn notices(
        &self,
        decided: &Decided<Account>,
        key: &DataKey,
        caller: &Caller,
    ) -> Result<Vec<SealedMail>, Error> {
        let before = opened(decided.before())?;
        let account = AccountId::from_uuid(decided.id());
        let messages = decided
            .events()
            .iter()
            .filter_map(|event| notice(event, before, caller));
        messages
            .map(|message| self.promise_to_owner(key, account, &before.email, message))
            .collect()
    }

    pub(crate) fn link(&self, path: &str, token: &str) -> String {
        format!("{}/{path}/{token}", self.0.settings.public_url)
    }

    /// Delivers mail for as long as it runs.
    pub async fn deliver_mail(self, post: Post) {
        loop {
            match self.deliver_due(&post).await {
                Ok(0) => {
                    let wake = self.0.mail_promised.notified();
                    let _ = tokio::time::timeout(POLL, wake).await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the outbox stopped"
                    );
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    /// A mail that fails, whatever the reason, stands in no other's way.
    async fn deliver_due(&self, post: &Post) -> Result<usize, Error> {
        let mails = self.store().take_mails(self.now(), LEASE, BATCH).await?;
        let count = mails.len();
        // At once: nobody learns from how long their own mail takes for whom another waits.
        let deliveries = mails
            .into_iter()
            .map(|(id, mail)| self.deliver_or_keep(post, id, mail));
        // To their ends, all of them: one fault must not cut short another's delivery.
        let outcomes = futures::future::join_all(deliveries).await;
        outcomes.into_iter().collect::<Result<(), Error>>()?;
        Ok(count)
    }

    async fn deliver_or_keep(
        &self,
        post: &Post,
        id: Uuid,
        mail: Result<QueuedMail, store::Error>,
    ) -> Result<(), Error> {
        let now = self.now();
        let created_at = mail.as_ref().map_or(now, |mail| mail.created_at);
        let delivery = async { self.deliver(post, mail?).await };
        if let Err(error) = fault::as_error(delivery).await {
            self.0.counters.mail_failed();
            tracing::error!(
                error = &error as &dyn std::error::Error,
                mail.id = %id,
                "a mail could not be worked on"
            );
            self.later(id, created_at, LONGEST_PAUSE).await?;
        }
        Ok(())
    }

    /// Sends a mail once more after `pause`, unless that has gone on for too long.
    async fn later(
        &self,
        id: Uuid,
        created_at: DateTime<Utc>,
        pause: chrono::Duration,
    ) -> Result<(), Error> {
        let now = self.now();
        if now - created_at > GIVE_UP_AFTER {
            tracing::error!(mail.id = %id, "mail given up");
            return Ok(self.store().mail_done(id).await?);
        }
        Ok(self.store().mail_again_at(id, now + pause).await?)
    }

    async fn deliver(&self, post: &Post, queued: QueuedMail) -> Result<(), Error> {
        let id = queued.id;
        let text =
            self.keyring()
                .open(Purpose::Outbox, &[b"mail", id.as_bytes()], &queued.sealed)?;
        let promised: Promised = serde_json::from_slice(&text).map_err(Error::internal)?;
        let kind = promised.message.kind();
        if promised
            .message
            .expires_at()
            .is_some_and(|end| end <= self.now())
        {
            tracing::info!(mail.id = %id, mail.kind = kind, "its link has expired: not sent");
            return Ok(self.store().mail_done(id).await?);
        }
        let letter = mail::compose(
            &post.letterhead,
            &promised.to,
            id,
            queued.created_at,
            &promised.message,
        );
        let letter = match letter {
            Ok(letter) => letter,
            Err(error) => {
                self.0.counters.mail_failed();
                tracing::error!(mail.id = %id, mail.kind = kind, %error, "a mail cannot be written");
                return Ok(self.store().mail_done(id).await?);
            }
        };
        match post.transport.deliver(id, &letter).await {
            Ok(()) => {
                tracing::info!(mail.id = %id, mail.kind = kind, "mail sent");
                Ok(self.store().mail_done(id).await?)
            }
            Err(error) => {
                self.0.counters.mail_failed();
                let reply = error.reply().map(|reply| reply.code);
                let permanent = error.is_permanent();
                tracing::warn!(
                    mail.id = %id, mail.kind = kind, mail.attempt = queued.attempts,
                    smtp.reply = reply, smtp.permanent = permanent, "mail could not be sent"
                );
                self.later(id, queued.created_at, pause(queued.attempts, permanent))
                    .await
            }
        }
    }
}

/// 10 s, doubling up to 6 h; a refusal for good is asked about again seldom, since servers are
/// repaired as well.
fn pause(attempts: i32, permanent: bool) -> chrono::Duration {
    if permanent {
        return LONGEST_PAUSE;
    }
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(20);
    LONGEST_PAUSE.min(chrono::Duration::seconds(10) * (1 << doublings))
}

fn notice(event: &AccountEvent, before: &Opened, caller: &Caller) -> Option<Message> {
    match event {
        AccountEvent::PasswordChanged { at, .. } => {
            Some(Message::PasswordChanged(circumstances(*at, caller)))
        }
        AccountEvent::PasswordReset { at, .. } => {
            Some(Message::PasswordReset(circumstances(*at, caller)))
        }
        AccountEvent::TwoFactorEnabled { at, .. } => {
            Some(Message::TwoFactorEnabled(circumstances(*at, caller)))
        }
        AccountEvent::TwoFactorDisabled { at, .. } => {
            Some(Message::TwoFactorDisabled(circumstances(*at, caller)))
        }
        AccountEvent::CodeRejected { at, .. } if before.codes.failures == 0 => Some(
            Message::WrongCodeAfterRightPassword(circumstances(*at, caller)),
        ),
        AccountEvent::AccountUnlocked {
            at,
            two_factor_was_on,
            ..
        } => {
            // Where support sits is not the owner's business.
            let circumstances = Circumstances {
                at: *at,
                ip: None,
                user_agent: None,
            };
            let two_factor_was_on = *two_factor_was_on;
            Some(Message::AccountUnlocked {
                circumstances,
                two_factor_was_on,
            })
        }
        _ => None,
    }
}

fn circumstances(at: DateTime<Utc>, caller: &Caller) -> Circumstances {
    Circumstances {
        at,
        ip: Some(caller.ip.to_string()),
        user_agent: caller.user_agent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_server_is_asked_again_ever_more_seldom() {
        let seconds = |attempts| pause(attempts, false).num_seconds();
        assert_eq!([1, 2, 3, 4].map(seconds), [10, 20, 40, 80]);
        assert_eq!(pause(100, false), chrono::Duration::hours(6));
        assert_eq!(pause(1, true), chrono::Duration::hours(6));
    }
}
