//! One child process, its output passed through; and the table of how all went.

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

/// A command in the workspace's root, without input.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Whether a program is there; Debian keeps servers where only root looks.
pub(crate) fn is_there(program: &str, argument: &str) -> bool {
    [program.to_owned(), format!("/usr/sbin/{program}")].iter().any(|program| {
        let mut command = command(program, &[argument]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Says something on standard error.
pub(crate) fn say(text: &str) {
    // Nobody listens if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The line above what a step says.
fn heading(step: usize, count: usize, name: &str) -> String {
    match count {
        0 => format!("\n== {name}"),
        _ => format!("\n== step {step} of {}: {name}", count.max(step)),
    }
}

/// How a step went.
#[derive(Debug)]
enum Went {
    Well,
    Badly,
    /// It could not be done here, which is said and is no failure.
    NotHere(String),
}

/// Steps, and how each went.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// How many there will be, without what must be installed first; 0: not known.
    count: usize,
    begun: usize,
    done: Vec<(String, Duration, Went)>,
}

impl Steps {
    /// So many steps.
    pub(crate) fn of(count: usize) -> Self {
        Self { count, ..Self::default() }
    }

    /// Says that the next step begins.
    fn begin(&mut self, name: &str) {
        self.begun += 1;
        say(&heading(self.begun, self.count, name));
    }

    /// Runs what a step needs first and is no step itself.
    pub(crate) fn prepare(&mut self, name: &str, command: Command) -> bool {
        say(&format!("\n== {name}"));
        self.carry_out(name, command)
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

    /// Notes what was found without a command.
    pub(crate) fn note(&mut self, name: &str, faults: &[String]) {
        self.begin(name);
        faults.iter().for_each(|fault| say(fault));
        let went = if faults.is_empty() { Went::Well } else { Went::Badly };
        self.done.push((name.into(), Duration::ZERO, went));
    }

    /// Notes what cannot be done on this machine.
    pub(crate) fn not_here(&mut self, name: &str, why: &str) {
        self.begin(&format!("{name}: not done here: {why}"));
        self.done.push((name.into(), Duration::ZERO, Went::NotHere(why.into())));
    }

    /// Prints how all went; whether nothing went badly.
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
