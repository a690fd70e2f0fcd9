//! One child process, with its output passed through; and the table of results.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// A command in the workspace root, without input.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Whether a program exists; Debian puts servers where only root looks.
pub(crate) fn is_there(program: &str, argument: &str) -> bool {
    [program.to_owned(), format!("/usr/sbin/{program}")].iter().any(|program| {
        let mut command = command(program, &[argument]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Prints to standard error.
pub(crate) fn say(text: &str) {
    // A failure means that nobody listens.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The line above a step's output.
fn heading(step: usize, count: usize, name: &str) -> String {
    match count {
        0 => format!("\n== {name}"),
        _ => format!("\n== step {step} of {}: {name}", count.max(step)),
    }
}

/// The result of a step.
#[derive(Debug)]
enum Went {
    Well,
    Badly,
    /// It is not possible here, which is reported and not a failure.
    NotHere(String),
}

/// Steps, and their results.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// The number of steps, without preparations; 0: unknown.
    count: usize,
    begun: usize,
    done: Vec<(String, Duration, Went)>,
}

impl Steps {
    /// This many steps.
    pub(crate) fn of(count: usize) -> Self {
        Self { count, ..Self::default() }
    }

    /// Announces the next step.
    fn begin(&mut self, name: &str) {
        self.begun += 1;
        say(&heading(self.begun, self.count, name));
    }

    /// Runs a preparation, which is not a step itself.
    pub(crate) fn prepare(&mut self, name: &str, command: Command) -> bool {
        say(&format!("\n== {name}"));
        self.carry_out(name, command)
    }

    /// Records a preparation that ran beside other steps.
    pub(crate) fn prepared(&mut self, name: &str, begun: Instant, well: bool) {
        let went = if well { Went::Well } else { Went::Badly };
        self.done.push((name.into(), begun.elapsed(), went));
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, name: &str, command: Command) -> bool {
        self.begin(name);
        self.carry_out(name, command)
    }

    fn carry_out(&mut self, name: &str, mut command: Command) -> bool {
        let begun = Instant::now();
        let went = match command.status() {
            Ok(status) if status.success() => Went::Well,
            Ok(_) => Went::Badly,
            Err(error) => {
                say(&format!("{name}: {error}"));
                Went::Badly
            }
        };
        let well = matches!(went, Went::Well);
        self.done.push((name.into(), begun.elapsed(), went));
        well
    }

    /// Records a result found without a command.
    pub(crate) fn note(&mut self, name: &str, faults: &[String]) {
        self.begin(name);
        faults.iter().for_each(|fault| say(fault));
        let went = if faults.is_empty() { Went::Well } else { Went::Badly };
        self.done.push((name.into(), Duration::ZERO, went));
    }

    /// Records what is not possible on this machine.
    pub(crate) fn not_here(&mut self, name: &str, why: &str) {
        self.begin(&format!("{name}: not done here: {why}"));
        self.done.push((name.into(), Duration::ZERO, Went::NotHere(why.into())));
    }

    /// Prints all results; returns whether nothing failed.
    pub(crate) fn finish(self) -> bool {
        say("");
        let (mut passed, mut failed) = (0, 0);
        for (name, time, went) in &self.done {
            let words = match went {
                Went::Well => "ok".to_owned(),
                Went::Badly => "FAILED".to_owned(),
                Went::NotHere(why) => format!("not done here: {why}"),
            };
            passed += u32::from(matches!(went, Went::Well));
            failed += u32::from(matches!(went, Went::Badly));
            say(&format!("{name:<40} {:>7.1} s  {words}", time.as_secs_f64()));
        }
        say(&format!("steps: {passed} passed, {failed} failed"));
        failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_says_which_step_of_how_many() {
        assert_eq!(heading(3, 17, "lints"), "\n== step 3 of 17: lints");
        assert_eq!(heading(1, 0, "soak"), "\n== soak");
        assert_eq!(heading(18, 17, "more"), "\n== step 18 of 18: more");
    }
}
