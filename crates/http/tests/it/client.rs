//! The client against the router: each call answers as the facade does.

use std::sync::Arc;

use axum::Router;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt, stream};
use proptest::prelude::*;
use tower::ServiceExt;
use workspace_core::store::{Budget, ByteStream};
use workspace_core::{
    Applied, ApplyOptions, At, Author, Change, ChangeOptions, CollectBudget, Content, ContentId,
    CopyId, DiffOptions, Entry, EntrySource, Error, ErrorKind, ForkOptions, FsckOptions,
    GrantOptions, ImportLimits, ImportOptions, KeepRevisions, MemoKey, Name, Options, Precondition,
    Reason, Result, RevisionId, RevisionMessage, Scope, SourceEntry, SourceKind, Text, Timestamp,
    TreeId, TreePath, Workspace, WriteOptions, media_type,
};
use workspace_http::wire::{DifferenceDto, EntryDto, EventDto, GrantDto};
use workspace_http::{Access, Body, Client, Transport, router};
use workspace_testkit::model::Edit;
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext, strategies};

use crate::server::TOKEN;

struct InProcess(Router);

impl Transport for InProcess {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        Ok(self.0.clone().oneshot(request).await.unwrap())
    }
}

/// A workspace, and the client of what serves it.
fn served() -> (Workspace, Client<InProcess>) {
    let options = Options::default().inline_limit(64);
    let workspace = Workspace::create(
        Box::new(MemoryMeta::new()),
        Arc::new(MemoryBlobs::new()),
        TestContext::new(7).context(),
        options,
    );
    let workspace = workspace.unwrap();
    let access = Access::root(TOKEN).unwrap();
    let router = router(workspace.clone(), access, ImportLimits::default());
    let client = Client::new(InProcess(router), "http://workspace", TOKEN);
    (workspace, client.unwrap())
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn write(at: &str, content: &str) -> Change {
    Change::Write {
        path: path(at),
        content: Content::Bytes(content.to_string().into()),
        options: WriteOptions::default().create_parents(true),
    }
}

fn author() -> Author {
    Author::new("me", "to see & hear")
}

fn bytes(chunks: Vec<Result<Bytes>>) -> ByteStream<'static> {
    Box::pin(stream::iter(chunks))
}

async fn all(body: ByteStream<'static>) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = body.try_collect().await?;
    Ok(chunks.concat())
}

