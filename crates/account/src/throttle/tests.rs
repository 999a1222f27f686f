use chrono::{DateTime, Duration, TimeZone, Utc};

use super::{Backoff, BackoffPolicy, SourceFailures, SourcePolicy, Wait, Window, WindowPolicy};
use crate::Policy;

const AN_INSTANT: Duration = Duration::microseconds(1);

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

fn after_seconds(seconds: i64) -> DateTime<Utc> {
    noon() + Duration::seconds(seconds)
}

fn after_minutes(minutes: i64) -> DateTime<Utc> {
    noon() + Duration::minutes(minutes)
}

/// What strangers get for guessing the password of one address.
fn strangers() -> BackoffPolicy {
    Policy::default().strangers
}

/// A guesser who never sleeps: fails again in the instant in which that is possible.
struct Guesser {
    backoff: Backoff,
    now: DateTime<Utc>,
}

impl Guesser {
    fn new() -> Self {
        Self {
            backoff: Backoff::default(),
            now: noon(),
        }
    }

    /// Since the first try, when the try of this number is made. Counts from 1.
    fn time_of_try(mut self, number: u32) -> Duration {
        for _ in 1..number {
            self.fail(&strangers());
        }
        self.now - noon()
    }

    fn fail(&mut self, policy: &BackoffPolicy) {
        assert_eq!(self.backoff.refusal(self.now), None);
        self.backoff = self.backoff.after_failure(self.now, policy);
        if let Some(Wait::Until(end)) = self.backoff.wait {
            assert!(self.backoff.refusal(end - AN_INSTANT).is_some());
            self.now = end;
        }
    }
}

/// Throttles are kept in rows that nothing authenticates.
#[test]
fn a_window_at_the_end_of_all_time_or_full_to_the_brim_is_no_fault() {
    let policy = WindowPolicy {
        limit: 5,
        window: Duration::hours(1),
    };
    let for_ever = Window {
        count: u32::MAX,
        opened_at: Some(DateTime::<Utc>::MAX_UTC),
    };
    assert_eq!(for_ever.refusal(noon(), policy), None);
    assert_eq!(for_ever.counted(noon(), policy).count, 1);
    let full = Window {
        opened_at: Some(noon()),
        ..for_ever
    };
    assert_eq!(full.counted(noon(), policy), full);
    assert!(full.refusal(noon(), policy).is_some());
}

#[test]
fn five_tries_are_free() {
    assert_eq!(Guesser::new().time_of_try(5), Duration::zero());
    assert_eq!(Guesser::new().time_of_try(6), Duration::seconds(30));
}

#[test]
fn waits_double_from_thirty_seconds_up_to_a_day() {
    let mut guesser = Guesser::new();
    let mut waits = Vec::new();
    for _ in 0..20 {
        let before = guesser.now;
        guesser.fail(&strangers());
        waits.push((guesser.now - before).num_seconds());
    }
    assert_eq!(
        waits,
        [
            0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720, 61440, 86400,
            86400, 86400, 86400
        ]
    );
}

#[test]
fn throttle_as_documented() {
    let minutes = |number| Guesser::new().time_of_try(number).as_seconds_f64() / 60.0;
    let about = |value: f64, expected: f64| (value - expected).abs() < expected * 0.05;
    assert!(about(minutes(10), 16.0), "the tenth after 16 minutes");
    assert!(about(minutes(17) / 60.0, 34.0), "the 17th after 34 hours");
    assert!(
        about(minutes(100) / 60.0 / 24.0, 84.0),
        "the hundredth after 84 days"
    );
}

#[test]
fn the_hundredth_failure_closes_for_good() {
    let mut guesser = Guesser::new();
    for _ in 1..100 {
        guesser.fail(&strangers());
    }
    assert!(matches!(guesser.backoff.wait, Some(Wait::Until(_))));
    guesser.fail(&strangers());
    assert_eq!(guesser.backoff.wait, Some(Wait::Closed));
    let in_a_hundred_years = noon() + Duration::days(36_500);
    assert_eq!(
        guesser.backoff.refusal(in_a_hundred_years),
        Some(Wait::Closed)
    );
}

