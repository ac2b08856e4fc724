use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::store::{Budget, GrantRecord, Used};
use workspace_core::{
    At, Change, ChangeOptions, Content, CopyId, ErrorKind, Grant, GrantOptions, ImportOptions,
    Issued, KeepRevisions, RebaseOptions, Recorded, Resolution, Result, RevisionId,
    RevisionMessage, Scope, Take, Text, TreePath, View, WriteOptions,
};

use crate::support::{Entries, Fixture, change, kind, path, source_file, write, write_with};

fn everything() -> Scope {
    let all = || vec!["**".parse().unwrap()];
    Scope {
        root: TreePath::root(),
        read: all(),
        write: all(),
        delete: true,
    }
}

fn reading() -> Scope {
    Scope {
        write: Vec::new(),
        delete: false,
        ..everything()
    }
}

fn budget(max_bytes: impl Into<Option<u64>>, max_entries: impl Into<Option<u64>>) -> Budget {
    Budget {
        max_bytes: max_bytes.into(),
        max_entries: max_entries.into(),
    }
}

struct Holder<'a> {
    fixture: &'a Fixture,
    issued: Issued,
}

impl<'a> Holder<'a> {
    fn new(fixture: &'a Fixture, copy: CopyId, budget: Budget) -> Self {
        let grant = Grant::all().attenuate(everything());
        let options = GrantOptions::default().budget(budget);
        let issued = fixture
            .workspace
            .issue_grant(At::Copy(copy), grant, options);
        Self {
            fixture,
            issued: issued.unwrap(),
        }
    }

    fn narrow(&self, budget: Budget) -> Self {
        let workspace = &self.fixture.workspace;
        let token = &self.issued.token;
        let made = workspace.attenuate_grant(token, everything(), None, budget);
        Self {
            fixture: self.fixture,
            issued: made.unwrap().unwrap(),
        }
    }

    fn view(&self) -> View {
        let workspace = &self.fixture.workspace;
        workspace.view_of(&self.issued.grant).unwrap()
    }

    fn record(&self) -> GrantRecord {
        let found = self.fixture.workspace.grant(&self.issued.grant.id);
        found.unwrap().unwrap()
    }

    fn used(&self) -> (u64, u64) {
        let Used { bytes, entries } = self.record().used;
        (bytes, entries)
    }

    fn left(&self) -> Budget {
        self.fixture.workspace.left(&self.record()).unwrap()
    }
}

fn remove(at: &str) -> Change {
    Change::remove(at).unwrap().recursively()
}

fn full<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(kind(result), ErrorKind::LimitExceeded);
}

/// > The holder of a grant adds no more bytes and entries than its budget says; a batch that would is refused as a whole.
#[test]
fn a_holder_adds_no_more_than_its_budget() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let holder = Holder::new(&fixture, copy, budget(10, 3));
    let view = holder.view();
    change(&view, vec![write("/a", "1234")]).unwrap();
    assert_eq!(holder.used(), (5, 1), "its name is a byte");
    assert_eq!(holder.left(), budget(5, 2));
    // All of it, and nothing of it.
    full(change(&view, vec![write("/b", "123"), write("/c", "4")]));
    full(change(
        &view,
        vec![write("/b", ""), write("/c", ""), write("/d", "")],
    ));
    full(
        view.change_now(vec![write("/b", "12345")], &ChangeOptions::default())
            .map(drop),
    );
    assert_eq!(fixture.paths(At::Copy(copy)), ["/a"]);
    assert_eq!(holder.used(), (5, 1));
    // As much as there is.
    change(
        &view,
        vec![write("/b", "123"), Change::mkdir("/c").unwrap()],
    )
    .unwrap();
    assert_eq!(holder.used(), (10, 3));
    // What others do is not counted, and their batches are not bound.
    fixture.write(At::Copy(copy), "/others", "long enough to be too much");
    assert_eq!(holder.used(), (10, 3));
    full(change(&view, vec![write("/a", "x")]));
    change(&view, vec![write("/a", "1234")]).unwrap();
    assert_eq!(
        holder.used(),
        (10, 3),
        "what is there already is not written"
    );
}

