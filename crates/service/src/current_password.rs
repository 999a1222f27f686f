//! What a signed-in owner does with the current password once more.

use account::state::Opened;
use account::{AccountEvent, Command, PasswordVerdict};
use chrono::{DateTime, Utc};
use store::{Dossier, NewSecret};

use crate::facts::opened;
use crate::owner::Act;
use crate::password_check::PasswordCheck;
use crate::{Caller, Error, Owner, Service};

/// A command that takes the current password.
pub(crate) struct Guarded<C> {
    pub(crate) name: &'static str,
    pub(crate) check: PasswordCheck,
    /// Asked before anything is hashed.
    pub(crate) ready: fn(&Opened) -> Result<(), Error>,
    /// The command, and the secrets that it keeps if the password was right.
    pub(crate) command: C,
}

impl Service {
    /// Carries it out; the events, unless the password was wrong, which is an event as well.
    pub(crate) async fn with_current_password<C>(
        &self,
        caller: &Caller,
        owner: &Owner,
        mut guarded: Guarded<C>,
    ) -> Result<Vec<AccountEvent>, Error>
    where
        C: Fn(
                &Dossier,
                DateTime<Utc>,
                PasswordVerdict,
            ) -> Result<(Command, Option<NewSecret>), Error>
            + Send,
    {
        let mut attempts = self.attempts(guarded.name, &owner.account.as_uuid())?;
        loop {
            let dossier = self.owned(owner).await?;
            let at = dossier.loaded.moment(self.now());
            (guarded.ready)(opened(dossier.loaded.state())?)?;
            let verdict = self
                .check_current(&mut guarded.check, &dossier, owner, at)
                .await?;
            let (command, secret) = (guarded.command)(&dossier, at, verdict)?;
            let mut act = Act::of(at, command);
            act.beside
                .secrets
                .extend(secret.filter(|_| verdict.matched));
            let done = self
                .carry_out(caller, owner, dossier, act, &mut attempts)
                .await?;
            if let Some(events) = done {
                let rejected = |event| matches!(event, &AccountEvent::PasswordRejected { .. });
                let rejected = events.iter().any(rejected);
                return if rejected {
                    Err(Error::InvalidCredentials)
                } else {
                    Ok(events)
                };
            }
        }
    }

    /// The verdict about a current password, which is not looked at while attempts are refused.
    pub(crate) async fn check_current(
        &self,
        check: &mut PasswordCheck,
        dossier: &Dossier,
        owner: &Owner,
        at: DateTime<Utc>,
    ) -> Result<PasswordVerdict, Error> {
        let account = dossier.loaded.state();
        if let Some(wait) = account.current_password_refusal(owner.session.id, at, self.policy()) {
            return Err(Error::waiting(wait, at));
        }
        check
            .against(dossier, opened(account)?, &self.0.hashing)
            .await
    }
}