#[test]
fn a_wait_is_over_in_the_instant_in_which_it_ends() {
    let backoff = Backoff {
        failures: 5,
        wait: Some(Wait::Until(after_seconds(30))),
    };
    let wait = Some(Wait::Until(after_seconds(30)));
    assert_eq!(backoff.refusal(noon()), wait);
    assert_eq!(backoff.refusal(after_seconds(30) - AN_INSTANT), wait);
    assert_eq!(backoff.refusal(after_seconds(30)), None);
    assert_eq!(backoff.refusal(after_seconds(31)), None);
}

#[test]
fn a_lifted_wait_lets_one_try_through_and_the_next_wait_is_longer() {
    let closed = Backoff {
        failures: 100,
        wait: Some(Wait::Closed),
    };
    let lifted = closed.lifted();
    assert_eq!(lifted.refusal(noon()), None);
    let again = lifted.after_failure(noon(), &strangers());
    assert_eq!(again.wait, Some(Wait::Closed));

    let waiting = Backoff {
        failures: 7,
        wait: Some(Wait::Until(after_seconds(120))),
    };
    let again = waiting.lifted().after_failure(noon(), &strangers());
    assert_eq!(again.wait, Some(Wait::Until(after_seconds(240))));
}

#[test]
fn a_policy_that_never_closes_goes_on_with_its_longest_wait() {
    let policy = Policy::default().enrollment_codes;
    for failures in [14, 100, 1_000_000, u32::MAX - 1, u32::MAX] {
        let backoff = Backoff {
            failures,
            wait: None,
        };
        let wait = backoff.after_failure(noon(), &policy).wait;
        assert_eq!(wait, Some(Wait::Until(after_minutes(5))), "{failures}");
    }
}

#[test]
fn a_closed_wait_outlasts_every_other() {
    assert!(Wait::Closed > Wait::Until(DateTime::<Utc>::MAX_UTC));
    assert!(Wait::Until(after_seconds(2)) > Wait::Until(after_seconds(1)));
}

#[test]
fn a_closed_wait_looks_to_a_client_like_the_longest() {
    let longest = strangers().longest_wait;
    assert_eq!(Wait::Closed.remaining(noon(), longest), Duration::hours(24));
    assert_eq!(
        Wait::Until(after_seconds(30)).remaining(after_seconds(10), longest),
        Duration::seconds(20)
    );
}

#[test]
fn a_window_takes_ten_within_an_hour_of_the_first() {
    let policy = Policy::default().device;
    let mut window = Window::default();
    for minute in 0..10 {
        assert_eq!(window.refusal(after_minutes(minute), policy), None);
        window = window.counted(after_minutes(minute), policy);
    }
    let end = after_minutes(60);
    assert_eq!(
        window.refusal(after_minutes(9), policy),
        Some(Wait::Until(end))
    );
    assert_eq!(
        window.refusal(end - AN_INSTANT, policy),
        Some(Wait::Until(end))
    );
    assert_eq!(window.refusal(end, policy), None);
}

#[test]
fn a_window_that_is_over_begins_anew_with_the_next() {
    let policy = WindowPolicy {
        limit: 2,
        window: Duration::minutes(1),
    };
    let two = Window::default()
        .counted(noon(), policy)
        .counted(noon(), policy);
    let within = two.counted(after_seconds(60) - AN_INSTANT, policy);
    assert_eq!((within.count, within.opened_at), (3, Some(noon())));
    let anew = two.counted(after_seconds(60), policy);
    assert_eq!((anew.count, anew.opened_at), (1, Some(after_seconds(60))));
}

/// Fails `count` times at one address, at one instant.
fn failed(source: &SourceFailures, count: u32, address: u64, now: DateTime<Utc>) -> SourceFailures {
    (0..count).fold(source.clone(), |source, _| {
        source.after_failure(address, now, &SourcePolicy::default())
    })
}

/// Fails once at each of the addresses, one every ten seconds.
fn sprayed(addresses: std::ops::Range<u64>, from: DateTime<Utc>) -> SourceFailures {
    let policy = SourcePolicy::default();
    addresses.fold(SourceFailures::default(), |source, address| {
        let at = from + Duration::seconds(i64::try_from(address).unwrap() * 10);
        source.after_failure(address, at, &policy)
    })
}

