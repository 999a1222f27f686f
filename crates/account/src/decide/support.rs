//! What support may do to an account.

use super::{Decision, ended};
use crate::Refusal;
use crate::command::AdminUnlock;
use crate::event::{AccountEvent, SessionEnd};
use crate::state::{Opened, TwoFactor};

/// Lifts every wait, turns two-factor off, and ends every session and everything pending; the
/// owner signs in with the password.
pub(super) fn admin_unlock(account: &Opened, command: AdminUnlock) -> Decision {
    let AdminUnlock {
        at,
        reason,
        ticket,
        passwords_refused,
    } = command;
    let two_factor_was_on = matches!(account.two_factor, TwoFactor::Enabled { .. });
    let codes_refused = account.codes.refusal(at).is_some();
    if !(two_factor_was_on || codes_refused || passwords_refused) {
        return Err(Refusal::NothingToUnlock);
    }
    let unlocked = AccountEvent::AccountUnlocked {
        at,
        reason,
        ticket,
        two_factor_was_on,
    };
    let ended = ended(account.sessions_except(None), SessionEnd::Unlocked);
    Ok([unlocked].into_iter().chain(ended).collect())
}
