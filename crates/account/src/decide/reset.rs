//! Changing the password: by its owner in a session, or by a mailed link.

use super::{Decision, current_password, ended, live_session};
use crate::command::{RequestReset, ResetPassword, SetPassword};
use crate::event::{AccountEvent, Occasion, PasswordPurpose, SessionEnd};
use crate::state::{Opened, PendingReset};
use crate::{Policy, Refusal};

/// Asking changes nothing: earlier links stay valid until one of them is used or they expire.
pub(super) fn request_reset(
    account: &Opened,
    command: RequestReset,
    policy: &Policy,
) -> Vec<AccountEvent> {
    let RequestReset { at, reset } = command;
    let (live, expired): (Vec<&PendingReset>, Vec<_>) = account
        .resets
        .iter()
        .partition(|pending| at < pending.expires_at);
    let surplus = (live.len() + 1).saturating_sub(policy.resets_per_account);
    let dropped = expired
        .into_iter()
        .chain(live.into_iter().take(surplus))
        .map(|r| r.id)
        .collect();
    vec![AccountEvent::PasswordResetRequested {
        reset,
        expires_at: at + policy.reset_lifetime,
        dropped,
    }]
}

/// Ends every session and leaves two-factor as it is.
pub(super) fn reset_password(account: &Opened, command: ResetPassword) -> Decision {
    let ResetPassword {
        at,
        reset,
        password,
        device,
    } = command;
    account
        .resets
        .iter()
        .find(|pending| pending.id == reset && at < pending.expires_at)
        .ok_or(Refusal::ResetExpired)?;
    let changed = AccountEvent::PasswordReset {
        at,
        reset,
        password,
    };
    let ended = ended(account.sessions_except(None), SessionEnd::PasswordReset);
    let remembered = AccountEvent::DeviceRemembered {
        device,
        occasion: Occasion::PasswordReset,
    };
    Ok([changed]
        .into_iter()
        .chain(ended)
        .chain([remembered])
        .collect())
}

/// Ends every other session.
pub(super) fn set_password(account: &Opened, command: &SetPassword, policy: &Policy) -> Decision {
    let at = command.at;
    let session = live_session(account, command.session, at)?;
    let purpose = PasswordPurpose::ChangePassword;
    if let Some(rejected) =
        current_password(account, session, command.verdict, purpose, at, policy)?
    {
        return Ok(rejected);
    }
    let changed = AccountEvent::PasswordChanged {
        at,
        password: command.password,
        session: session.id,
    };
    let others = account.sessions_except(Some(session.id));
    Ok([changed]
        .into_iter()
        .chain(ended(others, SessionEnd::PasswordChanged))
        .collect())
}
