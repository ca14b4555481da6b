//! `hash-password`: makes the file of bcrypt users that a `web` block refers to.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;

use super::printer::out;

/// bcrypt ignores what lies beyond.
const LONGEST: usize = 72;

/// Hashes a password read from standard input with bcrypt.
#[derive(Debug, Args)]
pub struct HashPassword {
    /// Print the line `USER: HASH` of a `basic_auth_users` block instead of the bare hash.
    #[arg(long)]
    user: Option<String>,
    /// Work factor: each step doubles the time that a guess takes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(4..=16))]
    cost: u32,
}

impl HashPassword {
    /// Reads one line, prints one line.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("reading the password")?;
        let password = line.trim_end_matches(['\n', '\r']);
        ensure!(!password.is_empty(), "no password on standard input");
        if password.len() > LONGEST {
            bail!("the password has {} bytes; bcrypt takes at most {LONGEST}", password.len());
        }
        let hash = bcrypt::hash(password, self.cost).context("hashing the password")?;
        match self.user {
            Some(user) => writeln!(out(), "{user}: {hash}")?,
            None => writeln!(out(), "{hash}")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
