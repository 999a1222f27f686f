//! Members of staff: issuing and revoking their tokens, proving them, recording what they do.

use account::staff::{Role, Staff, StaffAct, StaffCommand, StaffRefusal};
use account::{AccountId, Actor, StaffId};
use chrono::{Duration, SubsecRound};
use credentials::{DataKey, Token, TokenKind};
use store::{Beside, Decided, Entry, Issued, Loaded, StaffRecord};

use crate::act::Attempts;
use crate::{Caller, Error, Secret, Service, StaffMember};

/// A token of a member of staff, shown once.
#[derive(Debug)]
pub struct StaffToken {
    pub id: StaffId,
    pub token: Secret,
}

impl StaffMember {
    pub(crate) fn actor(&self) -> Actor {
        let (id, name) = (self.id, self.name.clone());
        match self.role {
            Role::Support => Actor::Support { id, name },
            Role::Auditor => Actor::Auditor { id, name },
        }
    }
}

impl Service {
    pub async fn authenticate_staff(&self, token: &str) -> Result<StaffMember, Error> {
        let token = Token::parse(TokenKind::Staff, token).ok_or(Error::Unauthenticated)?;
        let record = self
            .store()
            .staff_by_token(&token)
            .await?
            .ok_or(Error::Unauthenticated)?;
        if !record.is_active(self.now()) {
            return Err(Error::Unauthenticated);
        }
        Ok(StaffMember {
            id: record.id,
            name: record.name,
            role: record.role,
        })
    }

    /// Asked again by what a member of staff changes: they may have been revoked meanwhile.
    pub(crate) async fn must_be_active(&self, staff: &StaffMember) -> Result<(), Error> {
        let record = self.store().staff_member(staff.id).await?;
        let active = record.is_some_and(|record| record.is_active(self.now()));
        if active {
            Ok(())
        } else {
            Err(Error::Unauthenticated)
        }
    }

    /// Issues a token to somebody new.
    pub async fn issue_staff(
        &self,
        name: &str,
        role: Role,
        lifetime: Duration,
    ) -> Result<StaffToken, Error> {
        let id = self.new_id()?;
        let (key, at) = (
            DataKey::generate(self.random())?,
            self.now().trunc_subsecs(6),
        );
        let (name, expires_at) = (name.to_owned(), at + lifetime);
        let command = StaffCommand::Issue {
            at,
            name,
            role,
            expires_at,
        };
        let decided = decide(Loaded::unborn(id), command, at).await?;
        let (token, hash) = self.new_token(TokenKind::Staff, id, id)?;
        let attempts = self.attempts("IssueStaff", &id)?;
        let metadata = self.metadata(&attempts, (&key, id), Actor::System, None)?;
        let beside = Beside {
            data_key: Some(key.wrap(self.keyring(), id, self.random())?),
            staff_token: Some(hash),
            ..Beside::default()
        };
        let entry = Entry::new(decided, Issued::default(), metadata);
        self.store().commit_staff(entry, beside).await?;
        Ok(StaffToken {
            id: StaffId::from_uuid(id),
            token,
        })
    }

    pub async fn revoke_staff(&self, id: StaffId) -> Result<(), Error> {
        let mut attempts = self.attempts("RevokeStaff", &id)?;
        loop {
            let (loaded, key) = self
                .store()
                .staff_stream(id)
                .await?
                .ok_or(Error::NotFound)?;
            let at = loaded.moment(self.now());
            let decided = match decide(loaded, StaffCommand::Revoke { at }, at).await {
                // Already revoked is revoked.
                Err(Error::Unauthenticated) => return Ok(()),
                other => other?,
            };
            let metadata = self.metadata(&attempts, (&key, id.as_uuid()), Actor::System, None)?;
            if self.commit_staff(decided, metadata, &mut attempts).await? {
                return Ok(());
            }
        }
    }

    /// Everybody who was ever issued a token, the newest first.
    pub async fn list_staff(&self) -> Result<Vec<StaffRecord>, Error> {
        Ok(self.store().staff().await?)
    }

    /// Records a call that was refused, before it is answered.
    pub async fn record_refusal(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        operation: &str,
        account: Option<AccountId>,
        code: &str,
    ) -> Result<(), Error> {
        let (operation, code) = (operation.to_owned(), code.to_owned());
        let act = StaffAct::CallRefused {
            operation,
            account,
            code,
        };
        self.record(caller, staff, |_| Ok(act.clone())).await
    }

    /// Appends what a member of staff did to their own stream; whoever was revoked in the meantime
    /// did not do it.
    pub(crate) async fn record(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        act: impl Fn(&DataKey) -> Result<StaffAct, Error> + Send,
    ) -> Result<(), Error> {
        let mut attempts = self.attempts("RecordStaff", &staff.id)?;
        loop {
            let stream = self.store().staff_stream(staff.id).await?;
            let (loaded, key) = stream.ok_or(Error::Unauthenticated)?;
            let at = loaded.moment(self.now());
            let command = StaffCommand::Record {
                at,
                act: act(&key)?,
            };
            let decided = decide(loaded, command, at).await?;
            let owner = (&key, staff.id.as_uuid());
            let metadata = self.metadata(&attempts, owner, staff.actor(), Some(caller))?;
            if self.commit_staff(decided, metadata, &mut attempts).await? {
                return Ok(());
            }
        }
    }

    /// Appends what became of a member of staff without their doing.
    pub(crate) async fn record_by_system(&self, id: StaffId, act: StaffAct) -> Result<(), Error> {
        let mut attempts = self.attempts("RecordStaff", &id)?;
        loop {
            let stream = self.store().staff_stream(id).await?;
            let (loaded, key) = stream.ok_or(Error::NotFound)?;
            let at = loaded.moment(self.now());
            let act = act.clone();
            let decided = decide(loaded, StaffCommand::Record { at, act }, at).await?;
            let metadata = self.metadata(&attempts, (&key, id.as_uuid()), Actor::System, None)?;
            if self.commit_staff(decided, metadata, &mut attempts).await? {
                return Ok(());
            }
        }
    }

    async fn commit_staff(
        &self,
        decided: Decided<Staff>,
        metadata: account::Metadata,
        attempts: &mut Attempts,
    ) -> Result<bool, Error> {
        let (id, base) = (decided.id(), decided.base());
        let entry = Entry::new(decided, Issued::default(), metadata);
        let result = self.store().commit_staff(entry, Beside::default()).await;
        self.settled::<Staff>(result, id, base, attempts).await
    }
}

async fn decide(
    loaded: Loaded<Staff>,
    command: StaffCommand,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<Decided<Staff>, Error> {
    loaded
        .decide(command, &(), at)
        .await
        .map_err(|refusal| match refusal {
            StaffRefusal::Revoked | StaffRefusal::Expired | StaffRefusal::NotIssued => {
                Error::Unauthenticated
            }
            StaffRefusal::AlreadyIssued => Error::internal(refusal),
        })
}
