//! Erased accounts: of them nothing is left but their history and a state that says so. The
//! erasure itself is a commit like any other; here it is checked, and repeated where somebody put
//! rows back.

use crate::check::Finding;
use crate::walk::{Replayed, Told};
use crate::{Error, Store};

macro_rules! rows_of {
    ($($table:literal by $id:literal),+ $(,)?) => {
        [$(($table, concat!("SELECT count(*) FROM ", $table, " WHERE ", $id, " = $1"))),+]
    };
}

/// Where an account has rows: the tables that the function `erase_account` empties of it.
const ROWS: [(&str, &str); 8] = rows_of!(
    "data_keys" by "owner_id",
    "secrets" by "account_id",
    "logins" by "account_id",
    "settings" by "account_id",
    "sessions" by "account_id",
    "tokens" by "account_id",
    "devices" by "account_id",
    "idempotent_answers" by "account_id",
);

impl Store {
    /// A row of an erased account was put back: with its data key, the person can be read again.
    pub(crate) async fn find_remains(&self, replayed: &Replayed) -> Result<Vec<Finding>, Error> {
        let Ok(Told::Erased(erased)) = &replayed.told else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (table, find) in ROWS {
            let rows = sqlx::query_scalar::<_, i64>(find)
                .bind(erased.id)
                .fetch_one(&self.pool)
                .await?;
            if rows > 0 {
                found.push(Finding {
                    stream: replayed.stream.name(),
                    table,
                    what: format!("{rows} of an account that was erased"),
                });
            }
        }
        Ok(found)
    }

    /// Erases those that are erased once more: somebody may have put rows back.
    pub(crate) async fn erase_again(&self, batch: &[Replayed]) -> Result<(), Error> {
        for replayed in batch {
            if let Ok(Told::Erased(erased)) = &replayed.told {
                sqlx::query("SELECT erase_account($1)")
                    .bind(erased.id)
                    .execute(&self.pool)
                    .await?;
            }
        }
        Ok(())
    }
}
