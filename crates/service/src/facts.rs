//! What a dossier tells, opened.

use account::state::Opened;
use account::{Account, AccountId, EmailAddress, Personal};
use credentials::{DataKey, Field};
use store::Dossier;

use crate::Error;

pub(crate) fn opened(account: &Account) -> Result<&Opened, Error> {
    account.opened.as_ref().ok_or(Error::NotFound)
}

pub(crate) fn address_of(dossier: &Dossier) -> Result<EmailAddress, Error> {
    let email = &opened(dossier.loaded.state())?.email;
    let text = reveal_address(&dossier.data_key, dossier.account, email)?;
    text.parse().map_err(Error::internal)
}

pub(crate) fn reveal_address(
    key: &DataKey,
    account: AccountId,
    email: &Personal,
) -> Result<String, Error> {
    Ok(key.reveal(account.as_uuid(), Field::Email, email)?)
}