fn refusal(source: &SourceFailures, now: DateTime<Utc>) -> Option<Wait> {
    source.refusal(now, &SourcePolicy::default())
}

#[test]
fn a_source_fails_twenty_times_a_minute() {
    let nineteen = failed(&SourceFailures::default(), 19, 1, noon());
    assert_eq!(refusal(&nineteen, noon()), None);
    let twenty = failed(&nineteen, 1, 1, after_seconds(10));
    let wait = Some(Wait::Until(after_seconds(60)));
    assert_eq!(refusal(&twenty, after_seconds(10)), wait);
    assert_eq!(refusal(&twenty, after_seconds(60) - AN_INSTANT), wait);
    assert_eq!(refusal(&twenty, after_seconds(60)), None);
}

#[test]
fn a_source_fails_a_hundred_times_an_hour() {
    let after_five_minutes = (0..5).fold(SourceFailures::default(), |source, minute| {
        failed(
            &source,
            if minute == 4 { 19 } else { 20 },
            1,
            after_minutes(minute),
        )
    });
    assert_eq!(refusal(&after_five_minutes, after_minutes(4)), None);
    let hundred = failed(&after_five_minutes, 1, 1, after_minutes(5));
    let wait = Some(Wait::Until(after_minutes(60)));
    assert_eq!(refusal(&hundred, after_minutes(5)), wait);
    assert_eq!(refusal(&hundred, after_minutes(60) - AN_INSTANT), wait);
    assert_eq!(refusal(&hundred, after_minutes(60)), None);
}

#[test]
fn failures_at_more_than_twenty_addresses_refuse_a_source_for_an_hour() {
    assert_eq!(refusal(&sprayed(0..20, noon()), after_seconds(190)), None);
    let sprayer = sprayed(0..21, noon());
    let end = after_seconds(200 + 3600);
    assert_eq!(
        refusal(&sprayer, end - AN_INSTANT),
        Some(Wait::Until(end)),
        "an hour from the 21st address"
    );
    assert_eq!(refusal(&sprayer, end), None);
}

#[test]
fn the_same_address_again_is_no_spraying() {
    let twice =
        sprayed(0..20, noon()).after_failure(3, after_seconds(300), &SourcePolicy::default());
    assert_eq!(twice.addresses.len(), 20);
    assert_eq!(refusal(&twice, after_seconds(300)), None);
}

#[test]
fn addresses_of_the_hour_before_are_forgotten() {
    let next_hour =
        sprayed(0..20, noon()).after_failure(77, after_minutes(60), &SourcePolicy::default());
    assert_eq!(next_hour.addresses, [77]);
    assert_eq!(refusal(&next_hour, after_minutes(60)), None);
}

#[test]
fn a_failure_in_the_next_hour_does_not_lift_the_wait_of_a_sprayer() {
    let sprayer = sprayed(0..21, noon());
    let end = after_seconds(200 + 3600);
    let known_device_fails = sprayer.after_failure(3, after_minutes(60), &SourcePolicy::default());
    assert_eq!(
        refusal(&known_device_fails, after_minutes(61)),
        Some(Wait::Until(end))
    );
}

#[test]
fn a_sprayer_is_remembered_in_bounded_space() {
    let many = sprayed(0..500, noon());
    assert!(many.addresses.len() <= 21);
}

#[test]
fn the_longest_of_several_waits_counts() {
    let sprayer = sprayed(0..21, noon());
    let in_a_burst = failed(&sprayer, 20, 3, after_seconds(210));
    assert_eq!(
        refusal(&in_a_burst, after_seconds(211)),
        Some(Wait::Until(after_seconds(200 + 3600)))
    );
}

/// An office behind one address: successes have no way into the count.
#[test]
fn two_hundred_people_sign_in_from_one_source_in_one_minute() {
    let mut office = SourceFailures::default();
    for person in 0..200_u64 {
        let at = noon() + Duration::milliseconds(300 * i64::try_from(person).unwrap());
        assert_eq!(refusal(&office, at), None, "person {person}");
        if person % 20 == 0 {
            office = office.after_failure(person, at, &SourcePolicy::default());
        }
    }
}