/// > What is written over one another counts each time, and copies count as they are long; removing gives back room for entries, and none for bytes.
/// > Of each entry that is written, copied, moved or made its name counts, and a symlink's target, a media type and a provenance.
#[test]
fn what_counts() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/theirs/1", "12345");
    fixture.write(At::Copy(copy), "/theirs/2", "12345");
    let holder = Holder::new(&fixture, copy, budget(1_000, 1_000));
    let view = holder.view();
    for text in ["1", "12", "123"] {
        change(&view, vec![write("/a", text)]).unwrap();
    }
    assert_eq!(holder.used(), (6 + 3, 1));
    let copied = Change::copy("/theirs", "/mine").unwrap();
    change(&view, vec![copied]).unwrap();
    assert_eq!(
        holder.used(),
        (9 + 10 + 4, 4),
        "two files and their directory"
    );
    let moved = Change::rename("/mine", "/moved").unwrap();
    change(&view, vec![moved]).unwrap();
    assert_eq!(holder.used(), (23 + 5, 4));
    change(&view, vec![remove("/moved")]).unwrap();
    assert_eq!(holder.used(), (28, 1));
    // No more comes back than was taken.
    change(&view, vec![remove("/theirs"), remove("/a")]).unwrap();
    assert_eq!(holder.used(), (28, 0));
    // What is gone within the batch was stored all the same.
    change(&view, vec![write("/a", "12345"), remove("/a")]).unwrap();
    assert_eq!(holder.used(), (28 + 6, 0));
    // What an entry says counts as its bytes do, and its parents' names where they are made.
    let link = |target: &str| {
        Change::symlink("/up/to/link", target)
            .unwrap()
            .with_parents()
    };
    change(&view, vec![link("elsewhere")]).unwrap();
    assert_eq!(holder.used(), (34 + 2 + 2 + 4 + 9, 3));
    change(&view, vec![link("elsewhere")]).unwrap();
    assert_eq!(holder.used(), (51, 3), "it is there already");
    change(&view, vec![link("there")]).unwrap();
    assert_eq!(holder.used(), (51 + 4 + 5, 3));
    let told = |media_type: &str| {
        let options = WriteOptions::default()
            .media_type(Text::new(media_type).unwrap())
            .provenance(Text::new("a camera").unwrap());
        write_with("/photo", "123", options)
    };
    change(&view, vec![told("image/png")]).unwrap();
    assert_eq!(holder.used(), (60 + 5 + 3 + 9 + 8, 4));
    change(&view, vec![told("image/x")]).unwrap();
    assert_eq!(holder.used(), (85 + 5 + 7 + 8, 4), "not its bytes again");
    let executable = Change::set_executable("/photo", true).unwrap();
    change(&view, vec![executable]).unwrap();
    assert_eq!(holder.used(), (105 + 5 + 7 + 8, 4));
    // Where only one is limited, only that is kept.
    let bytes = Holder::new(&fixture, copy, budget(5, None));
    change(&bytes.view(), vec![write("/x", "12"), write("/y", "")]).unwrap();
    assert_eq!(bytes.used(), (4, 0));
    let entries = Holder::new(&fixture, copy, budget(None, 5));
    change(&entries.view(), vec![write("/z", "12")]).unwrap();
    assert_eq!(entries.used(), (0, 1));
}

