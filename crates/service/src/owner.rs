//! A signed-in account: proving it, its sessions, its settings.

use account::command::{EndOtherSessions, EndSession, SignOut};
use account::{AccountEvent, Actor, Command, Refusal, SessionId};
use chrono::{DateTime, Duration, Utc};
use credentials::{Field, Token};
use store::{Beside, Corruption, Dossier, Entry, Issued};

use crate::act::Attempts;
use crate::facts::reveal_address;
use crate::view::{AccountView, SessionListing, SessionView, SettingsView, TwoFactorView};
use crate::{Caller, Error, Owner, Service, Transport};

/// How exact "last seen" is at most; a session that is used all the time costs one write in this
/// time. A quarter of the idle limit where that is shorter.
const SEEN_EVERY: Duration = Duration::minutes(1);

/// One attempt of an owner's command.
pub(crate) struct Act {
    pub(crate) at: DateTime<Utc>,
    pub(crate) command: Command,
    pub(crate) issued: Issued,
    pub(crate) beside: Beside,
}

impl Act {
    pub(crate) fn of(at: DateTime<Utc>, command: Command) -> Self {
        Self {
            at,
            command,
            issued: Issued::default(),
            beside: Beside::default(),
        }
    }
}

impl Service {
    /// Who a session token belongs to. Reads the database each time: a session that ended is
    /// nobody's, on whatever server it ended.
    pub async fn authenticate(&self, transport: Transport, token: &str) -> Result<Owner, Error> {
        let token = Token::parse(transport.token_kind(), token).ok_or(Error::Unauthenticated)?;
        let (mut session, holder) = self
            .store()
            .session(&token)
            .await?
            .ok_or(Error::Unauthenticated)?;
        let now = self.now();
        if !session.is_live(now, self.policy().session_idle) {
            return Err(Error::Unauthenticated);
        }
        if now - session.last_seen_at > SEEN_EVERY.min(self.policy().session_idle / 4) {
            self.store().touch(&session, now).await?;
            session.last_seen_at = now;
        }
        Ok(Owner {
            account: session.account,
            session,
            holder,
        })
    }

    pub fn session(&self, owner: &Owner) -> Result<SessionView, Error> {
        let session = &owner.session;
        Ok(SessionView {
            account: AccountView {
                id: owner.account,
                email: self.email(owner)?,
                created_at: owner.holder.opened_at,
            },
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
            factors: session.factors.clone(),
        })
    }

    pub async fn owner_settings(&self, owner: &Owner) -> Result<SettingsView, Error> {
        let Some(profile) = self.store().profile(owner.account).await? else {
            // Erased since the session was proved; or else somebody deleted the row.
            let (table, row) = ("settings", self.owned(owner).await?.account.to_string());
            return Err(store::Error::from(Corruption::Row { table, row }).into());
        };
        let key = owner.holder.data_key(self.keyring(), owner.account)?;
        Ok(SettingsView {
            account: AccountView {
                id: owner.account,
                email: reveal_address(&key, owner.account, &profile.email)?,
                created_at: profile.created_at,
            },
            password_changed_at: profile.password_changed_at,
            two_factor: TwoFactorView::from_status(profile.two_factor, self.now()),
        })
    }

    pub(crate) fn email(&self, owner: &Owner) -> Result<String, Error> {
        let key = owner.holder.data_key(self.keyring(), owner.account)?;
        reveal_address(&key, owner.account, &owner.holder.email)
    }

    /// The sessions that are live, the newest first.
    pub async fn sessions(&self, owner: &Owner) -> Result<Vec<SessionListing>, Error> {
        let key = owner.holder.data_key(self.keyring(), owner.account)?;
        let (id, now) = (owner.account.as_uuid(), self.now());
        let shown = |field, sealed: &Option<account::Personal>| {
            sealed
                .as_ref()
                .and_then(|sealed| key.reveal(id, field, sealed).ok())
        };
        let sessions = self.store().sessions(owner.account).await?;
        Ok(sessions
            .into_iter()
            .filter(|(session, _)| session.is_live(now, self.policy().session_idle))
            .map(|(session, begun)| {
                let user_agent = shown(Field::UserAgent, &begun.user_agent);
                SessionListing {
                    id: session.id,
                    current: session.id == owner.session.id,
                    created_at: session.created_at,
                    last_seen_at: session.last_seen_at,
                    ip: shown(Field::Ip, &begun.ip),
                    browser: user_agent.as_deref().and_then(mail::Browser::of),
                    user_agent,
                    factors: session.factors,
                }
            })
            .collect())
    }

    pub async fn sign_out(&self, caller: &Caller, owner: &Owner) -> Result<(), Error> {
        let session = owner.session.id;
        self.simply(caller, owner, "SignOut", |at| {
            Command::SignOut(SignOut { at, session })
        })
        .await
    }

    pub async fn end_session(
        &self,
        caller: &Caller,
        owner: &Owner,
        target: SessionId,
    ) -> Result<(), Error> {
        let session = owner.session.id;
        let command = |at| {
            Command::EndSession(EndSession {
                at,
                session,
                target,
            })
        };
        self.simply(caller, owner, "EndSession", command).await
    }

    pub async fn end_other_sessions(&self, caller: &Caller, owner: &Owner) -> Result<(), Error> {
        let session = owner.session.id;
        let command = |at| Command::EndOtherSessions(EndOtherSessions { at, session });
        self.simply(caller, owner, "EndOtherSessions", command)
            .await
    }

    /// A command of the owner's that needs no credential and issues nothing.
    pub(crate) async fn simply(
        &self,
        caller: &Caller,
        owner: &Owner,
        name: &'static str,
        command: impl Fn(DateTime<Utc>) -> Command + Send,
    ) -> Result<(), Error> {
        let mut attempts = self.attempts(name, &owner.account.as_uuid())?;
        loop {
            let dossier = self.owned(owner).await?;
            let at = dossier.loaded.moment(self.now());
            let act = Act::of(at, command(at));
            if self
                .carry_out(caller, owner, dossier, act, &mut attempts)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
    }

    pub(crate) async fn owned(&self, owner: &Owner) -> Result<Dossier, Error> {
        self.store()
            .dossier(owner.account)
            .await?
            .ok_or(Error::Unauthenticated)
    }

    /// Decides and commits one command of the owner's. `None`: decide again.
    pub(crate) async fn carry_out(
        &self,
        caller: &Caller,
        owner: &Owner,
        dossier: Dossier,
        act: Act,
        attempts: &mut Attempts,
    ) -> Result<Option<Vec<AccountEvent>>, Error> {
        let Act {
            at,
            command,
            issued,
            mut beside,
        } = act;
        let (key, id) = (dossier.data_key, owner.account);
        let decided = match dossier.loaded.decide(command, self.policy(), at).await {
            Ok(decided) => decided,
            Err(Refusal::StaleVerdict) => return attempts.again().await.map(|()| None),
            Err(refusal) => return Err(Error::from_refusal(refusal, at)),
        };
        let events = decided.events().to_vec();
        if events.is_empty() {
            return Ok(Some(events));
        }
        beside.mails.extend(self.notices(&decided, &key, caller)?);
        let actor = Actor::Owner { id };
        let metadata = self.metadata(attempts, (&key, id.as_uuid()), actor, Some(caller))?;
        let committed = self
            .commit(Entry::new(decided, issued, metadata), beside, attempts)
            .await?;
        Ok(committed.then_some(events))
    }
}
