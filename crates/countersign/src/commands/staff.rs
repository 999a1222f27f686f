//! `countersign staff …`: tokens of support staff and auditors.

use account::StaffId;
use account::staff::Role as StaffRole;
use chrono::Duration;
use serde_json::json;
use service::Service;

use super::{failed, table};
use crate::cli::{StaffCommand, StaffRole as RoleArgument};
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn carry_out(
    service: &Service,
    command: &StaffCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        StaffCommand::Issue {
            role,
            name,
            expires,
        } => {
            let role = match role {
                RoleArgument::Support => StaffRole::Support,
                RoleArgument::Auditor => StaffRole::Auditor,
            };
            let lifetime =
                Duration::from_std(*expires).map_err(|error| Failure::because(&error))?;
            let issued = service
                .issue_staff(name, role, lifetime)
                .await
                .map_err(failed)?;
            output.note(format_args!(
                "{name} is {}; the token is shown this once",
                issued.id
            ));
            output.result(
                &json!({ "id": issued.id, "token": *issued.token }),
                &*issued.token,
            )
        }
        StaffCommand::List => {
            let list = service.list_staff().await.map_err(failed)?;
            let rows = list.iter().map(|member| {
                let role = match member.role {
                    StaffRole::Support => "support",
                    StaffRole::Auditor => "auditor",
                };
                json!({
                    "id": member.id, "name": member.name, "role": role,
                    "issued_at": member.issued_at, "expires_at": member.expires_at,
                    "revoked_at": member.revoked_at,
                })
            });
            let rows = rows.collect::<Vec<_>>();
            let columns = [
                "id",
                "role",
                "name",
                "issued_at",
                "expires_at",
                "revoked_at",
            ];
            output.result(&json!({ "staff": rows }), table(&columns, &rows))
        }
        StaffCommand::Revoke { id } => {
            service
                .revoke_staff(StaffId::from_uuid(*id))
                .await
                .map_err(failed)?;
            output.result(
                &json!({ "id": id, "status": "revoked" }),
                format!("{id} is revoked."),
            )
        }
    }
}
