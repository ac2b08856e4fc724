//! Batches of changes to head or to a copy.

use bytes::Bytes;

use crate::change::{AllowedChange, Change, ChangeOptions, Changed, Content, WriteOptions};
use crate::entry::{Entry, MAX_MEDIA_TYPE, Text, media_type};
use crate::error::{Error, Result};
use crate::id::{BlobKey, GrantId};
use crate::memo::{Once, Repeat};
use crate::path::TreePath;
use crate::reason::Reason;
use crate::store::OperationCause;
use crate::tree::{Editor, resolve};
use crate::workspace::budgets::{admit, check_alive};
use crate::workspace::edit::{OtherKind, Prepared, What, edit, rehearse};
use crate::workspace::target::Target;
use crate::workspace::tx::Tx;
use crate::workspace::uploads::Uploads;
use crate::workspace::{At, Workspace};

/// The longest actor, in bytes.
const MAX_ACTOR: usize = 200;
/// The longest note or message, in bytes.
const MAX_NOTE: usize = 8 << 10;

/// On whose behalf files are changed.
#[derive(Clone)]
pub(crate) struct By<'a> {
    /// The grant that was handed out, which each commit looks at; `None` for a view that
    /// is no token's.
    pub(crate) holder: Option<&'a GrantId>,
    /// The directory that all paths are in.
    pub(crate) root: TreePath,
}

/// What has to hold for a batch to be made.
pub(crate) struct Condition<'a> {
    /// What it is about, as in the whole tree.
    pub(crate) path: TreePath,
    pub(crate) holds: Holds<'a>,
}

/// Fails where what is at a path is not what it has to be.
type Holds<'a> = Box<dyn FnOnce(Option<&Entry>) -> Result<()> + 'a>;