/// > What the holder of a grant adds counts for all grants that it was made from as well.
#[test]
fn a_narrower_grant_spends_what_it_was_made_from() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let wide = Holder::new(&fixture, copy, budget(10, None));
    let middle = wide.narrow(Budget::default());
    let narrow = middle.narrow(budget(1_000_000, 2));
    assert_eq!(middle.record().budget, budget(None, None));
    assert_eq!(narrow.record().budget, budget(1_000_000, 2));
    let beside = wide.narrow(budget(99, None));
    assert_eq!(
        beside.record().budget,
        budget(10, None),
        "no more than its parent's"
    );
    change(&narrow.view(), vec![write("/a", "12345")]).unwrap();
    assert_eq!(
        (wide.used(), middle.used(), narrow.used()),
        ((6, 0), (0, 0), (6, 1))
    );
    assert_eq!(
        (middle.left(), narrow.left()),
        (budget(4, None), budget(4, 1))
    );
    for holder in [&wide, &middle, &beside, &narrow] {
        full(change(&holder.view(), vec![write("/b", "1234")]));
    }
    change(&beside.view(), vec![write("/b", "123")]).unwrap();
    assert_eq!((wide.used(), beside.used()), ((10, 0), (4, 0)));
    full(change(&narrow.view(), vec![write("/c", "")]));
}

/// An import's batches count one by one; those before the one that is refused stay.
#[test]
fn an_import_keeps_to_the_budget() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let holder = Holder::new(&fixture, copy, budget(100, 2));
    let files = |names: &[&str]| {
        Entries::new(
            names
                .iter()
                .map(|name| source_file(name, "12345"))
                .collect(),
        )
    };
    let import = |names: &[&str], options: ImportOptions<'_>| {
        block_on(holder.view().import(&mut files(names), options))
    };
    import(&["/a", "/b"], ImportOptions::default()).unwrap();
    assert_eq!(holder.used(), (12, 2));
    full(import(&["/c"], ImportOptions::default()));
    let missing = || ImportOptions::default().delete_missing(true);
    import(&["/a"], missing()).unwrap();
    assert_eq!(holder.used(), (12, 1), "what it removes gives room back");
    full(import(&["/d", "/e", "/f"], missing()));
    // The same path twice is one entry.
    let twice = Holder::new(&fixture, fixture.fork(), budget(None, 1));
    let mut entries = Entries::new(vec![source_file("/x", "1"), source_file("/x", "2")]);
    let view = twice.view();
    block_on(view.import(&mut entries, ImportOptions::default())).unwrap();
    assert_eq!(twice.used(), (0, 1));
}

/// > An import stores no more than its holder can add, and one file, before it asks.
///
/// 8 MiB of one archive after the other were stored, and not charged, of who could add
/// nothing: each batch was stored before the budget was asked.
#[test]
fn an_import_stores_no_more_than_its_holder_can_add() {
    let stored = |budget: Budget, sizes: &[usize], there: &[usize]| {
        let fixture = Fixture::new();
        let copy = fixture.fork();
        let entries = |sizes: &[usize]| {
            let each = sizes.iter().enumerate();
            let each = each.map(|(n, size)| source_file(&format!("/{n}"), &"x".repeat(*size + n)));
            Entries::new(each.collect())
        };
        let options = ImportOptions::default;
        let mut before = entries(there);
        let filled = fixture
            .workspace
            .import(At::Copy(copy), &mut before, options());
        block_on(filled).unwrap();
        let holder = Holder::new(&fixture, copy, budget);
        let metered = fixture.workspace.metered();
        let view = metered.view_of(&holder.issued.grant).unwrap();
        let imported = block_on(view.import(&mut entries(sizes), options()));
        let kept = fixture.objects() - there.len();
        (imported.map(|_| kept), metered.receipt().bytes_written)
    };
    let many = [500; 40];
    for budget in [
        budget(0, 0),
        budget(0, None),
        budget(600, None),
        budget(None, 1),
    ] {
        let (imported, bytes) = stored(budget, &many, &[]);
        full(imported);
        assert!(bytes < 2_000, "{bytes} bytes with {budget:?}");
    }
    // Of who can add no entry not even one file is stored.
    let (imported, bytes) = stored(budget(None, 0), &many, &[]);
    full(imported);
    assert_eq!(bytes, 0);
    // One file is broken off, and said to have no room.
    let (imported, bytes) = stored(budget(600, None), &[100_000], &[]);
    full(imported);
    assert!(bytes < 2_000, "{bytes} bytes");
    // What is there already may come again, also where nothing can be added.
    let (imported, _) = stored(budget(0, 0), &many, &many);
    assert_eq!(imported.unwrap(), 0);
}

