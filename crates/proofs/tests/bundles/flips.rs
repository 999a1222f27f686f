//! One byte changed, anywhere: no bundle is proved any more, but for the text that nobody checks.

use std::sync::LazyLock;

use proofs::bundle::verify;
use proptest::prelude::*;

use crate::sample::{ACCOUNT, History};
use crate::script::verdicts;

/// Where the content of the README stands, the only bytes that are free.
fn is_free(bundle: &[u8], at: usize) -> bool {
    let readme = tar::Header::from_byte_slice(&bundle[..512]).entry_size();
    (512..512 + usize::try_from(readme.unwrap()).unwrap()).contains(&at)
}

fn is_proved(bundle: &[u8]) -> bool {
    verify(bundle, None, |_| {}).is_ok()
}

static BUNDLES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let history = History::sample();
    [
        history.stream_bundle(ACCOUNT).bytes(),
        history.log_bundle().bytes(),
    ]
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flipped_byte_is_found(which in 0_usize..2, at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bundle = BUNDLES[which].clone();
        let at = at.index(bundle.len());
        let free = is_free(&bundle, at);
        bundle[at] ^= flip;
        prop_assert_eq!(is_proved(&bundle), free);
    }

    #[test]
    fn no_bytes_make_a_verifier_fail(bytes in prop::collection::vec(any::<u8>(), 0..4096), at in any::<prop::sample::Index>()) {
        prop_assert!(!is_proved(&bytes));
        let mut bundle = BUNDLES[0].clone();
        let at = at.index(bundle.len());
        bundle.splice(at.., bytes);
        if bundle != BUNDLES[0] {
            prop_assert!(!is_proved(&bundle));
        }
    }
}

/// A byte in every dozen, by the script as well.
#[test]
fn both_verifiers_find_the_same_flips() {
    for original in &*BUNDLES {
        let flips = (0..original.len())
            .filter(|at| !is_free(original, *at))
            .step_by(23);
        let flipped: Vec<_> = flips
            .enumerate()
            .map(|(n, at)| {
                let mut bundle = original.clone();
                bundle[at] ^= [1, 0x20, 0x80, 0xff][n % 4];
                bundle
            })
            .collect();
        let ours = flipped.iter().map(|bundle| is_proved(bundle));
        assert_eq!(ours.collect::<Vec<_>>(), vec![false; flipped.len()]);
        assert_eq!(verdicts(&flipped, &[]), vec![false; flipped.len()]);
    }
}
