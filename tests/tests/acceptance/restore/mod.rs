//! Restoring a backup: what ended since stays ended, and the log tells what it lost.
mod backups;
mod crash;
mod damaged;
mod disguised;
mod epochs;
mod followers;
mod lives_again;
mod page;
