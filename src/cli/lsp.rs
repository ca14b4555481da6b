//! `lsp`: the editor's server.

use std::process::ExitCode;

use clap::Args;

use crate::lsp;

/// Speaks the language server protocol on stdin and stdout; editors start it.
#[derive(Debug, Args)]
pub struct Lsp {
    /// Overlay this profile; what the editor is set to comes first.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// What there is anyway; some editors name it.
    #[arg(long)]
    stdio: bool,
}

impl Lsp {
    /// Exit code 1 if the editor ends it without `shutdown`, or goes away.
    pub fn run(self) -> ExitCode {
        let Self { profile, stdio: _ } = self;
        let orderly = lsp::serve(std::io::stdin(), std::io::stdout(), profile);
        ExitCode::from(u8::from(!orderly))
    }
}
