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
            self.part("acting AS (SELECT FROM staff WHERE staff_id = ")
                .push_bind(member.as_uuid())
                .push(" AND revoked_at IS NULL FOR SHARE)");
            self.require("EXISTS (SELECT FROM acting)");
        }
    }

    fn image_staff(&mut self, image: &'c StaffImage) {
        let record = &image.record;
        let query = self.part(
            "staff_imaged AS (
    INSERT INTO staff (
        staff_id, name, role, token_hash, issued_at, expires_at, revoked_at, mac, key_id
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(record.id.as_uuid())
            .push_bind(&record.name)
            .push_bind(record.role_column())
            .push_bind(record.token.hash.as_slice())
            .push_bind(record.issued_at)
            .push_bind(record.expires_at)
            .push_bind(record.revoked_at)
            .push_bind(&image.mac)
            .push_bind(key_column(record.token.key_id))
            .push_unseparated(
                ") ON CONFLICT (staff_id) DO UPDATE SET
        revoked_at = excluded.revoked_at, mac = excluded.mac
)",
            );
    }
}
