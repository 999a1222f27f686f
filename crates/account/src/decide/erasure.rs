//! Erasing an account.

use crate::command::EraseAccount;
use crate::event::AccountEvent;

/// Whatever state the account is in: what it held ends with it, and is not told of one by one.
pub(super) fn erase_account(command: EraseAccount) -> Vec<AccountEvent> {
    let EraseAccount { at } = command;
    vec![AccountEvent::AccountErased { at }]
}
