//! What a password hash costs. The floor is what ASVS 5.0.0, appendix C, still calls approved;
//! nothing in this crate makes a cheaper one, not even for a test.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use thiserror::Error;

pub(crate) const HASH_BYTES: usize = 32;
pub(crate) const SALT_BYTES: usize = 16;
/// 4 GiB: beyond it, a number was mistyped.
pub(crate) const MAX_MEMORY_KIB: u32 = 4 << 20;
pub(crate) const MAX_ITERATIONS: u32 = 64;

/// How passwords are hashed, and how many at a time. Lanes are always one: they would run one
/// after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingSettings {
    /// Argon2's `m`, for each running hash.
    pub memory_kib: u32,
    /// Argon2's `t`.
    pub iterations: u32,
    /// Hashes at a time: more than the machine has cores makes each slower and none sooner.
    pub permits: usize,
    /// Callers that may wait for a permit; the next one is turned away.
    pub queue: usize,
    /// How long one of them waits at most.
    pub wait: Duration,
}

impl Default for HashingSettings {
    /// OWASP's setting (19 MiB, two passes), and a permit for each core.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            permits: thread::available_parallelism().map_or(1, NonZero::get),
            queue: 32,
            wait: Duration::from_secs(2),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WeakHashing {
    #[error("with {iterations} iterations, password hashing needs at least {floor} KiB of memory")]
    Memory { iterations: u32, floor: u32 },
    #[error("password hashing needs between 1 and {MAX_ITERATIONS} iterations")]
    Iterations,
    #[error("password hashing cannot use more than {MAX_MEMORY_KIB} KiB of memory")]
    TooMuchMemory,
    #[error("password hashing needs at least one permit, and at most 1024")]
    Permits,
}

impl HashingSettings {
    /// Refuses what is below the floor, or cannot run.
    pub fn check(&self) -> Result<(), WeakHashing> {
        let floor = match self.iterations {
            1 => 47_104,
            2 => 19_456,
            3..=MAX_ITERATIONS => 12_288,
            _ => return Err(WeakHashing::Iterations),
        };
        if self.memory_kib < floor {
            return Err(WeakHashing::Memory {
                iterations: self.iterations,
                floor,
            });
        }
        if self.memory_kib > MAX_MEMORY_KIB {
            return Err(WeakHashing::TooMuchMemory);
        }
        if !(1..=1024).contains(&self.permits) {
            return Err(WeakHashing::Permits);
        }
        Ok(())
    }

    pub(crate) const fn cost(&self) -> Cost {
        Cost {
            memory_kib: self.memory_kib,
            iterations: self.iterations,
            lanes: 1,
        }
    }
}

/// The parameters of one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// Argon2id, version 1.3, with a tag of 32 bytes.
    pub(crate) fn argon2(self) -> Result<Argon2<'static>, argon2::Error> {
        let Self {
            memory_kib,
            iterations,
            lanes,
        } = self;
        let params = Params::new(memory_kib, iterations, lanes, Some(HASH_BYTES))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn argon_params_floor() {
        for (iterations, floor) in [(1, 47_104), (2, 19_456), (3, 12_288), (4, 12_288)] {
            let settings = |memory_kib| HashingSettings {
                memory_kib,
                iterations,
                ..HashingSettings::default()
            };
            assert_eq!(settings(floor).check(), Ok(()));
            let refused = Err(WeakHashing::Memory { iterations, floor });
            assert_eq!(settings(floor - 1).check(), refused);
        }
        let default = HashingSettings::default();
        assert_eq!(default.check(), Ok(()));
        assert_eq!((default.memory_kib, default.iterations), (19_456, 2));
    }

    #[test]
    fn settings_that_cannot_run_are_refused() {
        let default = HashingSettings::default();
        for (settings, reason) in [
            (
                HashingSettings {
                    iterations: 0,
                    ..default
                },
                WeakHashing::Iterations,
            ),
            (
                HashingSettings {
                    iterations: 65,
                    ..default
                },
                WeakHashing::Iterations,
            ),
            (
                HashingSettings {
                    memory_kib: u32::MAX,
                    ..default
                },
                WeakHashing::TooMuchMemory,
            ),
            (
                HashingSettings {
                    permits: 0,
                    ..default
                },
                WeakHashing::Permits,
            ),
            (
                HashingSettings {
                    permits: usize::MAX,
                    ..default
                },
                WeakHashing::Permits,
            ),
        ] {
            assert_eq!(settings.check(), Err(reason));
        }
    }

    /// RFC 9106, section 5.3.
    #[test]
    fn rfc9106_vector() {
        let mut params = ParamsBuilder::new();
        params
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).unwrap());
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let argon2 =
            Argon2::new_with_secret(&[3; 8], algorithm, version, params.build().unwrap()).unwrap();
        let mut tag = [0; HASH_BYTES];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .unwrap();
        assert_eq!(
            HEXLOWER.encode(&tag),
            "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
        );
    }
}
