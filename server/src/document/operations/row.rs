//! What the table says of one operation.

use crate::scope::Scope;

/// What a caller needs.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// No credential.
    Nothing,
    /// Any credential.
    Any,
    /// A client of OAuth, by its secret.
    Client,
    /// A client of OAuth or any credential, where it opens this scope.
    ClientWith(Scope),
    /// A client of OAuth or any credential.
    ClientOrAny,
    /// A credential that opens this scope.
    Scope(Scope),
}

/// Whether what an operation is about has an `ETag`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    /// It can be given, and the answer has no new one.
    Taken,
    /// The answer has it.
    Shown,
}

/// One operation.
pub(crate) struct Operation {
    pub(crate) id: &'static str,
    pub(crate) needs: Needs,
    /// Codes that its form alone does not tell.
    pub(crate) refusals: &'static [&'static str],
    /// Whether it refuses what a token is to say.
    pub(crate) mints: bool,
    pub(crate) tag: Tag,
}

impl Operation {
    /// The status of a code that has two: what an act is about may be nothing that is there, or no such value.
    pub(crate) fn status_of(&self, code: &str) -> Option<u16> {
        (code == "role_unknown").then(|| if self.id.starts_with("roles_") { 404 } else { 422 })
    }
}

pub(super) const fn row(
    id: &'static str,
    needs: Needs,
    refusals: &'static [&'static str],
) -> Operation {
    Operation { id, needs, refusals, mints: false, tag: Tag::None }
}

pub(super) const fn tagged(
    id: &'static str,
    needs: Needs,
    refusals: &'static [&'static str],
) -> Operation {
    Operation { tag: Tag::Shown, ..row(id, needs, refusals) }
}
