//! Erased accounts: of them nothing is left but their history and a state that says so. The
//! erasure itself is a commit like any other; here it is checked, and repeated where somebody put
//! rows back.

use account::Account;
use uuid::Uuid;

use crate::compare::Findings;
use crate::replay::Finding;
use crate::stream::Loaded;
use crate::{ACCOUNT, Error, Store};

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
    pub(crate) async fn compare_erased(
        &self,
        erased: &Loaded<Account>,
    ) -> Result<Vec<Finding>, Error> {
        let mut found = Findings::of(ACCOUNT, erased.id);
        self.compare_state(erased, &mut found).await?;
        for (table, count) in ROWS {
            let rows = sqlx::query_scalar::<_, i64>(count)
                .bind(erased.id)
                .fetch_one(&self.pool)
                .await?;
            if rows > 0 {
                found.add(table, format!("{rows} of an account that was erased"));
            }
        }
        Ok(found.findings)
    }

    /// Erases once more. Nothing follows an erasure: no command can be faster.
    pub(crate) async fn rebuild_erased(&self, erased: &Loaded<Account>) -> Result<bool, Error> {
        let mut transaction = self.pool.begin().await?;
        self.rebuild_state(erased, &mut transaction).await?;
        sqlx::query("SELECT erase_account($1)")
            .bind::<Uuid>(erased.id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
