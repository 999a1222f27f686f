//! The statement of a commit: events and everything that follows from them, in one round trip.
//!
//! It has the parts that a commit needs, and no others: PostgreSQL prepares each part and each
//! parameter at every execution, whether or not it then finds a row. Rows are images of the new
//! state, or lists of new and kept keys, and never increments. No row is touched by two of the parts:
//! all of them see the database as it was before. A whole one, of a sign-in, stands in
//! `statement/sign_in.sql`.

mod account;
mod beside;
mod devices;
mod sql;
mod staff;
mod stream;

use credentials::Keyring;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

use self::sql::{Row, Sql};
use crate::Error;
use crate::commit::Commit;

pub(crate) struct Statement<'c> {
    sql: Sql<'c>,
    /// True of what was to be changed, unless somebody else was faster: then nothing is committed.
    conditions: Vec<&'static str>,
}

impl<'c> Statement<'c> {
    /// The order matters. Tables are locked in that of the parts: `events` comes first, where a
    /// rebuild waits for whoever commits. Rows are locked in that of the conditions: what keeps an
    /// erasure out comes before whatever it removes.
    pub(crate) fn of(commit: &'c Commit, keyring: &Keyring) -> Result<Self, Error> {
        let mut statement = Self {
            sql: Sql::empty(),
            conditions: Vec::new(),
        };
        statement.add_stream(commit);
        statement.add_account(commit, keyring)?;
        statement.add_devices(commit);
        statement.add_what_stands_beside(commit);
        statement.add_staff(commit);
        statement.end(commit);
        Ok(statement)
    }

    pub(crate) fn query(&mut self) -> Query<'_, Postgres, PgArguments> {
        self.sql.query()
    }

    fn part(&mut self, name: &'static str, write: impl FnOnce(&mut Sql<'c>)) {
        let first = self.sql.is_empty();
        self.sql.push(if first { "WITH " } else { ",\n" });
        self.sql.push(name).push(" AS (\n    ");
        write(&mut self.sql);
        self.sql.push("\n)");
    }

    /// A part that inserts a row for each of `items`, in the order of the columns that `into` names.
    fn insert<I: IntoIterator>(
        &mut self,
        name: &'static str,
        into: &'static str,
        items: I,
        row: impl FnMut(&mut Row<'_, 'c>, I::Item),
    ) {
        self.part(name, |sql| {
            sql.push("INSERT INTO ")
                .push(into)
                .push("\n    ")
                .rows(items, row);
        });
    }

    fn require(&mut self, condition: &'static str) {
        self.conditions.push(condition);
    }

    /// The stream's own row comes first: whoever has it goes on, and all others wait there, rather
    /// than each for a row that the other one has. There is one, or nothing is committed.
    fn end(&mut self, commit: &Commit) {
        let appends = commit.appends().is_some();
        let state = appends.then_some("count(*) = 1");
        let mut conditions = state.into_iter().chain(self.conditions.iter().copied());
        self.sql.push("\nSELECT");
        if let Some(first) = conditions.next() {
            self.sql.push(" require_fresh(").push(first);
            for condition in conditions {
                self.sql.push("\n    AND ").push(condition);
            }
            self.sql.push(")");
        }
        if appends {
            self.sql.push(" FROM imaged");
        }
    }
}

#[cfg(test)]
mod tests;
