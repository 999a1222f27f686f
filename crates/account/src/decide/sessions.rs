//! Signing out, ending sessions, and browsers that are known.

use super::{Decision, ended, live_session};
use crate::Refusal;
use crate::command::{EndOtherSessions, EndSession, RememberDevice, SignOut};
use crate::event::{AccountEvent, Occasion, SessionEnd};
use crate::state::Opened;

pub(super) fn sign_out(account: &Opened, command: SignOut) -> Decision {
    let session = live_session(account, command.session, command.at)?.id;
    Ok(vec![AccountEvent::SignedOut { session }])
}

/// Ending the session that asks is signing out.
pub(super) fn end_session(account: &Opened, command: EndSession) -> Decision {
    let asking = live_session(account, command.session, command.at)?.id;
    let target = account
        .session(command.target, command.at)
        .ok_or(Refusal::NoSuchSession)?
        .id;
    Ok(vec![if target == asking {
        AccountEvent::SignedOut { session: target }
    } else {
        AccountEvent::SessionsEnded {
            sessions: vec![target],
            cause: SessionEnd::EndedByOwner,
        }
    }])
}

pub(super) fn end_other_sessions(account: &Opened, command: EndOtherSessions) -> Decision {
    let kept = live_session(account, command.session, command.at)?.id;
    Ok(ended(
        account.sessions_except(Some(kept)),
        SessionEnd::EndedByOwner,
    )
    .into_iter()
    .collect())
}

pub(super) fn remember_device(command: RememberDevice) -> Vec<AccountEvent> {
    vec![AccountEvent::DeviceRemembered {
        device: command.device,
        occasion: Occasion::Unblock,
    }]
}
