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
        self.part("appended", |sql| {
            sql.push(
                "INSERT INTO events (
        aggregate_id, aggregate_type, sequence, event_type, event_version,
        payload, metadata, recorded_at, hash, mac, key_id
    ) ",
            )
            .rows((stream.base + 1..).zip(&stream.events), |row, event| {
                let (sequence, event) = event;
                row.bind(&stream.id)
                    .bind(stream.aggregate_type)
                    .bind(sequence)
                    .bind(&event.event_type)
                    .bind(&event.event_version)
                    .bind_json(&event.payload)
                    .bind_json(&stream.metadata)
                    .bind(&stream.recorded_at)
                    .bind(event.hash.as_slice())
                    .bind(event.mac.as_slice())
                    .bind(key_column(stream.key));
            })
            .push("\n    RETURNING id, aggregate_id, aggregate_type, sequence");
        });
        self.part("listed", |sql| {
            sql.push(
                "INSERT INTO unsequenced (id, aggregate_id, aggregate_type, sequence)
    SELECT id, aggregate_id, aggregate_type, sequence FROM appended",
            );
        });
    }

    fn image(&mut self, stream: &'c StreamPart, image: &'c StateImage) {
        self.part("imaged", |sql| {
            sql.push(
                "INSERT INTO states (
        aggregate_id, aggregate_type, version, tip, recorded_at, shape, state, mac, key_id
    ) ",
            )
            .rows([image], |row, image| {
                row.bind(&stream.id)
                    .bind(stream.aggregate_type)
                    .bind(image.version)
                    .bind(&image.tip)
                    .bind(&image.recorded_at)
                    .bind(STATE_SHAPE)
                    .bind(&image.state)
                    .bind(&image.mac)
                    .bind(key_column(image.key));
            })
            .push(
                "\n    ON CONFLICT (aggregate_id, aggregate_type) DO UPDATE SET
        version = excluded.version, tip = excluded.tip, recorded_at = excluded.recorded_at,
        shape = excluded.shape, state = excluded.state, mac = excluded.mac, key_id = excluded.key_id
    RETURNING 1",
            );
        });
    }

    /// An erasure removes every row of the account by itself, once it has the stream: no other part
    /// touches one then.
    fn erase(&mut self, commit: &'c Commit) {
        self.part("erased", |sql| {
            sql.push("SELECT erase_account(")
                .bind(commit.account)
                .push(") AS done FROM imaged WHERE EXISTS (SELECT FROM appended)");
        });
        self.require("(SELECT done FROM erased)");
    }
}
