//! A stream: its events, the list of what the log still lacks, and the image of its state.

use super::Statement;
use crate::columns::key_column;
use crate::commit::{Commit, StreamPart};
use crate::stream::{STATE_SHAPE, StateImage};

impl<'c> Statement<'c> {
    pub(super) fn add_stream(&mut self, commit: &'c Commit) {
        if let Some(stream) = commit.appends() {
            self.append(stream);
            self.image(stream, &stream.state);
            if commit.rows.erases {
                self.erase(commit);
            }
        }
    }

    fn append(&mut self, stream: &'c StreamPart) {
        self.part(
            "appended AS (
    INSERT INTO events (
        aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id
    ) ",
        )
        .push_values((stream.base + 1..).zip(&stream.events), |mut row, event| {
            let (sequence, event) = event;
            row.push_bind(&stream.id)
                .push_bind(stream.aggregate_type)
                .push_bind(sequence)
                .push_bind(&event.event_type)
                .push_bind(&event.event_version)
                .push_bind(&event.payload)
                .push_unseparated("::json")
                .push_bind(&stream.metadata)
                .push_unseparated("::json")
                .push_bind(&stream.state.recorded_at)
                .push_bind(event.hash.as_slice())
                .push_bind(event.mac.as_slice())
                .push_bind(key_column(stream.key));
        })
        .push(
            " RETURNING id, aggregate_id, aggregate_type, sequence
),
listed AS (
    INSERT INTO unsequenced (id, aggregate_id, aggregate_type, sequence)
    SELECT id, aggregate_id, aggregate_type, sequence FROM appended
)",
        );
    }

    fn image(&mut self, stream: &'c StreamPart, image: &'c StateImage) {
        let query = self.part(
            "imaged AS (
    INSERT INTO states (
        aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(&stream.id)
            .push_bind(stream.aggregate_type)
            .push_bind(image.version)
            .push_bind(&image.tip)
            .push_bind(&image.recorded_at)
            .push_bind(STATE_SHAPE)
            .push_bind(&image.state)
            .push_bind(&image.mac)
            .push_bind(key_column(image.key))
            .push_unseparated(
                ") ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
        version = excluded.version, tip = excluded.tip, recorded_at = excluded.recorded_at,
        shape = excluded.shape, state = excluded.state, mac = excluded.mac, key_id = excluded.key_id
    RETURNING 1
)",
            );
    }

    /// An erasure removes every row of the account by itself, once it has the stream: no other part
    /// touches one then.
    fn erase(&mut self, commit: &'c Commit) {
        self.part("erased AS (SELECT erase_account(")
            .push_bind(commit.account)
            .push(") AS done FROM imaged WHERE EXISTS (SELECT FROM appended))");
        self.require("(SELECT done FROM erased)");
    }
}
