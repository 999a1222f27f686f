//! `countersign audit history`, `state` and `diff`: an account's past, for people and for programs.

use account::AccountId;
use serde_json::json;
use service::{At, EventView, Service, StateView};

use crate::cli::Moment;
use crate::failure::Failure;
use crate::output::Output;
use crate::words::diff::{changes, lines};
use crate::words::{event, state};

/// How many events of a history are read at a time.
const PAGE: u32 = 500;

pub(crate) async fn history(
    service: &Service,
    account: AccountId,
    output: Output,
) -> Result<(), Failure> {
    let events = events(service, account, 0, u64::MAX).await?;
    if events.is_empty() {
        return Err(no_account(account));
    }
    output.result(&json!({ "events": events }), in_lines(&events))
}

pub(crate) async fn state(
    service: &Service,
    account: AccountId,
    at: Option<Moment>,
    output: Output,
) -> Result<(), Failure> {
    let state = state_at(service, account, at).await?;
    output.result(&state, state::table(&state))
}

pub(crate) async fn diff(
    service: &Service,
    account: AccountId,
    (from, to): (Moment, Option<Moment>),
    output: Output,
) -> Result<(), Failure> {
    let from = state_at(service, account, Some(from)).await?;
    let to = state_at(service, account, to).await?;
    if to.sequence < from.sequence {
        return Err(Failure::Failed(format!(
            "--from is event {} and --to is event {}, which is earlier: turn them round",
            from.sequence, to.sequence
        )));
    }
    let between = events(service, account, from.sequence, to.sequence).await?;
    let differing = changes(&from.state, &to.state);
    let end =
        |state: &StateView| json!({ "sequence": state.sequence, "recorded_at": state.recorded_at });
    let value = json!({
        "account_id": account, "from": end(&from), "to": end(&to),
        "changes": differing, "events": between,
    });
    let mut told = differing.iter().flat_map(lines).collect::<Vec<_>>();
    if told.is_empty() {
        told.push("nothing".to_owned());
    }
    let people = format!(
        "Account {account} from event {} ({}) to event {} ({})\n\nChanged:\n{}\n\n\
         The events between:\n{}",
        from.sequence,
        from.recorded_at,
        to.sequence,
        to.recorded_at,
        told.join("\n"),
        in_lines(&between),
    );
    output.result(&value, people)
}

async fn state_at(
    service: &Service,
    account: AccountId,
    at: Option<Moment>,
) -> Result<StateView, Failure> {
    let point = match at {
        None => At::Now,
        Some(Moment::Sequence(sequence)) => At::Sequence(sequence),
        Some(Moment::Instant(instant)) => At::Instant(instant),
    };
    let state = service.replay(account, point).await;
    state.map_err(|error| match (error, at) {
        (service::Error::NotFound, _) => no_account(account),
        (service::Error::BeyondHistory, Some(at)) => {
            Failure::Failed(format!("the history does not reach that far: {at}"))
        }
        (other, _) => Failure::because(&other),
    })
}

/// The events after one sequence number, up to another.
async fn events(
    service: &Service,
    account: AccountId,
    mut after: u64,
    last: u64,
) -> Result<Vec<EventView>, Failure> {
    let mut events = Vec::new();
    loop {
        let page = service.read_history(account, after, PAGE).await;
        let page = page.map_err(|error| Failure::because(&error))?;
        events.extend(
            page.events
                .into_iter()
                .filter(|event| event.sequence <= last),
        );
        match page.next {
            Some(next) if next < last => after = next,
            _ => return Ok(events),
        }
    }
}

fn in_lines(events: &[EventView]) -> String {
    events
        .iter()
        .map(event::line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn no_account(account: AccountId) -> Failure {
    Failure::Failed(format!("there is no account {account}"))
}
