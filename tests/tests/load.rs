//! The load tester, end to end: against a relay, and against faulty servers.

#[path = "load/faults.rs"]
mod faults;
#[path = "load/faulty.rs"]
mod faulty;
#[path = "load/slow.rs"]
mod slow;
#[path = "load/words.rs"]
mod words;
