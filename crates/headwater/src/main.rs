//! The command line: `headwater serve`, `headwater source …`, `headwater token …`.

mod arguments;
mod data_lock;
mod failure;
mod output;
mod serve;
mod sources;
mod tokens;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Failure::Other(format!("the process can't start its threads: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Serve(arguments) => serve::serve(arguments).await,
        Command::Source(command) => sources::run(command).await,
        Command::Token(command) => tokens::run(command).await,
    }
}
