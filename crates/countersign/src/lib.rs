//! The program: configuration, command line, wiring.
//!
//! A library besides the thin `main.rs`, so that tests can run all of it on a clock of their own.

mod assembly;
mod checkpoints;
pub mod cli;
mod commands;
pub mod configuration;
mod database;
pub mod failure;
mod key_follower;
pub mod keys;
mod listener;
pub mod output;
mod processor;
mod progress;
pub mod secret_text;
mod serve;
mod support_client;
pub mod telemetry;
mod words;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use service::Clock;

use crate::cli::{AuditCommand, Cli, Command};
use crate::failure::Failure;
use crate::output::Output;

/// The program on the machine's own clock, or its build for the machine's processor.
pub fn run_here(clock: Arc<dyn Clock>) -> ExitCode {
    match processor::hand_over() {
        Ok(()) => run(clock),
        Err(failure) => told(Output { json: false }, &failure),
    }
}

/// Reads the command line, carries out its command, and says how it ended.
pub fn run(clock: Arc<dyn Clock>) -> ExitCode {
    let cli = Cli::parse();
    let output = cli.output();
    let carried_out = AssertUnwindSafe(|| carry_out(&cli, output, clock));
    match panic::catch_unwind(carried_out).unwrap_or_else(|_| Err(Failure::fault())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(output, &failure),
    }
}

fn told(output: Output, failure: &Failure) -> ExitCode {
    if !matches!(failure, Failure::OutputClosed) {
        output.note(format_args!("countersign: {failure}"));
    }
    failure.exit_code()
}

fn carry_out(cli: &Cli, output: Output, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    if let Command::Audit(AuditCommand::VerifyBundle { file, key }) = &cli.command {
        return commands::verify_bundle(file, key, output);
    }
    let environment = configuration::environment()?;
    if let Command::Support(support) = &cli.command {
        let token = cli::staff_token(&environment)?;
        return support_client::run(support, &token, output);
    }
    let file = cli.global.config.as_deref();
    let configuration = configuration::load(cli.flags(), file, environment)?;
    for warning in &configuration.warnings {
        output.note(format_args!("countersign: warning: {warning}"));
    }
    let serving = matches!(cli.command, Command::Serve(_));
    telemetry::start(&configuration, serving).map_err(|error| Failure::because(&error))?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because(&error))?
        .block_on(commands::run(cli, configuration, output, clock))
}
