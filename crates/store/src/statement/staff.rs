//! Members of staff: what one became, and that who acts is still one.

use super::Statement;
use crate::columns::key_column;
use crate::commit::Commit;
use crate::staff::StaffImage;

impl<'c> Statement<'c> {
    pub(super) fn add_staff(&mut self, commit: &'c Commit) {
        if let Some(image) = &commit.staff {
            self.image_staff(image);
        }
        if let Some(member) = commit.beside.acting_staff {
            // Locked, or else it were as of the statement's begin, which may have waited since.
            self.part("acting", |sql| {
                sql.push("SELECT FROM staff WHERE staff_id = ")
                    .bind(member.as_uuid())
                    .push(" AND revoked_at IS NULL FOR SHARE");
            });
            self.require("EXISTS (SELECT FROM acting)");
        }
    }

    fn image_staff(&mut self, image: &'c StaffImage) {
        let record = &image.record;
        self.part("staff_imaged", |sql| {
            sql.push(
                "INSERT INTO staff (
        staff_id, name, role, token_hash, issued_at, expires_at, revoked_at, mac, key_id
    ) ",
            )
            .rows([record], |row, record| {
                row.bind(record.id.as_uuid())
                    .bind(&record.name)
                    .bind(record.role_column())
                    .bind(record.token.hash.as_slice())
                    .bind(record.issued_at)
                    .bind(record.expires_at)
                    .bind(record.revoked_at)
                    .bind(&image.mac)
                    .bind(key_column(record.token.key_id));
            })
            .push(
                "\n    ON CONFLICT (staff_id) DO UPDATE SET
        revoked_at = excluded.revoked_at, mac = excluded.mac",
            );
        });
    }
}
