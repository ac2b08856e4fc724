//! Changes that are made in a copy of their own, which is applied then: to head as a
//! revision, to a copy as one operation, and either way all of them or none.

use workspace_core::{
    Applied, ApplyOptions, At, Author, CopyId, Error, ErrorKind, ForkOptions, RebaseOptions,
    Result, RevisionMessage,
};

use crate::session::Session;
use crate::time::now;

/// After which time, in milliseconds, a copy is gone whose command was killed.
const EXPIRES: i64 = 24 * 60 * 60 * 1000;
/// How often it is brought up to what its parent is by then.
const REBASES: usize = 8;

/// A copy that is there until it is applied or discarded.
pub(crate) struct Child<'a> {
    session: &'a Session,
    id: CopyId,
}

impl<'a> Child<'a> {
    /// Forks head, or a copy, where it is at this version, or generation.
    ///
    /// # Errors
    /// `Stale` at another.
    pub(crate) async fn fork(
        session: &'a Session,
        of: At,
        expect_version: Option<u64>,
    ) -> Result<(Self, At)> {
        let options = ForkOptions::default().of(of);
        let copy = session
            .fork(options.expires(Some(now().plus_millis(EXPIRES))))
            .await?;
        let id = copy.id;
        let child = Self { session, id };
        match expect_version {
            Some(expected) if expected != copy.base_version => {
                child.discard().await;
                let why = format!("expected version {expected}, found {}", copy.base_version);
                Err(Error::new(ErrorKind::Stale, "change")
                    .at("head")
                    .because(why))
            }
            _ => Ok((child, At::Tree(copy.base))),
        }
    }

    /// Returns its files.
    pub(crate) fn at(&self) -> At {
        At::Copy(self.id)
    }

    /// Applies it, or discards it where there is nothing to apply or that fails.
    ///
    /// # Errors
    /// `Conflict` where its parent moved meanwhile.
    pub(crate) async fn apply(self, message: RevisionMessage) -> Result<Applied> {
        let applied = self
            .session
            .apply(self.id, ApplyOptions::default().message(message))
            .await;
        self.end(applied).await
    }

    /// Discards it, unless it is applied.
    async fn end(self, applied: Result<Applied>) -> Result<Applied> {
        match applied {
            Ok(Applied::Published { .. } | Applied::ToParent { .. }) => {}
            Ok(Applied::Unchanged { .. }) | Err(_) => self.discard().await,
        }
        applied
    }

    /// Applies it, with what its parent became meanwhile where other paths were changed.
    ///
    /// # Errors
    /// `Conflict` where the same paths were changed.
    pub(crate) async fn rebase_and_apply(self, message: RevisionMessage) -> Result<Applied> {
        let mut left = REBASES;
        loop {
            let options = ApplyOptions::default().message(message.clone());
            let applied = match self.session.apply(self.id, options).await {
                Err(error) if error.kind() == ErrorKind::Conflict && left > 0 => {
                    left -= 1;
                    let author = Author::new(message.actor.clone(), String::new());
                    let options = RebaseOptions::default().author(author);
                    match self.session.rebase(self.id, options, &[]).await {
                        Ok(_) => continue,
                        Err(error) => Err(error),
                    }
                }
                applied => applied,
            };
            return self.end(applied).await;
        }
    }

    /// Discards it. One that cannot be expires by itself.
    pub(crate) async fn discard(self) {
        let _expires = self.session.discard(self.id).await;
    }
}
