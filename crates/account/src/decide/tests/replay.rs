//! A state in the past is made of exactly the events up to then.

use chrono::{DateTime, Duration, DurationRound, Utc};
use proptest::prelude::*;

use super::stories::{Told, asks, policy, tell};
use crate::replay::{At, Place, as_of};
use crate::{Account, AccountEvent};

/// When each command of a story was recorded, by a clock that shows minutes, so that many events
/// are of one instant, as those of one commit always are. It never runs back within a history.
fn recorded(story: &[Told]) -> Vec<DateTime<Utc>> {
    let mut last = DateTime::<Utc>::MIN_UTC;
    let minutes = story
        .iter()
        .map(|told| told.at.duration_trunc(Duration::minutes(1)).unwrap());
    minutes
        .map(|minute| {
            last = last.max(minute);
            last
        })
        .collect()
}

/// The history that a story leaves.
fn history(story: &[Told]) -> Vec<(Place, AccountEvent)> {
    let told = recorded(story).into_iter().zip(story);
    let events = told.flat_map(|(at, told)| told.events().iter().map(move |event| (at, event)));
    let place = |sequence, recorded_at| Place {
        sequence,
        recorded_at,
    };
    (1..)
        .zip(events)
        .map(|(sequence, (at, event))| (place(sequence, at), event.clone()))
        .collect()
}

/// What the account was at the end of an instant, as the story itself remembers it.
fn remembered(story: &[Told], instant: DateTime<Utc>) -> Option<&Account> {
    let told = recorded(story).into_iter().zip(story);
    told.filter(|(at, told)| *at <= instant && !told.events().is_empty())
        .map(|(_, told)| &told.after)
        .next_back()
}

proptest! {
    #[test]
    fn the_state_at_an_instant_is_folded_from_exactly_the_events_up_to_it(
        asks in asks(),
        policy in policy(),
    ) {
        let story = tell(&asks, &policy);
        let history = history(&story);
        let moment = Duration::microseconds(1);
        for at in recorded(&story) {
            for instant in [at - moment, at, at + moment] {
                let replayed = as_of(history.clone(), At::Instant(instant));
                let (account, place) = replayed.unzip();
                prop_assert_eq!(account.as_ref(), remembered(&story, instant), "at {}", instant);
                let included = history.iter().filter(|(place, _)| place.recorded_at <= instant);
                prop_assert_eq!(place, included.map(|(place, _)| *place).next_back());
            }
        }
    }

    #[test]
    fn the_state_at_a_sequence_number_is_folded_from_exactly_the_events_up_to_it(
        asks in asks(),
        policy in policy(),
    ) {
        let history = history(&tell(&asks, &policy));
        let mut folded = Account::default();
        prop_assert_eq!(as_of(history.clone(), At::Sequence(0)), None);
        for (place, event) in &history {
            folded.apply_event(event.clone());
            let replayed = as_of(history.clone(), At::Sequence(place.sequence));
            prop_assert_eq!(replayed, Some((folded.clone(), *place)));
        }
        let last = history.last().map(|(place, _)| *place);
        prop_assert_eq!(as_of(history.clone(), At::Now), last.map(|last| (folded, last)));
        let beyond = At::Sequence(history.len() as u64 + 1);
        prop_assert_eq!(as_of(history, beyond), None);
    }
}
