//! Going on after the database was restored from a backup.

use super::ended;
use crate::command::RecoverAccount;
use crate::event::{AccountEvent, SessionEnd};
use crate::state::Opened;

/// Ends every session and everything pending, also where there is none: codes that were spent
/// since the backup was made are spent on every account.
pub(super) fn recover_account(account: &Opened, command: RecoverAccount) -> Vec<AccountEvent> {
    let RecoverAccount { at, step } = command;
    let recovered = AccountEvent::AccountRecovered { at, step };
    let ended = ended(account.sessions_except(None), SessionEnd::Recovered);
    [recovered].into_iter().chain(ended).collect()
}
