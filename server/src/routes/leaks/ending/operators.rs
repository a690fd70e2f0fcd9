//! Ends what of an operator leaked: the root credential, a personal token, or a link.

use super::{Ending, LeakKind, LeakView};
use crate::{error::ApiError, secret};

impl Ending<'_> {
    pub(super) async fn root(&mut self, hash: &[u8]) -> Result<LeakView, ApiError> {
        let row = self.tx.root().await?.filter(|row| secret::same(&row.hash, hash));
        let Some(row) = row else { return Ok(LeakView::unknown()) };
        let was_good = row.leaked_ms.is_none();
        if was_good {
            self.tx.root_leaked(self.now_ms).await?;
        }
        let next = "stop the server and make another with `stagedoor root reset`".to_owned();
        Ok(LeakView { next: Some(next), ..LeakView::of(LeakKind::Root, row.id, None, was_good) })
    }

    /// It opens nothing from the answer on, and is recognised when it is reported again.
    pub(super) async fn personal(&mut self, id: &str, hash: &[u8]) -> Result<LeakView, ApiError> {
        let row = self.tx.personal_token(id).await?.filter(|row| secret::same(&row.hash, hash));
        let Some(row) = row else { return Ok(LeakView::unknown()) };
        let was_good = row.leaked_ms.is_none() && row.expires_ms > self.now_ms;
        if row.leaked_ms.is_none() {
            self.tx.personal_token_leaked(id, self.now_ms).await?;
        }
        let next = "make another personal token, and end this one".to_owned();
        let view = LeakView::of(LeakKind::PersonalToken, Some(row.id), None, was_good);
        Ok(LeakView { next: Some(next), ..view })
    }

    /// A link that was used or has ended is not kept, so that it is unknown.
    pub(super) async fn link(&mut self, id: &str, hash: &[u8]) -> Result<LeakView, ApiError> {
        let row = self.tx.link(id).await?.filter(|row| secret::same(&row.hash, hash));
        let Some(row) = row else { return Ok(LeakView::unknown()) };
        let was_good = row.expires_ms > self.now_ms;
        self.tx.delete_link(id).await?;
        Ok(LeakView::of(LeakKind::Link, Some(row.id), None, was_good))
    }
}