#[test]
fn a_whole_life_answers_as_the_facade_does() {
    let (workspace, client) = served();
    block_on(async {
        assert_eq!(client.head().await?, workspace.head()?);
        let options = ChangeOptions::default()
            .author(author())
            .expect_generation(0);
        let binary = Change::Write {
            path: path("/d/binary ü?#"),
            content: Content::Bytes(Bytes::from_static(&[0, 255, 7])),
            options: WriteOptions::default()
                .executable(true)
                .modified(Timestamp::from_millis(-1))
                .media_type(Text::new("x/y; z=\"ü\"")?)
                .provenance(Text::new("by hand")?),
        };
        let batch = vec![
            write("/d/a", "one"),
            binary,
            Change::Mkdir {
                path: path("/e/f"),
                parents: true,
            },
            Change::Symlink {
                path: path("/l"),
                target: Text::new("../d")?,
                create_parents: false,
                modified: None,
            },
            write("/gone", "x"),
            Change::Copy {
                from: path("/d"),
                to: path("/c"),
                replace: false,
            },
            Change::Rename {
                from: path("/c/a"),
                to: path("/c/b"),
                replace: false,
            },
            Change::SetExecutable {
                path: path("/c/b"),
                executable: true,
            },
            Change::Remove {
                path: path("/gone"),
                recursive: false,
            },
        ];
        let changed = client.change(At::Head, batch, options).await?;
        assert_eq!(
            (changed.generation, changed.tree),
            (1, workspace.head()?.tree)
        );
        let message = RevisionMessage::default()
            .actor("me")
            .message("the start")
            .metadata([("k".to_string(), "v".to_string())].into());
        client.snapshot(message.clone()).await?;
        assert_eq!(
            client.revision(RevisionId::new(1)).await?,
            workspace.revision(RevisionId::new(1))?
        );

        let fork = ForkOptions::named("a/b ?").expires(Timestamp::from_millis(1 << 50));
        let copy = client.fork(fork).await?;
        assert_eq!(client.find_copy("a/b ?").await?, copy);
        assert_eq!(client.copy(copy.id).await?, workspace.copy(copy.id)?);
        client.rename_copy(copy.id, Some("draft".into())).await?;
        let at = At::Copy(copy.id);
        let how = WriteOptions::default()
            .create_parents(true)
            .media_type(Text::new("application/octet-stream")?)
            .provenance(Text::new("stream & co")?)
            .modified(Timestamp::from_millis(12_345))
            .executable(true)
            .precondition(Precondition::Absent);
        let body = bytes(vec![Ok("x".repeat(5000).into()), Ok("y".into())]);
        let options = ChangeOptions::default().author(author());
        let written = client
            .write(at, &path("/new/large"), body, how.clone(), options.clone())
            .await?;
        let found = workspace.files(at).stat(&path("/new/large"))?;
        assert_eq!(found, Some(Entry::File(written.file.clone())));
        let again = client
            .write(
                at,
                &path("/new/large"),
                bytes(vec![]),
                how.clone(),
                options.clone(),
            )
            .await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let how = how.precondition(Precondition::Content(ContentId::of(b"other")));
        let again = client
            .write(at, &path("/new/large"), bytes(vec![]), how, options)
            .await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Stale);

        for (at, place) in [
            (At::Head, "/"),
            (at, "/"),
            (At::Revision(RevisionId::new(1)), "/d"),
            (At::Tree(written.changed.tree), "/new"),
        ] {
            let place = path(place);
            let view = workspace.files(at);
            assert_eq!(client.tree(at).await?, workspace.tree(at)?);
            assert_eq!(client.stat(at, &place).await?, view.stat(&place)?);
            assert_eq!(
                client.list(at, &place, None, 100).await?,
                view.list(&place, None, 100)?
            );
            let mut walk = client.walk(at, &place).await?;
            let mut walked = Vec::new();
            while let Some(step) = walk.next().await? {
                walked.push(step);
            }
            assert_eq!(walked, view.walk(&place)?.collect::<Result<Vec<_>>>()?);
            let (mut there, mut here) = (client.export(at, &place).await?, view.export(&place)?);
            while let Some(expected) = here.next().await? {
                let found = there.next().await?.unwrap();
                assert_eq!((found.path, &found.entry), (expected.path, &expected.entry));
                match (found.body, expected.body) {
                    (Some(found), Some(expected)) => {
                        assert_eq!(all(found.body).await?, all(expected.body).await?);
                    }
                    (found, expected) => assert!(found.is_none() && expected.is_none()),
                }
            }
            assert!(there.next().await?.is_none());
        }
        assert_eq!(
            client
                .list(At::Head, &path("/"), Some(&Name::new("d")?), 1)
                .await?,
            workspace
                .files(At::Head)
                .list(&path("/"), Some(&Name::new("d")?), 1)?
        );
        assert_eq!(client.stat(At::Head, &path("/none")).await?, None);
        let error = client
            .stat(At::Copy(CopyId::from_bytes([9; 16])), &path("/none"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.operation()),
            (ErrorKind::NotFound, "find copy")
        );
        assert_eq!(
            client.read(At::Head, &path("/d/binary ü?#")).await?,
            &[0, 255, 7][..]
        );

        let diff = client.diff(At::Head, at, &DiffOptions::default()).await?;
        assert_eq!(diff, workspace.diff(At::Head, at, &DiffOptions::default())?);
        assert_eq!(
            client.operations(copy.id, None, 10).await?,
            workspace.operations(copy.id, None, 10)?
        );
        client
            .undo(
                copy.id,
                workspace.copy(copy.id)?.operation.unwrap(),
                &author(),
            )
            .await?;
        assert_eq!(
            client.operations(copy.id, None, 10).await?[1],
            workspace.operations(copy.id, None, 10)?[1]
        );
        assert_eq!(
            client.apply(copy.id, ApplyOptions::default()).await?,
            Applied::Unchanged { in_part: false }
        );

        client
            .change(at, vec![write("/mine", "x")], ChangeOptions::default())
            .await?;
        client
            .change(
                At::Head,
                vec![write("/theirs", "x")],
                ChangeOptions::default(),
            )
            .await?;
        let there = client
            .apply(copy.id, ApplyOptions::default())
            .await
            .unwrap_err();
        let here = workspace
            .apply(copy.id, ApplyOptions::default())
            .unwrap_err();
        assert_eq!(there.to_string(), here.to_string());
        assert_eq!(there.conflict(), here.conflict());
        assert!(there.conflict().is_some());
        assert_eq!(
            client.rebase(copy.id, &author()).await?.copy,
            workspace.copy(copy.id)?
        );
        for parent in [At::Copy(copy.id), At::Revision(RevisionId::new(1))] {
            let options = ApplyOptions::default().expect_parent(parent);
            let there = client.apply(copy.id, options.clone()).await.unwrap_err();
            let here = workspace.apply(copy.id, options).unwrap_err();
            assert_eq!(there.kind(), here.kind(), "{parent}");
        }
        let reviewed = ApplyOptions::default()
            .message(message)
            .expect_parent(At::Head)
            .expect_tree(workspace.copy(copy.id)?.tree);
        let applied = client.apply(copy.id, reviewed.clone()).await?;
        assert_eq!(
            client.apply(copy.id, reviewed.clone()).await?,
            workspace.apply(copy.id, reviewed)?
        );
        assert!(matches!(applied, Applied::Published { already: false, .. }));
        let spare = client.fork(ForkOptions::default()).await?.id;
        assert_eq!(client.discard(spare).await?, workspace.copy(spare)?);
        assert_eq!(
            client.copies(false, None, 10).await?,
            workspace.copies(false, None, 10)?
        );
        assert_eq!(client.copies(true, Some(&copy.id), 10).await?, []);
        assert_eq!(
            client.revisions(None, 2).await?,
            workspace.revisions(None, 2)?
        );
        client
            .restore(RevisionId::new(1), RevisionMessage::default())
            .await?;
        assert_eq!(
            client.revisions(Some(RevisionId::new(9)), 9).await?,
            workspace.revisions(None, 9)?
        );
        let keep = KeepRevisions::default().newest(1);
        assert!(client.prune_revisions(keep).await? > 0);
        assert!(client.gc(|_| {}).await?.done);
        assert_eq!(
            client
                .collect(CollectBudget::default().rows(1))
                .await?
                .nodes,
            0
        );
        let options = FsckOptions::default().contents(true);
        assert_eq!(client.usage().await?, workspace.usage()?);
        assert_eq!(client.fsck(options).await?, workspace.fsck(options).await?);
        assert_eq!(client.health().await?.status, "ok");
        let receipt = client.receipt();
        assert!(receipt.commits > 5 && receipt.rows_read > 5, "{receipt:?}");
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn grants_are_handed_out_and_taken_back() {
    let (workspace, client) = served();
    block_on(async {
        client
            .change(
                At::Head,
                vec![write("/site/a", "x")],
                ChangeOptions::default(),
            )
            .await?;
        let copy = client.fork(ForkOptions::default()).await?.id;
        let scope = Scope {
            root: path("/site"),
            read: vec!["**".parse()?],
            write: vec!["/posts/**".parse()?],
            delete: true,
        };
        let options = GrantOptions::default()
            .label("for the agent")
            .actor("agent")
            .expires(Timestamp::from_millis(1 << 50));
        let issued = client.issue_grant(At::Copy(copy), &scope, options).await?;
        let kept = workspace.grants(At::Copy(copy), None, 10)?;
        let kept: Vec<GrantDto> = kept.iter().map(GrantDto::from).collect();
        assert_eq!(client.grants(At::Copy(copy), None, 10).await?, kept);
        assert_eq!(kept, [issued.grant]);

        let router = router(
            workspace.clone(),
            Access::root(TOKEN)?,
            ImportLimits::default(),
        );
        let holder = |token: &str| Client::new(InProcess(router.clone()), "http://x", token);
        let held = holder(&issued.token)?.held().await?;
        assert_eq!((&*held.actor, held.scopes.len()), ("agent", 1));
        let narrower = holder(&issued.token)?
            .attenuate(&scope, None, Budget::default())
            .await?;
        assert_eq!(narrower.view.scopes.len(), 2);
        let id = kept[0].id.parse()?;
        assert_eq!(client.revoke_grant(&id).await?, 2);
        let gone = holder(&narrower.token)?.held().await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Denied);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn the_feed_is_read_and_followed() {
    let (workspace, client) = served();
    block_on(async {
        assert_eq!(client.last_event().await?, 0);
        client
            .change(At::Head, vec![write("/a", "x")], ChangeOptions::default())
            .await?;
        let copy = client.fork(ForkOptions::default()).await?.id;
        assert_eq!(client.last_event().await?, 2);
        let found = client.events(0, 10).await?;
        let kept = workspace.events(0, 10)?;
        assert_eq!(found, kept.iter().map(EventDto::from).collect::<Vec<_>>());
        assert_eq!(
            client.events(9, 10).await.unwrap_err().kind(),
            ErrorKind::Stale
        );
        let mut following = client.follow(1).await?;
        assert_eq!(following.next().await?.as_ref(), found.get(1));
        client.discard(copy).await?;
        assert_eq!(
            following.next().await?.map(|event| event.sequence.get()),
            Some(3)
        );
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_walk_leaves_out_what_is_skipped() {
    let (_, client) = served();
    block_on(async {
        let batch = ["/a/b/c", "/a/d", "/e/f", "/g"]
            .map(|at| write(at, at))
            .into();
        client
            .change(At::Head, batch, ChangeOptions::default())
            .await?;
        let mut walk = client.walk(At::Head, &TreePath::root()).await?;
        let mut seen = Vec::new();
        while let Some((path, _)) = walk.next().await? {
            if path.as_str() == "/a/b" || path.as_str() == "/e" {
                walk.skip_directory();
            }
            seen.push(path.to_string());
        }
        assert_eq!(seen, ["/a", "/a/b", "/a/d", "/e", "/g"]);
        let skipping = client.export(At::Head, &path("/a")).await?;
        let mut export = skipping;
        let mut bodies = Vec::new();
        while let Some(entry) = export.next().await? {
            bodies.extend(entry.body);
        }
        // What the export has passed is gone.
        let late = all(bodies.remove(0).body).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::Unavailable);
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// A source in memory; one that fails at its end, if it has an error.
struct Entries(
    std::vec::IntoIter<SourceEntry>,
    Vec<Bytes>,
    Option<ErrorKind>,
);

impl EntrySource for Entries {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        let found = self.0.next();
        let content = found.as_ref().map(|entry| entry.path.to_string());
        self.1 = content.map(content_of).into_iter().collect();
        let result = match (found, self.2) {
            (None, Some(kind)) => Err(Error::new(kind, "read source").at("here")),
            (found, _) => Ok(found),
        };
        async { result }.boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        let chunk = self.1.pop();
        async { Ok(chunk) }.boxed()
    }
}

/// Contents of all sizes, some of them longer than what is held.
fn content_of(path: String) -> Bytes {
    let size = match path.len() % 7 {
        0 => (1 << 20) + 77,
        n => n * n * 40,
    };
    path.bytes().cycle().take(size).collect()
}

/// Edits of every kind, many of which cannot be made.
fn edit() -> impl Strategy<Value = Edit> {
    let path = || strategies::path(2);
    prop_oneof![
        4 => strategies::put(),
        1 => (path(), any::<bool>()).prop_map(|(path, all)| Edit::Remove(path, all)),
        1 => (path(), path(), any::<bool>()).prop_map(|(from, to, over)| Edit::Rename(from, to, over)),
        1 => (path(), path(), any::<bool>()).prop_map(|(from, to, over)| Edit::Copy(from, to, over)),
        1 => (path(), any::<bool>()).prop_map(|(path, set)| Edit::SetExecutable(path, set)),
    ]
}

fn source_entry() -> impl Strategy<Value = SourceEntry> {
    (strategies::path(3), strategies::entry(), any::<bool>()).prop_map(|(path, entry, sized)| {
        let kind = match entry {
            _ if path.is_root() => SourceKind::Directory,
            Entry::Directory(_) => SourceKind::Directory,
            Entry::Symlink(link) => SourceKind::Symlink {
                target: link.target,
                modified: Some(link.modified),
            },
            Entry::File(file) => {
                let size = content_of(path.to_string()).len() as u64;
                SourceKind::File {
                    size: (sized || size > 1 << 20).then_some(size),
                    executable: file.executable,
                    modified: Some(file.modified),
                    media_type: file.media_type.and_then(|_| media_type("text/x; a=b").ok()),
                    provenance: file.provenance,
                }
            }
        };
        SourceEntry { path, kind }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn an_import_from_afar_is_one_from_here(
        entries in proptest::collection::vec(source_entry(), 0..12),
        fails in proptest::option::of(Just(ErrorKind::Source)),
    ) {
        let (workspace, client) = served();
        let source = || Entries(entries.clone().into_iter(), Vec::new(), fails);
        block_on(async {
            let [here, there] = [(); 2].map(|()| workspace.fork(ForkOptions::default()).unwrap().id);
            let options = || ImportOptions::default().author(author()).into(path("/into"));
            let expected = workspace.import(At::Copy(here), &mut source(), options()).await;
            let mut told = 0;
            let mut progress = |_: &workspace_core::Imported| told += 1;
            let with_progress = options().progress(&mut progress);
            let found = client.import(At::Copy(there), Box::new(source()), with_progress, true).await;
            match (expected, found) {
                (Ok(expected), Ok(found)) => {
                    prop_assert_eq!(expected, found);
                    prop_assert_eq!(workspace.copy(here).unwrap().tree, workspace.copy(there).unwrap().tree);
                }
                (Err(expected), Err(found)) => {
                    prop_assert_eq!(expected.kind(), found.kind(), "{} / {}", expected, found);
                    let head = client.head().await.unwrap();
                    let failed = client.import(At::Head, Box::new(source()), options(), false).await;
                    prop_assert!(failed.is_err());
                    prop_assert_eq!(client.head().await.unwrap(), head);
                }
                (expected, found) => prop_assert!(false, "{expected:?} / {found:?}"),
            }
            Ok(())
        })?;
    }

    #[test]
    fn batches_from_afar_are_batches_from_here(
        batches in proptest::collection::vec(proptest::collection::vec(edit(), 1..5), 1..8),
    ) {
        let (workspace, client) = served();
        block_on(async {
            let [here, there] = [(); 2].map(|()| workspace.fork(ForkOptions::default()).unwrap().id);
            for batch in batches {
                let changes = || batch.iter().map(Edit::to_change).collect();
                let options = || ChangeOptions::default().author(author());
                let expected = workspace.files(At::Copy(here)).change(changes(), options()).await;
                let found = client.change(At::Copy(there), changes(), options()).await;
                match (expected, found) {
                    (Ok(expected), Ok(found)) => prop_assert_eq!(expected, found),
                    (Err(expected), Err(found)) => {
                        prop_assert_eq!(expected.to_string(), found.to_string());
                        prop_assert_eq!(expected.kind(), found.kind());
                    }
                    (expected, found) => prop_assert!(false, "{expected:?} / {found:?}"),
                }
            }
            let operations = client.operations(there, None, 100).await.unwrap();
            let count = workspace.operations(here, None, 100).unwrap().len();
            prop_assert_eq!(operations.len(), count);
            for operation in operations.iter().rev() {
                let expected = workspace.undo(here, operation.id, &author());
                let found = client.undo(there, operation.id, &author()).await;
                match (expected, found) {
                    (Ok(expected), Ok(found)) => prop_assert_eq!(expected, found),
                    (expected, found) => {
                        let (expected, found) = (expected.unwrap_err(), found.unwrap_err());
                        prop_assert_eq!(expected.to_string(), found.to_string());
                        prop_assert_eq!(expected.conflict(), found.conflict());
                    }
                }
            }
            let diff = DiffOptions::default();
            prop_assert_eq!(client.diff(At::Copy(here), At::Copy(there), &diff).await.unwrap(), []);
            Ok(())
        })?;
    }

    #[test]
    fn ranges_are_those_of_the_facade(size in 0..300usize, range in proptest::option::of((0..400u64, 0..400u64))) {
        let (workspace, client) = served();
        block_on(async {
            let content: String = (0..size).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
            client.change(At::Head, vec![write("/f", &content)], ChangeOptions::default()).await.unwrap();
            let range = range.map(|(from, to)| from..to);
            let found = client.open(At::Head, &path("/f"), range.clone()).await;
            let expected = workspace.files(At::Head).open(&path("/f"), range).await;
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    prop_assert_eq!((&found.file, &found.range), (&expected.file, &expected.range));
                    prop_assert_eq!(all(found.body).await.unwrap(), all(expected.body).await.unwrap());
                }
                (found, expected) => {
                    prop_assert_eq!(found.unwrap_err().to_string(), expected.unwrap_err().to_string());
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn entries_and_differences_come_back_as_they_went(
        path in strategies::path(3), entry in strategies::entry(), other in proptest::option::of(strategies::entry()),
    ) {
        prop_assert_eq!(Entry::try_from(EntryDto::from(&entry)).unwrap(), entry.clone());
        let difference = workspace_core::Difference {
            renamed_from: other.as_ref().map(|_| path.clone()),
            path,
            old: other,
            new: Some(entry),
        };
        let back = workspace_core::Difference::try_from(DifferenceDto::from(&difference));
        prop_assert_eq!(back.unwrap(), difference);
    }

    /// Whatever a server says, the client errs and does not fall.
    #[test]
    fn answers_that_cannot_be_are_errors(
        status in 200..600u16,
        kind in proptest::sample::select(vec!["application/json", "application/problem+json", "text/html", "application/x-tar"]),
        body in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let client = Client::new(Liar(status, kind, body.into()), "http://x", "token").unwrap();
        block_on(async {
            let (root, file) = (TreePath::root(), path("/f"));
            prop_assert!(client.head().await.is_err());
            prop_assert!(client.stat(At::Head, &file).await.is_err());
            prop_assert!(client.list(At::Head, &root, None, 9).await.is_err());
            prop_assert!(client.apply(CopyId::from_bytes([1; 16]), ApplyOptions::default()).await.is_err());
            prop_assert!(client.export(At::Head, &root).await.is_err());
            if let Ok(mut walk) = client.walk(At::Head, &root).await {
                while let Ok(Some(_)) = walk.next().await {}
            }
            let tree = At::Tree(TreeId::empty());
            if let Ok(mut export) = client.export(tree, &root).await {
                while let Ok(Some(_)) = export.next().await {}
            }
            Ok(())
        })?;
    }
}

/// A server that says anything.
struct Liar(u16, &'static str, Bytes);

impl Transport for Liar {
    async fn send(&self, _: Request<Body>) -> Result<Response<Body>> {
        let response = Response::builder()
            .status(self.0)
            .header("content-type", self.1);
        Ok(response.body(self.2.clone().into()).unwrap())
    }
}

#[test]
fn a_body_that_fails_is_the_callers_error_and_writes_nothing() {
    let (workspace, client) = served();
    block_on(async {
        let broken = bytes(vec![
            Ok("start".into()),
            Err(Error::new(ErrorKind::NotFound, "read").at("my file")),
        ]);
        let (how, options) = (WriteOptions::default(), ChangeOptions::default());
        let error = client
            .write(At::Head, &path("/a"), broken, how, options)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "read my file: not found");
        assert_eq!(workspace.head().unwrap().version, 0);
    });
}

#[test]
fn other_tokens_and_other_servers_are_told() {
    let (workspace, _) = served();
    let router = router(
        workspace,
        Access::root(TOKEN).unwrap(),
        ImportLimits::default(),
    );
    let client = Client::new(
        InProcess(router.clone()),
        "http://workspace",
        "another-token",
    )
    .unwrap();
    let error = block_on(client.head()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let client = Client::new(InProcess(router), "http://workspace/elsewhere", TOKEN).unwrap();
    let error = block_on(client.head()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let html = Liar(502, "text/html", "<html>".into());
    let error = block_on(Client::new(html, "http://x", TOKEN).unwrap().head()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("502"), "{error}");
}

/// Returns a client of a server that says one thing.
fn told(kind: &'static str, body: String) -> Client<Liar> {
    Client::new(Liar(200, kind, body.into()), "http://x", "token").unwrap()
}

#[test]
fn a_walk_that_leaves_what_was_asked_for_is_refused() {
    let (workspace, served) = served();
    block_on(async {
        let changes = ["/a/b/x", "/a/b/x/y", "/a/b.", "/a/b/z", "/a/c"];
        let mkdir = |path: &str| Change::Mkdir {
            path: TreePath::new(path).unwrap(),
            parents: true,
        };
        let changes = Vec::from(changes.map(mkdir));
        let head = workspace.files(At::Head);
        head.change(changes, ChangeOptions::default())
            .await
            .unwrap();
        let Some(Entry::Directory(directory)) = head.stat(&path("/a/c")).unwrap() else {
            panic!("it is a directory");
        };
        let entry = serde_json::to_value(EntryDto::from(&Entry::Directory(directory))).unwrap();
        let line = |path: &&str| format!("{}\n", serde_json::json!({"path": path, "entry": entry}));
        for (paths, last) in [
            (&["/a/b/x", "/a/b/x/y", "/a/b/z"][..], true),
            (&["/x"], false),
            (&["/a/b"], false),
            (&["/a/bc"], false),
            (&["/a/b/x", "/a/b/x"], false),
            (&["/a/b/z", "/a/b/x"], false),
            (&["/a/b/x/y", "/a/b/x"], false),
        ] {
            let text = paths.iter().map(line).collect();
            let client = told("application/x-ndjson", text);
            let mut walk = client.walk(At::Head, &path("/a/b")).await.unwrap();
            let mut end = Ok(());
            for _ in paths {
                end = walk.next().await.map(drop);
            }
            assert_eq!(end.is_ok(), last, "{paths:?}: {end:?}");
        }
        // What the server says by itself is in that order.
        let mut walk = served.walk(At::Head, &TreePath::root()).await.unwrap();
        let mut found = 0;
        while walk.next().await.unwrap().is_some() {
            found += 1;
        }
        assert_eq!(found, 7);
    });
}

#[test]
fn pages_that_do_not_go_on_are_refused() {
    let revision = |id: u64| {
        serde_json::json!({
            "id": id, "tree": TreeId::empty().to_string(), "version": 1, "cause": {"kind": "snapshot"},
            "actor": "", "message": "", "at": 0, "metadata": {},
        })
    };
    for (ids, before, goes_on) in [
        (&[5, 4, 2][..], None, true),
        (&[5, 4], Some(6), true),
        (&[5, 4], Some(5), false),
        (&[4, 5], None, false),
        (&[4, 4], None, false),
    ] {
        let revisions: Vec<_> = ids.iter().map(|id| revision(*id)).collect();
        let page = serde_json::json!({ "revisions": revisions });
        let client = told("application/json", page.to_string());
        let page = block_on(client.revisions(before.map(RevisionId::new), 10));
        assert_eq!(page.is_ok(), goes_on, "{ids:?} before {before:?}: {page:?}");
    }
    // Nor a comparison that has more to come for ever.
    let page = r#"{"differences": [], "next": "/a"}"#;
    let client = told("application/json", page.into());
    let options = DiffOptions::default();
    let tree = At::Tree(TreeId::empty());
    let error = block_on(client.diff(tree, tree, &options)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

/// A call whose answer was lost is repeated with its key.
#[test]
fn calls_are_made_once_for_a_key() {
    let (workspace, client) = served();
    block_on(async {
        let key = MemoKey::new(r#"a"b\c"#)?;
        let named = || ForkOptions::named("draft");
        let copy = client.fork_once(named(), &key).await?;
        assert_eq!(client.fork_once(named(), &key).await?, copy);
        assert!(workspace.memo(None, &key)?.is_some());
        let other = client.fork_once(ForkOptions::default(), &key).await;
        let other = other.unwrap_err();
        assert_eq!(other.reason(), Some(Reason::KeyReused));

        let key = MemoKey::new("change")?;
        let at = At::Copy(copy.id);
        let change = || {
            let changes = vec![write("/a", "text")];
            client.change_once(at, changes, ChangeOptions::default(), &key)
        };
        assert_eq!(change().await?, change().await?);
        assert_eq!(client.copy(copy.id).await?.generation, 1);

        let key = MemoKey::new("apply")?;
        let apply = || client.apply_once(copy.id, ApplyOptions::default().rebase(true), &key);
        let applied = apply().await?;
        assert!(matches!(applied, Applied::Published { already: false, .. }));
        assert_eq!(apply().await?, applied);
        Ok::<_, Error>(())
    })
    .unwrap();
}