/// > What a batch, an import or a rebase has stored and not committed goes where it fails; where the call is dropped, a collection deletes it.
///
/// What was refused stayed stored, and was charged to nobody.
#[test]
fn what_is_refused_is_not_kept() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let objects = || fixture.objects();
    let long = |n: usize| "x".repeat(500 + n);
    let workspace = &fixture.workspace;
    let stored = || {
        let bytes = Bytes::from(long(9));
        let body = futures::stream::iter([Ok(bytes)]);
        block_on(workspace.store(Box::pin(body))).unwrap()
    };
    let holder = Holder::new(&fixture, copy, budget(100, None));
    full(change(
        &holder.view(),
        vec![write("/a", &long(0)), write("/b", &long(1))],
    ));
    let put = Change::write("/a", stored()).unwrap();
    full(change(&holder.view(), vec![put]));
    let none = Holder::new(&fixture, copy, budget(None, 0));
    full(change(&none.view(), vec![write("/a", &long(0))]));
    let files = workspace.files(At::Copy(copy));
    let missing = || remove("/missing");
    let refused = change(&files, vec![write("/a", &long(0)), missing()]);
    assert_eq!(kind(refused), ErrorKind::NotFound);
    let put = Change::write("/a", stored()).unwrap();
    let refused = change(&files.attenuate(reading()), vec![put]);
    assert_eq!(kind(refused), ErrorKind::Denied);
    let content = Content::from(long(0));
    let resolution = Resolution {
        path: path("/a"),
        take: Take::Content(content),
    };
    let options = RebaseOptions::default().resolutions(vec![resolution]);
    let refused = block_on(workspace.rebase_with(copy, options));
    assert_eq!(kind(refused), ErrorKind::Invalid);
    for at in [At::Copy(copy), At::Head] {
        let files = (0..40).map(|n| source_file(&format!("/{n}"), &long(n)));
        let mut breaks_off = Entries::new(files.chain([None]).collect());
        let refused = block_on(workspace.import(at, &mut breaks_off, ImportOptions::default()));
        assert_eq!(kind(refused), ErrorKind::Source);
    }
    assert_eq!(objects(), 0);
    // What is in use stays, also where the same comes again in vain.
    fixture.write(At::Copy(copy), "/a", &long(0));
    let refused = change(&files, vec![write("/b", &long(0)), missing()]);
    assert_eq!(kind(refused), ErrorKind::NotFound);
    drop(stored());
    block_on(workspace.let_go());
    assert_eq!(objects(), 1);
    assert_eq!(fixture.state(At::Copy(copy))["/a"], long(0));
    fixture.fsck();
}

/// A batch that adds too much cost as much as one that is made: all its directories were
/// hashed and stored before the budget was asked.
#[test]
fn what_a_budget_refuses_makes_no_nodes() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let deep = |n: usize| {
        Change::mkdir(format!("/{n}{}", "/a".repeat(500)))
            .unwrap()
            .with_parents()
    };
    let refused = |budget: Budget, changes: Vec<Change>| {
        let holder = Holder::new(&fixture, copy, budget);
        let metered = fixture.workspace.metered();
        let view = metered.view_of(&holder.issued.grant).unwrap();
        full(change(&view, changes));
        let receipt = metered.receipt();
        (receipt.nodes_written, receipt.rows_written)
    };
    let many = || (0..20).map(deep).collect::<Vec<_>>();
    assert_eq!(refused(budget(None, 10_019), many()), (0, 0));
    assert_eq!(refused(budget(10_029, None), many()), (0, 0));
    // To the entry, and to the byte of the names: 10 of one digit and 10 of two.
    let holder = Holder::new(&fixture, copy, budget(10_030, 10_020));
    change(&holder.view(), many()).unwrap();
    assert_eq!(holder.used(), (10_030, 10_020));
    // What is gone in the end was never added.
    let none = Holder::new(&fixture, copy, budget(None, 0));
    change(&none.view(), vec![deep(99), remove("/99")]).unwrap();
}

