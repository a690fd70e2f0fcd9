//! Asks before an act that cannot be undone.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::failure::{Done, Failure, usage};

/// The confirmation.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Sure {
    /// Do not ask for confirmation, although it cannot be undone.
    #[arg(long)]
    yes: bool,
}

impl Sure {
    /// Asks at the terminal; without a terminal, `--yes` is required. `what` says what will be lost.
    pub(super) fn confirm(self, what: &str) -> Done {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(usage(&format!("{what}; it cannot be undone; add --yes to confirm")));
        }
        let mut terminal = std::io::stderr();
        write!(terminal, "{what}, and cannot be undone. Continue? [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::Refused(anyhow::anyhow!("nothing was done")))
    }
}
