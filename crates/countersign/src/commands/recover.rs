//! `countersign recover`: going on from a restored backup.
//!
//! The new epoch is opened last, and until then no server starts: wherever this is cut off, it is
//! carried out again.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;

use account::StaffId;
use account::log::{EpochOpened, LostCheckpoint};
use serde_json::{Value, json};
use service::{Clock, DamagedStreams};
use sqlx::PgPool;
use store::{Lead, Role, Sequencer, StaffRecord, connect};
use tokio::sync::Mutex;

use super::verify::kept_checkpoints;
use super::{failed, table};
use crate::assembly::Assembly;
use crate::checkpoints::{Publisher, Sinks};
use crate::cli::Recover;
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;

/// What a recovery did.
struct Recovered {
    opened: EpochOpened,
    accounts: u64,
    links: u64,
    staff_sessions: u64,
    revoked: Vec<StaffId>,
    /// Whose tokens are in force.
    staff: Vec<StaffRecord>,
    damaged: DamagedStreams,
}

pub(super) async fn recover(
    options: &Recover,
    assembly: &Assembly,
    database: &Database,
    configuration: &Configuration,
    (clock, output): (Arc<dyn Clock>, Output),
) -> Result<(), Failure> {
    let pool = connect(&database.url(Role::Sequencer), Role::Sequencer, 1).await;
    let pool = pool.map_err(|error| Failure::because(&error))?;
    let sequencer = Sequencer::new(&pool, &assembly.store);
    let mut lead = lead(&sequencer).await?;
    let recovered = carry_out(options, assembly, &mut lead, configuration, output).await?;
    lead.finish()
        .await
        .map_err(|error| Failure::because(&error))?;
    keep_checkpoint(assembly, pool.clone(), configuration, clock, output).await;
    pool.close().await;
    output.result(&machine(&recovered), people(&recovered))
}

async fn lead(sequencer: &Sequencer) -> Result<Lead<'_>, Failure> {
    let lead = sequencer.lead_alone().await;
    lead.map_err(|error| Failure::because(&error))?
        .ok_or_else(|| {
            Failure::Failed("a server works on this database: stop every server first".to_owned())
        })
}

async fn carry_out(
    options: &Recover,
    Assembly { service, store, .. }: &Assembly,
    lead: &mut Lead<'_>,
    configuration: &Configuration,
    output: Output,
) -> Result<Recovered, Failure> {
    let kept = kept_checkpoints(store, configuration, &options.checkpoints)?;
    let because = |error: store::Error| Failure::because(&error);
    let head = lead.head().await.map_err(because)?;
    let lost = store.lost_history(&head, kept).await.map_err(because)?;
    for source in &lost.foreign {
        output.note(format_args!(
            "{source} is not signed by a key of this log: it is not taken into account"
        ));
    }
    if lost.size < head.size() {
        output.note(format_args!(
            "the log has other events than its kept checkpoints from position {} on: it went on without \
             a recovery, or somebody changed it",
            lost.size
        ));
    }
    let mut damaged = DamagedStreams::new();
    let accounts = service.recover_accounts(&mut damaged, |done| {
        if stderr().is_terminal() {
            output.note(format_args!("{done} accounts"));
        }
    });
    let accounts = accounts.await.map_err(failed)?;
    let links = service.drop_links().await.map_err(failed)?;
    let staff_sessions = service.sign_out_all_staff(&mut damaged).await;
    let staff_sessions = staff_sessions.map_err(failed)?;
    let staff = service.active_staff(&mut damaged).await;
    let mut staff = staff.map_err(failed)?;
    let mut revoked = Vec::new();
    if options.revoke_staff {
        let all = std::mem::take(&mut staff);
        let done = service.revoke_all_staff(all, &mut damaged).await;
        revoked = done.map_err(failed)?;
    }
    let opened = service.open_epoch(lead, lost, &options.reason).await;
    Ok(Recovered {
        opened: opened.map_err(failed)?,
        accounts,
        links,
        staff_sessions,
        revoked,
        staff,
        damaged,
    })
}

/// The first of the new epoch. Where it cannot be kept now, the next server keeps one.
async fn keep_checkpoint(
    assembly: &Assembly,
    pool: PgPool,
    configuration: &Configuration,
    clock: Arc<dyn Clock>,
    output: Output,
) {
    let publisher = Publisher {
        store: assembly.store.clone(),
        pool,
        sinks: Arc::new(Sinks::of(configuration)),
        clock,
        interval: configuration.checkpoint_interval,
        last: Mutex::default(),
    };
    if let Err(error) = publisher.publish().await {
        output.note(format_args!("the new checkpoint was not kept: {error}"));
    }
}

fn machine(recovered: &Recovered) -> Value {
    let EpochOpened {
        epoch,
        size,
        lost,
        reason,
        ..
    } = &recovered.opened;
    json!({
        "status": "recovered",
        "epoch": epoch,
        "size": size,
        "lost": lost,
        "reason": reason,
        "accounts": recovered.accounts,
        "links": recovered.links,
        "staff_sessions": recovered.staff_sessions,
        "staff_revoked": recovered.revoked,
        "damaged": recovered.damaged,
        "staff_in_force": recovered.staff.iter().map(member).collect::<Vec<_>>(),
    })
}

fn member(member: &StaffRecord) -> Value {
    json!({ "id": member.id, "name": member.name, "expires_at": member.expires_at })
}

fn people(recovered: &Recovered) -> String {
    let Recovered {
        opened,
        accounts,
        links,
        staff_sessions,
        revoked,
        staff,
        damaged,
    } = recovered;
    let EpochOpened {
        epoch, size, lost, ..
    } = opened;
    let ended = format!(
        "Recovered: everything that {accounts} accounts had begun has ended, {links} links and \
         {staff_sessions} sessions of staff as well.\n\
         The log goes on in epoch {epoch} after {size} events.\n"
    );
    let lost = lost.iter().map(|lost| {
        let LostCheckpoint { epoch, size, .. } = lost;
        format!("Lost: what epoch {epoch} had beyond; a checkpoint of {size} events was known.\n")
    });
    let revoked = match revoked.len() {
        0 => String::new(),
        count => format!("{count} tokens of staff are revoked.\n"),
    };
    let damaged = match damaged.len() {
        0 => String::new(),
        count => {
            let streams = damaged.iter().map(|stream| format!("{stream}\n"));
            format!(
                "{count} streams cannot be read and were left as they are. Nothing opens them; should \
                 one of them be repaired, recover again:\n{}",
                streams.collect::<String>()
            )
        }
    };
    let in_force = match staff.as_slice() {
        [] => "",
        _ => {
            "These tokens of staff are in force; one that was revoked after the backup is so again, \
             and has to be revoked anew:\n"
        }
    };
    let staff = staff.iter().map(member).collect::<Vec<_>>();
    let staff = table(&["id", "name", "expires_at"], &staff);
    ended + &lost.collect::<String>() + &damaged + &revoked + in_force + &staff
}