/// A grant that dies while a batch is on its way commits nothing of it.
#[test]
fn a_dead_grant_commits_nothing() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let holder = Holder::new(&fixture, copy, Budget::default());
    let narrow = holder.narrow(Budget::default());
    let (view, below) = (holder.view(), narrow.view());
    change(&below, vec![write("/a", "1")]).unwrap();
    fixture
        .workspace
        .revoke_grant(&holder.issued.grant.id)
        .unwrap();
    for view in [&view, &below] {
        assert_eq!(
            kind(change(view, vec![write("/b", "1")])),
            ErrorKind::Denied
        );
        let attenuated = view.attenuate(everything());
        let refused = attenuated.change_now(vec![write("/b", "1")], &ChangeOptions::default());
        assert_eq!(kind(refused), ErrorKind::Denied);
        let mut one = Entries::new(vec![source_file("/c", "1")]);
        let refused = block_on(view.import(&mut one, ImportOptions::default()));
        assert_eq!(kind(refused), ErrorKind::Denied);
    }
    assert_eq!(fixture.paths(At::Copy(copy)), ["/a"]);
}

/// What a budget costs: a row for each grant of the line, and no node.
#[test]
fn a_budget_is_checked_without_a_walk() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    for n in 0..200 {
        fixture.write(At::Copy(copy), &format!("/d{}/{n}", n % 20), "text");
    }
    let cost = |holder: &Holder<'_>| {
        let metered = fixture.workspace.metered();
        let view = metered.view_of(&holder.issued.grant).unwrap();
        let name = format!("/d0/{}", holder.issued.grant.id);
        change(&view, vec![write(&name, "text")]).unwrap();
        metered.receipt()
    };
    let plain = Holder::new(&fixture, copy, Budget::default());
    cost(&plain);
    let plain = cost(&Holder::new(&fixture, copy, Budget::default()));
    let bound = cost(&Holder::new(&fixture, copy, budget(1_000, 1_000)));
    assert_eq!(bound.nodes_read, plain.nodes_read);
    assert_eq!(bound.rows_read, plain.rows_read);
    assert_eq!(bound.rows_written, plain.rows_written + 1);
}

/// > From one grant at most 100 may be made, and 1,000 in all from one that was issued; neither counts among the 1,000 that may be issued to the same files.
#[test]
fn a_holder_cannot_use_up_the_grants_of_others() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let holder = Holder::new(&fixture, copy, Budget::default());
    let other = Holder::new(&fixture, copy, Budget::default());
    let make = |of: &Holder<'_>| {
        let token = &of.issued.token;
        let workspace = &fixture.workspace;
        workspace.attenuate_grant(token, everything(), None, Budget::default())
    };
    let made: Vec<_> = (0..100).map(|_| holder.narrow(Budget::default())).collect();
    let error = make(&holder).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let told = error.to_string();
    assert!(
        !told.chars().any(|c| c.is_ascii_digit()),
        "of no others: {told}"
    );
    // Below it is room for 900 more, which is not that of the other.
    for below in &made[..9] {
        for _ in 0..100 {
            below.narrow(Budget::default());
        }
    }
    assert_eq!(kind(make(&made[50])), ErrorKind::LimitExceeded);
    make(&other).unwrap();
    for _ in 2..1_000 {
        Holder::new(&fixture, copy, Budget::default());
    }
    let grant = Grant::all().attenuate(everything());
    let refused = fixture
        .workspace
        .issue_grant(At::Copy(copy), grant, GrantOptions::default());
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    // A revoked one makes room, with all that was made from it.
    fixture
        .workspace
        .revoke_grant(&made[0].issued.grant.id)
        .unwrap();
    make(&holder).unwrap();
    make(&made[50]).unwrap();
    assert_eq!(
        fixture
            .workspace
            .revoke_grant(&holder.issued.grant.id)
            .unwrap(),
        1 + 1_000 - 101 + 2
    );
}