impl Workspace {
    /// Makes a batch of changes: objects first, then one transaction, if the condition
    /// holds in it. Where it fails, or was made before, the caller [lets go](Self::let_go)
    /// of the objects.
    pub(crate) async fn change(
        &self,
        at: At,
        by: By<'_>,
        condition: Option<Condition<'_>>,
        changes: Vec<AllowedChange>,
        options: ChangeOptions,
        once: Option<&Once<'_, Changed>>,
    ) -> Result<Repeat<Changed>> {
        check_text("change", &options.author.actor, &options.author.note)?;
        if let Some(once) = once {
            // Before anything is stored for it, that it would not need.
            let answer = self.read("change", |tx| self.made_before(tx, &by, once))?;
            if let Some(answer) = answer {
                return Ok(Repeat::Again(answer));
            }
        }
        let mut uploads = Uploads::new(self);
        let prepared = match self.prepare(&mut uploads, changes).await {
            Ok(prepared) => prepared,
            Err(error) => {
                uploads.end().await;
                return Err(error);
            }
        };
        let mut unneeded = Vec::new();
        let mut change = |tx: &Tx<'_>, by, condition| {
            let (changed, left) = self.change_in(tx, at, by, condition, &prepared, &options)?;
            unneeded = left;
            Ok(changed)
        };
        let changed = self.write("change", |tx| match once {
            None => change(tx, by, condition).map(Repeat::First),
            Some(once) => {
                let (holder, now) = (by.holder, self.now());
                check_alive(tx, "change", holder, now)?;
                self.once_in(tx, "change", holder, once, now, || {
                    change(tx, by, condition)
                })
            }
        })?;
        if let Repeat::First(changed) = &changed {
            self.committed(&prepared, &unneeded, changed.operation.is_some());
            self.drop_objects(unneeded).await;
        }
        Ok(changed)
    }

    /// Returns the answer of an earlier call under the same key, whose holder's grant is
    /// still alive.
    fn made_before(
        &self,
        tx: &Tx<'_>,
        by: &By<'_>,
        once: &Once<'_, Changed>,
    ) -> Result<Option<Bytes>> {
        let now = self.now();
        check_alive(tx, "change", by.holder, now)?;
        self.repeated(tx, "change", by.holder, once, now)
    }

    /// Stores the contents of changes.
    async fn prepare<'a>(
        &'a self,
        uploads: &mut Uploads<'a>,
        changes: Vec<AllowedChange>,
    ) -> Result<Vec<Prepared>> {
        let mut prepared = Vec::with_capacity(changes.len());
        for (position, allowed) in changes.into_iter().enumerate() {
            let AllowedChange {
                change,
                rests_on,
                longest,
            } = allowed;
            let what = match change {
                Change::Write {
                    path,
                    content,
                    options,
                } => {
                    check_media_type("write", &path, options.media_type.as_ref())?;
                    let content = match content {
                        Content::Stored(stored) => uploads.beside(self.own(stored)).await?,
                        Content::Bytes(bytes) => match self.store_inline(bytes) {
                            Ok(stored) => stored,
                            Err(bytes) => {
                                let prepare = move |content| Prepared {
                                    what: What::Write {
                                        path,
                                        content,
                                        options,
                                    },
                                    rests_on,
                                    longest,
                                };
                                uploads.begin(position, bytes, prepare).await?;
                                continue;
                            }
                        },
                    };
                    What::Write {
                        path,
                        content,
                        options,
                    }
                }
                other => What::Other(other),
            };
            let change = Prepared {
                what,
                rests_on,
                longest,
            };
            prepared.push((position, change));
        }
        prepared.extend(uploads.finish().await?);
        prepared.sort_unstable_by_key(|(position, _)| *position);
        Ok(prepared.into_iter().map(|(_, change)| change).collect())
    }

    /// Fails as a write of whatever content would now. Changes nothing.
    pub(crate) fn check_write(
        &self,
        at: At,
        by: By<'_>,
        path: &TreePath,
        rests_on: Option<&TreePath>,
        how: &WriteOptions,
        options: &ChangeOptions,
    ) -> Result<()> {
        check_text("change", &options.author.actor, &options.author.note)?;
        self.read("change", |tx| {
            let target = Target::load(tx, "change", at, self.now())?;
            target.expect(options.expect_generation)?;
            let mut editor = Editor::new(tx, &target.tree())?.below(&by.root);
            let found = rehearse(&mut editor, path, rests_on, how)?;
            match found {
                Some(_) => Ok(()),
                None => self.check_room(tx, "change", by.holder, &target.tree(), &editor),
            }
        })
    }

    /// Makes a batch of changes whose contents fit into rows, at once. Objects
    /// that turn out not to be needed are left to the collector.
    pub(crate) fn change_now(
        &self,
        at: At,
        by: By<'_>,
        changes: Vec<AllowedChange>,
        options: &ChangeOptions,
    ) -> Result<Changed> {
        check_text("change", &options.author.actor, &options.author.note)?;
        let prepared = changes.into_iter().map(|allowed| {
            let what = self.prepare_now(allowed.change)?;
            Ok(Prepared {
                what,
                rests_on: allowed.rests_on,
                longest: allowed.longest,
            })
        });
        let prepared = prepared.collect::<Result<Vec<_>>>()?;
        self.write("change", |tx| {
            Ok(self.change_in(tx, at, by, None, &prepared, options)?.0)
        })
    }

    /// Prepares a change that needs no object.
    fn prepare_now(&self, change: Change) -> Result<What> {
        Ok(match change {
            Change::Write {
                path,
                content,
                options,
            } => {
                check_media_type("write", &path, options.media_type.as_ref())?;
                let content = match content {
                    Content::Stored(stored) => {
                        self.refuse_foreign(&stored)?;
                        stored.instead()
                    }
                    Content::Bytes(bytes) => self.store_inline(bytes).map_err(|bytes| {
                        let limit = self.inner.options.inline_limit;
                        Error::invalid(Reason::NotInline, "change")
                            .at(&path)
                            .because(format!(
                                "its {} bytes are more than the {limit} that a row takes: \
                                 an object cannot be stored at once",
                                bytes.len()
                            ))
                    })?,
                };
                What::Write {
                    path,
                    content,
                    options,
                }
            }
            other => What::Other(other),
        })
    }

    fn change_in(
        &self,
        tx: &Tx<'_>,
        at: At,
        by: By<'_>,
        condition: Option<Condition<'_>>,
        changes: &[Prepared],
        options: &ChangeOptions,
    ) -> Result<(Changed, Vec<BlobKey>)> {
        let now = self.now();
        let target = Target::load(tx, "change", at, now)?;
        target.expect(options.expect_generation)?;
        if let Some(Condition { path, holds }) = condition {
            let found = resolve(tx, &target.tree(), &path)?;
            holds(found.as_ref()).map_err(|error| error.at(&path))?;
        }
        let before = target.tree();
        let mut editor = Editor::new(tx, &before)?.below(&by.root);
        let edited = edit(tx, &mut editor, changes, OtherKind::PerChange, now)?;
        // Before nodes are made of it: what is refused costs no more than to be read.
        admit(tx, "change", by.holder, edited.bytes, &before, &editor, now)?;
        let written = editor.finish()?;
        self.check_entries(tx, "change", &before, &written)?;
        let author = &options.author;
        let changed = target.commit(tx, written.tree, OperationCause::Edit, author, now)?;
        Ok((changed, edited.unneeded))
    }
}

/// Refuses a media type that is none, of the file at `path`.
pub(crate) fn check_media_type(
    operation: &'static str,
    path: &TreePath,
    said: Option<&Text<MAX_MEDIA_TYPE>>,
) -> Result<()> {
    let Some(said) = said else { return Ok(()) };
    media_type(said.as_str()).map(drop).map_err(|error| {
        Error::invalid(Reason::MalformedMediaType, operation)
            .at(path)
            .because(format!(
                "its media type is {}",
                error.detail().unwrap_or_default()
            ))
    })
}

/// Refuses an actor or note that is too long for a row.
pub(crate) fn check_text(operation: &'static str, actor: &str, note: &str) -> Result<()> {
    for (what, text, limit) in [
        ("actor", actor, MAX_ACTOR),
        ("note or message", note, MAX_NOTE),
    ] {
        if text.len() > limit || text.contains('\0') {
            return Err(Error::invalid(Reason::MalformedText, operation)
                .at(what)
                .because(format!("a NUL byte, or more than {limit} bytes")));
        }
    }
    Ok(())
}
