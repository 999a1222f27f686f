//! The text of a statement and the values beside it. No value can get into the text: that is what
//! the program was built with.

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::query_builder::{QueryBuilder, Separated};
use sqlx::{Encode, Type};

pub(super) struct Sql<'c>(QueryBuilder<'c, Postgres>);

impl<'c> Sql<'c> {
    pub(super) fn empty() -> Self {
        Self(QueryBuilder::new(""))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.sql().is_empty()
    }

    pub(super) fn push(&mut self, text: &'static str) -> &mut Self {
        self.0.push(text);
        self
    }

    pub(super) fn bind(
        &mut self,
        value: impl Encode<'c, Postgres> + Type<Postgres> + 'c,
    ) -> &mut Self {
        self.0.push_bind(value);
        self
    }

    /// `VALUES`, and a row for each item.
    pub(super) fn rows<I: IntoIterator>(
        &mut self,
        items: I,
        mut row: impl FnMut(&mut Row<'_, 'c>, I::Item),
    ) -> &mut Self {
        self.0
            .push_values(items, |values, item| row(&mut Row(values), item));
        self
    }

    pub(super) fn query(&mut self) -> Query<'_, Postgres, PgArguments> {
        self.0.build()
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        self.0.sql()
    }
}

/// The values of a row, in the order of its columns.
pub(super) struct Row<'q, 'c>(Separated<'q, 'c, Postgres, &'static str>);

impl<'c> Row<'_, 'c> {
    pub(super) fn bind(
        &mut self,
        value: impl Encode<'c, Postgres> + Type<Postgres> + 'c,
    ) -> &mut Self {
        self.0.push_bind(value);
        self
    }

    pub(super) fn bind_json(&mut self, text: &'c str) -> &mut Self {
        self.0.push_bind(text).push_unseparated("::json");
        self
    }

    /// What is the same in every row.
    pub(super) fn constant(&mut self, text: &'static str) -> &mut Self {
        self.0.push(text);
        self
    }
}