/// > A grant to head or to a revision is for reading; that to a revision lives as long as the revision is kept, whatever becomes of copies.
#[test]
fn grants_to_head_and_to_revisions_read() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "one");
    let recorded = fixture.workspace.snapshot(RevisionMessage::default());
    let Ok(Recorded::Published(first)) = recorded else {
        panic!("{recorded:?}");
    };
    let issue = |at, scope| {
        let grant = Grant::all().attenuate(scope);
        fixture
            .workspace
            .issue_grant(at, grant, GrantOptions::default())
    };
    for at in [At::Head, At::Revision(first)] {
        let deleting = Scope {
            delete: true,
            ..reading()
        };
        let writing = Scope {
            delete: false,
            ..everything()
        };
        for scope in [everything(), deleting, writing] {
            assert_eq!(kind(issue(at, scope)), ErrorKind::ReadOnly, "{at}");
        }
        let all = fixture
            .workspace
            .issue_grant(at, Grant::all(), GrantOptions::default());
        assert_eq!(kind(all), ErrorKind::ReadOnly, "{at}");
    }
    let tree = fixture.workspace.tree(At::Head).unwrap();
    assert_eq!(kind(issue(At::Tree(tree), reading())), ErrorKind::Invalid);
    let unknown = At::Revision(RevisionId::new(99));
    assert_eq!(kind(issue(unknown, reading())), ErrorKind::NotFound);

    let head = issue(At::Head, reading()).unwrap();
    let revision = issue(At::Revision(first), reading()).unwrap();
    let workspace = &fixture.workspace;
    assert_eq!(
        workspace.grants(At::Head, None, 9).unwrap(),
        std::slice::from_ref(&head.grant)
    );
    let of_revision = workspace.grants(At::Revision(first), None, 9);
    assert_eq!(of_revision.unwrap(), std::slice::from_ref(&revision.grant));
    let narrower = workspace.attenuate_grant(&head.token, reading(), None, Budget::default());
    let narrower = narrower.unwrap().unwrap();
    let wider = workspace.attenuate_grant(&head.token, everything(), None, Budget::default());
    let error = wider.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert_eq!(error.subject(), None, "what it is bound to is not told");

    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "two");
    workspace.apply(copy, Default::default()).unwrap();
    let read = |issued: &Issued| {
        let found = workspace.find_grant(&issued.token).unwrap()?;
        let view = workspace.view_of(&found).unwrap();
        assert_eq!(
            kind(change(&view, vec![write("/b", "")])),
            ErrorKind::Denied
        );
        Some(block_on(view.read(&path("/a"))).unwrap())
    };
    let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!(read(&head), text("two"), "as it changes");
    assert_eq!(read(&narrower), text("two"));
    assert_eq!(read(&revision), text("one"));
    let keep = KeepRevisions::default().newest(1);
    workspace.prune_revisions(keep).unwrap();
    assert_eq!(read(&revision), None, "it was pruned");
    assert_eq!(read(&head), text("two"));
    fixture.gc();
    assert_eq!(workspace.grants(At::Revision(first), None, 9).unwrap(), []);
    workspace.revoke_grant(&head.grant.id).unwrap();
    assert_eq!((read(&head), read(&narrower)), (None, None));
}
