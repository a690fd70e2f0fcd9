//! What cannot be undone is asked about first.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::failure::{Done, Failure, usage};

/// Whether it was meant.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Sure {
    /// Do it without asking: it cannot be undone.
    #[arg(long)]
    yes: bool,
}

impl Sure {
    /// Asks at the terminal; without one, `--yes` must have been given. `what` is what will be gone.
    pub(super) fn confirm(self, what: &str) -> Done {
        if self.yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(usage(&format!(
                "{what}; this cannot be undone: give --yes if it is meant"
            )));
        }
        let mut terminal = std::io::stderr();
        write!(terminal, "{what}. This cannot be undone. Go on? [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failure::Refused(anyhow::anyhow!("nothing was done")))
    }
}
