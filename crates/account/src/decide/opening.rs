//! Opening an account.

use super::Decision;
use crate::command::OpenAccount;
use crate::event::{AccountEvent, Occasion};
use crate::{Account, Refusal};

pub(super) fn open_account(account: &Account, command: OpenAccount) -> Decision {
    if account.opened.is_some() {
        return Err(Refusal::AlreadyOpened);
    }
    if account.erased_at.is_some() {
        return Err(Refusal::AlreadyErased);
    }
    let OpenAccount {
        at,
        email,
        password,
        by,
        device,
    } = command;
    let opened = AccountEvent::AccountOpened {
        at,
        email,
        password,
        by,
    };
    let remembered = device.map(|device| AccountEvent::DeviceRemembered {
        device,
        occasion: Occasion::Verification,
    });
    Ok([opened].into_iter().chain(remembered).collect())
}
