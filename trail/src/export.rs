//! Verifies an export, line by line.

use thiserror::Error;

use crate::{
    checkpoint::Checkpoint,
    excerpt::ExcerptVerifier,
    fault::Report,
    keys::PublicKeys,
    line::Line,
    verify::{Start, Verifier},
};

/// The text does not begin as an export does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the first line is not the head of an audit export of version 1")]
pub struct NotAnExport;

#[derive(Debug)]
enum Of {
    Trail(Box<Verifier>),
    Excerpt(Box<ExcerptVerifier>),
}

/// An export that is being read.
#[derive(Debug)]
pub struct Export {
    of: Of,
    has_ended: bool,
}

impl Export {
    /// Begins with the first line. Signatures must be by one of `trusted`; `None`: by the keys in the export itself,
    /// which shows only that it is consistent. It must agree with `known`, which is of a whole trail.
    pub fn begin(
        line: &str,
        trusted: Option<PublicKeys>,
        known: &[Checkpoint],
    ) -> Result<Self, NotAnExport> {
        let of = match Line::read(line) {
            Some(Line::Trail(head)) if head.version == 1 => {
                let keys = trusted.unwrap_or_else(|| PublicKeys::of(&head.keys));
                let start = Start { chain: head.chain, id: head.start };
                let mut verifier = Verifier::new(start, keys);
                known.iter().for_each(|checkpoint| verifier.kept(checkpoint));
                Of::Trail(Box::new(verifier))
            }
            Some(Line::Excerpt(head)) if head.version == 1 => {
                let keys = trusted.unwrap_or_else(|| PublicKeys::of(&head.keys));
                Of::Excerpt(Box::new(ExcerptVerifier::new(&head, keys)))
            }
            _ => return Err(NotAnExport),
        };
        Ok(Self { of, has_ended: false })
    }

    /// Whether it is an app's excerpt.
    pub fn is_excerpt(&self) -> bool {
        matches!(self.of, Of::Excerpt(_))
    }

    /// The next line.
    pub fn line(&mut self, line: &str) {
        let read = Line::read(line).filter(|_| !self.has_ended);
        match (&mut self.of, read) {
            (Of::Trail(trail), Some(Line::Record(record))) => trail.record(&record),
            (Of::Trail(trail), Some(Line::Link(link))) => trail.link(link),
            (Of::Trail(trail), Some(Line::Checkpoint(checkpoint))) => trail.checkpoint(&checkpoint),
            (Of::Trail(trail), Some(Line::End(end))) => {
                self.has_ended = true;
                trail.checkpoint(&end.checkpoint);
            }
            (Of::Trail(trail), _) => trail.unreadable_line(),
            (Of::Excerpt(excerpt), Some(Line::Record(record))) => excerpt.record(&record),
            (Of::Excerpt(excerpt), Some(Line::ExcerptEnd(end))) => {
                self.has_ended = true;
                excerpt.end(end);
            }
            (Of::Excerpt(excerpt), _) => excerpt.unreadable_line(),
        }
    }

    /// The end of the text.
    pub fn finish(self) -> Report {
        match self.of {
            Of::Trail(trail) => trail.finish(None, self.has_ended),
            Of::Excerpt(excerpt) => excerpt.finish(),
        }
    }
}
