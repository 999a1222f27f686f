//! A member of staff signed in to the pages, with their staff token. The session stands in their
//! history, and ends when they sign out, with the token, after a while without a request, or by
//! itself.

use account::StaffSessionId;
use account::staff::StaffAct;
use chrono::{Duration, SubsecRound};
use credentials::{Token, TokenKind};

use crate::{Caller, Error, Secret, Service, StaffMember};

/// A working day (ASVS-7.1.1).
pub const STAFF_SESSION_LIFETIME: Duration = Duration::hours(8);
/// Since the last event of the member's own history, which every request appends to.
pub const STAFF_SESSION_IDLE: Duration = Duration::minutes(15);

/// A member of staff in a browser. Only `Service::authenticate_staff_session` makes one.
#[derive(Clone, Debug)]
pub struct SignedInStaff {
    pub member: StaffMember,
    session: StaffSessionId,
}

impl SignedInStaff {
    pub const fn session_id(&self) -> StaffSessionId {
        self.session
    }
}

impl Service {
    /// The token for the browser.
    pub async fn sign_in_staff(
        &self,
        caller: &Caller,
        staff: &StaffMember,
    ) -> Result<Secret, Error> {
        let session = StaffSessionId::from_uuid(self.new_id()?);
        let expires_at = (self.now() + STAFF_SESSION_LIFETIME).trunc_subsecs(6);
        let act = StaffAct::StaffSignedIn {
            session,
            expires_at,
        };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        let token = self
            .keyring()
            .staff_session_token(staff.id.as_uuid(), session.as_uuid());
        Ok(token.reveal())
    }

    pub async fn sign_out_staff(
        &self,
        caller: &Caller,
        staff: &SignedInStaff,
    ) -> Result<(), Error> {
        let session = staff.session;
        let act = StaffAct::StaffSignedOut { session };
        self.record(caller, &staff.member, |_| Ok(act.clone()))
            .await
    }

    /// Reads the history's state each time: who signed out or was revoked is nobody at once.
    pub async fn authenticate_staff_session(&self, token: &str) -> Result<SignedInStaff, Error> {
        let token = Token::parse(TokenKind::StaffSession, token).ok_or(Error::Unauthenticated)?;
        if !self.keyring().staff_session_token_matches(&token) {
            return Err(Error::Unauthenticated);
        }
        let id = account::StaffId::from_uuid(token.owner());
        let session = StaffSessionId::from_uuid(token.id());
        let stream = self.store().staff_stream(id).await?;
        let (loaded, _) = stream.ok_or(Error::Unauthenticated)?;
        let now = self.now();
        let idle = loaded
            .recorded_at()
            .is_none_or(|last| now - last > STAFF_SESSION_IDLE);
        let issued = loaded.state().issued.as_ref();
        let issued = issued
            .filter(|issued| !idle && issued.is_active(now) && issued.has_session(session, now))
            .ok_or(Error::Unauthenticated)?;
        Ok(SignedInStaff {
            member: StaffMember {
                id,
                name: issued.name.clone(),
                role: issued.role,
            },
            session,
        })
    }
}
