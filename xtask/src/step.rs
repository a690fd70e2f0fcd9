//! One child process, its output passed through; and the table of how all went. Last of the tasks.

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
pub(crate) struct Steps(Vec<(String, Duration, Went)>);

impl Steps {
    /// Runs a command.
    pub(crate) fn run(&mut self, name: &str, mut command: Command) -> bool {
        say(&format!("\n== {name}"));
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
        self.0.push((name.into(), begun.elapsed(), went));
        well
    }

    /// Notes what was found without a command.
    pub(crate) fn note(&mut self, name: &str, faults: &[String]) {
        say(&format!("\n== {name}"));
        faults.iter().for_each(|fault| say(fault));
        let went = if faults.is_empty() { Went::Well } else { Went::Badly };
        self.0.push((name.into(), Duration::ZERO, went));
    }

    /// Notes what cannot be done on this machine.
    pub(crate) fn not_here(&mut self, name: &str, why: &str) {
        say(&format!("\n== {name}: not done here: {why}"));
        self.0.push((name.into(), Duration::ZERO, Went::NotHere(why.into())));
    }

    /// Prints how all went; whether nothing went badly.
    pub(crate) fn finish(self) -> bool {
        say("");
        let (mut passed, mut failed) = (0, 0);
        for (name, time, went) in &self.0 {
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
