//! The program: configuration, command line, key file and log lines.

pub mod cli;
pub mod configuration;
pub mod failure;
pub mod keys;
pub mod output;
pub mod secret_text;
pub mod telemetry;
