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
            self.part("devices_forgotten", |sql| {
                sql.push("DELETE FROM devices WHERE account_id = ")
                    .bind(account);
            });
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
            self.part("devices_lifted", |sql| {
                sql.push(
                    "UPDATE devices SET failures = '{}', version = version + 1 WHERE account_id = ",
                )
                .bind(account);
            });
        }
    }

    fn make_room_for_a_device(&mut self, account: Option<Uuid>) {
        self.part("devices_forgotten", |sql| {
            sql.push("DELETE FROM devices WHERE account_id = ")
                .bind(account)
                .push(" AND device_id IN (\n        SELECT device_id FROM devices WHERE account_id = ")
                .bind(account)
                .push(" ORDER BY expires_at DESC, device_id OFFSET 19\n    )");
        });
    }

    fn remember_device(&mut self, account: Option<Uuid>, device: &'c NewDevice) {
        self.insert(
            "device_remembered",
            "devices (account_id, device_id, nonce, key_id, expires_at, failures, version)",
            [device],
            |row, device| {
                row.bind(account)
                    .bind(device.id)
                    .bind(device.nonce.bytes.as_slice())
                    .bind(key_column(device.nonce.key_id))
                    .bind(device.expires_at)
                    .constant("'{}'")
                    .constant("1");
            },
        );
    }

    /// What becomes of one that was used.
    fn use_device(&mut self, account: Option<Uuid>, device: &'c DeviceChange) {
        self.part("device_used", |sql| {
            match &device.failures {
                Some(failures) => sql
                    .push("UPDATE devices SET failures = ")
                    .bind(failures)
                    .push(", expires_at = ")
                    .bind(device.expires_at)
                    .push(", version = version + 1"),
                None => sql.push("DELETE FROM devices"),
            }
            .push("\n    WHERE account_id = ")
            .bind(account)
            .push(" AND device_id = ")
            .bind(device.id.as_uuid())
            .push(" AND version = ")
            .bind(device.expected_version)
            .push(" RETURNING 1");
        });
        self.require("EXISTS (SELECT FROM device_used)");
    }
}
