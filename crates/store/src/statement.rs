//! The statement of a commit: events and everything that follows from them, in one round trip.
//!
//! It has the parts that a commit needs, and no others: PostgreSQL prepares each part and each
//! parameter at every execution, whether or not it then finds a row. Rows are images of the new
//! state, or lists of new and kept keys, and never increments. No row is touched by two of the parts:
//! all of them see the database as it was before.

mod account;
mod beside;
mod devices;
mod staff;
mod stream;

use credentials::Keyring;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::query_builder::QueryBuilder;

use crate::Error;
use crate::commit::Commit;

pub(crate) struct Statement<'c> {
    query: QueryBuilder<'c, Postgres>,
    /// True of what was to be changed, unless somebody else was faster: then nothing is committed.
    conditions: Vec<&'static str>,
}

impl<'c> Statement<'c> {
    pub(crate) fn of(commit: &'c Commit, keyring: &Keyring) -> Result<Self, Error> {
        let mut statement = Self {
            query: QueryBuilder::new(""),
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
        self.query.build()
    }

    /// Begins a part, which whoever calls this goes on to write and to close.
    fn part(&mut self, begin: &'static str) -> &mut QueryBuilder<'c, Postgres> {
        let first = self.query.sql().is_empty();
        self.query.push(if first { "WITH " } else { ",\n" });
        self.query.push(begin)
    }

    fn require(&mut self, condition: &'static str) {
        self.conditions.push(condition);
    }

    /// The stream's own row comes first: whoever has it goes on, and all others wait there, rather
    /// than each for a row that the other one has.
    fn end(&mut self, commit: &Commit) {
        self.query.push("\nSELECT");
        if !self.conditions.is_empty() {
            let mut all = self.query.push(" require_fresh(").separated(" AND ");
            for condition in &self.conditions {
                all.push(condition);
            }
            all.push_unseparated(")");
        }
        if commit.appends().is_some() {
            self.query.push(" FROM imaged");
        }
    }
}
