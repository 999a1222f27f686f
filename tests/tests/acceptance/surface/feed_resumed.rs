//! A live feed that is cut off again and again while two servers write: never a gap, never a
//! repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use acceptance::{Caller, Options};
use serde_json::Value;
use tokio::time::timeout;

use crate::surface::feed_live::{length, much_happens, positions};
use crate::surface::world::World;

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}

/// Goes from server to server, each time after a few events, and on from the last id, until it has
/// read what was written.
async fn follow(servers: [Caller; 2], seed: u64, written: Arc<AtomicU64>) -> Vec<Value> {
    let (mut dice, mut told) = (Dice(seed), Vec::new());
    let mut last_id = None::<u64>;
    while last_id.is_none_or(|id| id + 1 < written.load(Ordering::SeqCst)) {
        let mut caller = servers[usize::try_from(dice.below(2)).unwrap()].clone();
        if let Some(id) = last_id {
            caller = caller.with_header("last-event-id", &id.to_string());
        }
        let mut follower = caller.follow("/audit/events").await;
        for _ in 0..=dice.below(40) {
            // Nobody writes any more, as a rule.
            let Ok(event) = timeout(Duration::from_secs(1), follower.next()).await else {
                break;
            };
            told.push(event.unwrap());
        }
        last_id = follower.last_id.or(last_id);
    }
    told
}

#[tokio::test]
async fn a_feed_that_is_cut_off_anywhere_goes_on_without_a_gap_or_a_repeat() {
    let off = Options::default()
        .servers(2)
        .setting("COUNTERSIGN_SOURCE_LIMITS", "off");
    let world = World::with(off).await;
    let written = Arc::new(AtomicU64::new(u64::MAX));
    let servers = [0, 1].map(|number| world.auditor.at(&world.deployment.servers[number].url));
    let following = [11_u64, 4711, 271_828].map(|seed| {
        let (servers, end) = (servers.clone(), Arc::clone(&written));
        tokio::spawn(follow(servers, seed, end))
    });
    much_happens(&world, 4, 250).await;
    let length = length(&world.deployment).await;
    written.store(length, Ordering::SeqCst);
    for follower in following {
        let told = follower.await.unwrap();
        assert!(told.len() as u64 >= length);
        assert_eq!(positions(&told), (0..told.len() as u64).collect::<Vec<_>>());
    }
    assert!(length > 1000, "{length}");
    world.deployment.verify().await;
}
