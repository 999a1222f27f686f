//! A member of staff's sign-in to the pages, with their staff token. It stands in their history,
//! and ends when they sign out, with the token, or by itself.

use account::PagesId;
use account::staff::StaffAct;
use chrono::{Duration, SubsecRound};
use credentials::{Token, TokenKind};

use crate::{Caller, Error, Secret, Service, StaffMember};

/// A working day.
pub const PAGES_LIFETIME: Duration = Duration::hours(8);

/// A member of staff in a browser. Only `Service::authenticate_pages` makes one.
#[derive(Clone, Debug)]
pub struct StaffOnPages {
    pub member: StaffMember,
    pages: PagesId,
}

impl Service {
    /// Signs a member of staff in to the pages; the token for their browser.
    pub async fn enter_pages(&self, caller: &Caller, staff: &StaffMember) -> Result<Secret, Error> {
        let pages = PagesId::from_uuid(self.new_id()?);
        let expires_at = (self.now() + PAGES_LIFETIME).trunc_subsecs(6);
        let act = StaffAct::PagesEntered { pages, expires_at };
        self.record(caller, staff, |_| Ok(act.clone())).await?;
        let token = self
            .keyring()
            .pages_token(staff.id.as_uuid(), pages.as_uuid());
        Ok(token.reveal())
    }

    pub async fn leave_pages(&self, caller: &Caller, staff: &StaffOnPages) -> Result<(), Error> {
        let act = StaffAct::PagesLeft { pages: staff.pages };
        self.record(caller, &staff.member, |_| Ok(act.clone()))
            .await
    }

    /// Reads the history's state each time: who signed out or was revoked is nobody at once.
    pub async fn authenticate_pages(&self, token: &str) -> Result<StaffOnPages, Error> {
        let token = Token::parse(TokenKind::StaffPages, token).ok_or(Error::Unauthenticated)?;
        if !self.keyring().pages_token_matches(&token) {
            return Err(Error::Unauthenticated);
        }
        let id = account::StaffId::from_uuid(token.owner());
        let pages = PagesId::from_uuid(token.id());
        let stream = self.store().staff_stream(id).await?;
        let (loaded, _) = stream.ok_or(Error::Unauthenticated)?;
        let now = self.now();
        let issued = loaded.state().issued.as_ref();
        let issued = issued
            .filter(|issued| issued.is_active(now) && issued.on_the_pages(pages, now))
            .ok_or(Error::Unauthenticated)?;
        Ok(StaffOnPages {
            member: StaffMember {
                id,
                name: issued.name.clone(),
                role: issued.role,
            },
            pages,
        })
    }
}
