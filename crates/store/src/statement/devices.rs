//! The browsers that an account knows.

use uuid::Uuid;

use super::Statement;
use crate::columns::key_column;
use crate::commit::{Commit, DeviceChange};
use crate::projection::NewDevice;

impl<'c> Statement<'c> {
    pub(super) fn add_devices(&mut self, commit: &'c Commit) {
        let (account, rows) = (commit.account, &commit.rows);
        if rows.voids_devices {
            self.part("devices_forgotten AS (DELETE FROM devices WHERE account_id = ")
                .push_bind(account)
                .push(")");
        }
        if let Some(device) = &rows.new_device {
            if !rows.voids_devices {
                self.make_room_for_a_device(account);
            }
            self.remember_device(account, device);
        }
        if let Some(device) = &commit.beside.device {
            self.use_device(account, device);
        }
        if commit.beside.lifts_devices {
            self.part(
                "devices_lifted AS (
    UPDATE devices SET failures = '{}', version = version + 1 WHERE account_id = ",
            )
            .push_bind(account)
            .push(")");
        }
    }

    fn make_room_for_a_device(&mut self, account: Option<Uuid>) {
        self.part("devices_forgotten AS (DELETE FROM devices WHERE account_id = ")
            .push_bind(account)
            .push(" AND device_id IN (SELECT device_id FROM devices WHERE account_id = ")
            .push_bind(account)
            .push(" ORDER BY expires_at DESC, device_id OFFSET 19))");
    }

    fn remember_device(&mut self, account: Option<Uuid>, device: &'c NewDevice) {
        let query = self.part(
            "device_remembered AS (
    INSERT INTO devices (account_id, device_id, nonce, key_id, expires_at, failures, version)
    VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(account)
            .push_bind(device.id)
            .push_bind(device.nonce.bytes.as_slice())
            .push_bind(key_column(device.nonce.key_id))
            .push_bind(device.expires_at)
            .push_unseparated(", '{}', 1))");
    }

    /// What becomes of one that was used.
    fn use_device(&mut self, account: Option<Uuid>, device: &'c DeviceChange) {
        let (query, done) = match &device.failures {
            Some(failures) => {
                let query = self.part("device_changed AS (UPDATE devices SET failures = ");
                query
                    .push_bind(failures)
                    .push(", expires_at = ")
                    .push_bind(device.expires_at)
                    .push(", version = version + 1");
                (query, "EXISTS (SELECT FROM device_changed)")
            }
            None => (
                self.part("device_dropped AS (DELETE FROM devices"),
                "EXISTS (SELECT FROM device_dropped)",
            ),
        };
        query
            .push(" WHERE account_id = ")
            .push_bind(account)
            .push(" AND device_id = ")
            .push_bind(device.id.as_uuid())
            .push(" AND version = ")
            .push_bind(device.expected_version)
            .push(" RETURNING 1)");
        self.require(done);
    }
}
