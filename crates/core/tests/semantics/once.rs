//! Calls under a key, and applies that rebase.

use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::store::{CopyRecord, GrantRecord, MetaStore};
use workspace_core::{
    Applied, ApplyOptions, At, ChangeOptions, Changed, CopyId, Error, ErrorKind, ForkOptions,
    Grant, GrantOptions, MAX_MEMO, MemoKey, Once, Options, Reason, Repeat, RequestHash, Result,
    Timestamp, View,
};
use workspace_testkit::FaultPlan;

use crate::support::{Fixture, kind, write};

const ASKED: RequestHash = RequestHash::from_bytes([1; 32]);
const ELSE: RequestHash = RequestHash::from_bytes([2; 32]);

fn key(text: &str) -> MemoKey {
    MemoKey::new(text).unwrap()
}

fn told<T: std::fmt::Debug>(made: &T) -> Result<Bytes> {
    Ok(format!("{made:?}").into())
}

impl Fixture {
    pub(crate) fn fork_once(&self, name: &str) -> Result<Repeat<CopyRecord>> {
        self.fork_for(name, ASKED)
    }

    fn fork_for(&self, name: &str, request: RequestHash) -> Result<Repeat<CopyRecord>> {
        let (key, answer) = (&key(name), &told);
        let once = Once {
            key,
            of_a_part: false,
            request,
            answer,
        };
        self.workspace.fork_once(ForkOptions::default(), &once)
    }

    fn apply_once(&self, copy: CopyId, options: ApplyOptions) -> Result<Repeat<Applied>> {
        let (key, request, answer) = (&key("apply"), ASKED, &told);
        let once = Once {
            key,
            of_a_part: false,
            request,
            answer,
        };
        self.workspace.apply_once(copy, options, &once)
    }

    fn discard_once(&self, copy: CopyId) -> Result<Repeat<CopyRecord>> {
        let (key, request, answer) = (&key("discard"), ASKED, &told);
        let once = Once {
            key,
            of_a_part: false,
            request,
            answer,
        };
        self.workspace.discard_once(copy, &once)
    }

    /// How many memos are stored.
    pub(crate) fn memos(&self) -> usize {
        let mut found = 0;
        let read = self.meta.read(&mut |tx| {
            found = tx.memos(0, usize::MAX)?.len();
            Ok(())
        });
        read.unwrap();
        found
    }

    fn copies(&self) -> usize {
        self.workspace.copies(false, None, 999).unwrap().len()
    }
}

fn change_once(view: &View, name: &str, at: &str, text: &str) -> Result<Repeat<Changed>> {
    let (key, request, answer) = (&key(name), ASKED, &told);
    let once = Once {
        key,
        of_a_part: false,
        request,
        answer,
    };
    let changes = vec![write(at, text)];
    block_on(view.change_once(changes, ChangeOptions::default(), &once))
}

fn first<T>(made: Result<Repeat<T>>) -> T {
    match made.unwrap() {
        Repeat::First(made) => made,
        Repeat::Again(answer) => panic!("it was made before: {answer:?}"),
    }
}

fn again<T>(made: Result<Repeat<T>>) -> Bytes {
    match made.unwrap() {
        Repeat::First(_) => panic!("it was made now"),
        Repeat::Again(answer) => answer,
    }
}

/// > A fork, an apply, a discard or a batch of changes can be made under a key: repeated under it, it is told what it was told first, byte for byte, and does nothing.
#[test]
fn a_call_under_a_key_is_made_once() {
    let fixture = Fixture::new();
    let made = first(fixture.fork_once("fork"));
    assert_eq!(again(fixture.fork_once("fork")), told(&made).unwrap());
    assert_eq!(fixture.copies(), 1);

    let files = fixture.workspace.files(At::Copy(made.id));
    let large = "x".repeat(500);
    let changed = first(change_once(&files, "change", "/a", &large));
    fixture.write(At::Copy(made.id), "/a", "later");
    let answer = told(&changed).unwrap();
    assert_eq!(again(change_once(&files, "change", "/a", &large)), answer);
    assert_eq!(fixture.state(At::Copy(made.id))["/a"], "later");
    assert_eq!(fixture.objects(), 1, "nothing was stored for it");

    let applied = first(fixture.apply_once(made.id, ApplyOptions::default()));
    let answer = again(fixture.apply_once(made.id, ApplyOptions::default()));
    assert_eq!(
        answer,
        told(&applied).unwrap(),
        "not that it was applied already"
    );
    // Also where the files are gone that it was made to.
    assert_eq!(
        again(change_once(&files, "change", "/a", &large)),
        told(&changed).unwrap()
    );

    let other = fixture.fork();
    let discarded = first(fixture.discard_once(other));
    let events = fixture.workspace.last_event().unwrap();
    assert_eq!(
        again(fixture.discard_once(other)),
        told(&discarded).unwrap()
    );
    assert_eq!(fixture.workspace.last_event().unwrap(), events);
    fixture.fsck();
}

/// > What is kept under a key is there together with what the call did, or neither is.
#[test]
fn a_call_and_its_memo_are_one_commit() {
    let fixture = |plan: &FaultPlan| {
        let fixture = Fixture::failing(plan);
        fixture.write(At::Head, "/a", "1");
        fixture
    };
    let plan = FaultPlan::new();
    let twin = fixture(&plan);
    plan.reopen();
    first(twin.fork_once("key"));
    let (calls, commit) = (plan.calls(), plan.effects()[0]);
    for n in 1..=calls {
        let plan = FaultPlan::new();
        let fixture = fixture(&plan);
        plan.fail_at(n);
        assert_eq!(kind(fixture.fork_once("key")), ErrorKind::Unavailable);
        plan.reopen();
        assert_eq!((fixture.copies(), fixture.memos()), (0, 0), "{n}");
        first(fixture.fork_once("key"));
        assert_eq!(fixture.copies(), 1);
    }
    // A commit that failed once its effect was there: nobody knows, and the key does.
    let plan = FaultPlan::new();
    let fixture = fixture(&plan);
    plan.crash_after(commit);
    assert_eq!(kind(fixture.fork_once("key")), ErrorKind::Unavailable);
    plan.reopen();
    assert_eq!((fixture.copies(), fixture.memos()), (1, 1));
    again(fixture.fork_once("key"));
    assert_eq!(fixture.copies(), 1);
}

/// > A call that fails keeps nothing under its key, and can be made again.
#[test]
fn a_call_that_failed_can_be_made_again() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "copy");
    fixture.write(At::Head, "/b", "head");
    let refused = fixture.apply_once(copy, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Conflict);
    assert_eq!(fixture.memos(), 0);
    fixture.workspace.rebase(copy, &Default::default()).unwrap();
    first(fixture.apply_once(copy, ApplyOptions::default()));

    // An answer that cannot be made, or kept, takes the call with it.
    let key = &key("too-long");
    for (size, fails) in [(MAX_MEMO + 1, true), (MAX_MEMO, false)] {
        let before = fixture.copies();
        let answer = &|_: &CopyRecord| Ok(Bytes::from(vec![b'x'; size]));
        let once = Once {
            key,
            of_a_part: false,
            request: ASKED,
            answer,
        };
        let made = fixture.workspace.fork_once(ForkOptions::default(), &once);
        match fails {
            true => assert_eq!(kind(made), ErrorKind::LimitExceeded),
            false => drop(first(made)),
        }
        assert_eq!(fixture.copies() - before, usize::from(!fails));
    }
    let key = &self::key("unsaid");
    let answer = &|_: &CopyRecord| Err(Error::new(ErrorKind::Unsupported, "tell"));
    let once = Once {
        key,
        of_a_part: false,
        request: ASKED,
        answer,
    };
    let before = fixture.copies();
    let made = fixture.workspace.fork_once(ForkOptions::default(), &once);
    assert_eq!(kind(made), ErrorKind::Unsupported);
    assert_eq!(fixture.copies(), before);
}

/// > Another call under a key that was used is `Invalid`, and does nothing.
#[test]
fn a_key_is_for_one_call() {
    let fixture = Fixture::new();
    first(fixture.fork_once("key"));
    let refused = fixture.fork_for("key", ELSE).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(refused.reason(), Some(Reason::KeyReused));
    assert_eq!(fixture.copies(), 1);
    first(fixture.fork_for("another", ELSE));
}

fn grant_to(fixture: &Fixture, copy: CopyId) -> GrantRecord {
    let issued =
        fixture
            .workspace
            .issue_grant(At::Copy(copy), Grant::all(), GrantOptions::default());
    issued.unwrap().grant
}

/// > The keys of a grant's holder are its own: what others did under the same ones it is not told, nor they what it did.
#[test]
fn keys_are_their_holders_own() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let [one, other] = [(); 2].map(|()| grant_to(&fixture, copy));
    let [mine, theirs] = [&one, &other].map(|grant| fixture.workspace.view_of(grant).unwrap());
    let all = fixture.workspace.files(At::Copy(copy));
    for (n, view) in [&all, &mine, &theirs].into_iter().enumerate() {
        first(change_once(view, "key", "/a", &n.to_string()));
        again(change_once(view, "key", "/a", &n.to_string()));
    }
    let answers = [None, Some(&one.id), Some(&other.id)].map(|holder| {
        let memo = fixture.workspace.memo(holder, &key("key")).unwrap();
        memo.unwrap().answer
    });
    assert!(answers[0] != answers[1] && answers[1] != answers[2]);
    // Whose grant is over is told nothing.
    fixture.workspace.revoke_grant(&one.id).unwrap();
    let refused = change_once(&mine, "key", "/a", "1");
    assert_eq!(kind(refused), ErrorKind::Denied);
}

/// > What is kept under a key is kept for 7 days, unless the workspace is opened with another time; then the key is a new one, before anything deletes it.
#[test]
fn a_key_is_new_again_after_its_time() {
    assert_eq!(Options::default().keep_memos, 7 * 24 * 60 * 60 * 1000);
    let options = Options::default().keep_memos(1_000);
    let fixture = Fixture::with(options);
    first(fixture.fork_once("key"));
    let made = fixture
        .workspace
        .memo(None, &key("key"))
        .unwrap()
        .unwrap()
        .at;
    // The clock goes on by one as it is asked.
    fixture.time.set(made.as_millis() + 998);
    again(fixture.fork_once("key"));
    first(fixture.fork_for("key", ELSE));
    assert_eq!((fixture.copies(), fixture.memos()), (2, 1));
    fixture.time.set(made.as_millis() + 5_000);
    assert_eq!(fixture.workspace.memo(None, &key("key")).unwrap(), None);
    fixture.gc();
    assert_eq!(fixture.memos(), 0);
    // A clock that went back makes none older.
    first(fixture.fork_once("later"));
    fixture.time.set(Timestamp::default().as_millis());
    again(fixture.fork_once("later"));
    first(fixture.fork_once("earlier"));
    fixture.fsck();
}

/// > More calls under keys than are kept at once, 100,000 unless the workspace is opened with another number, and half as many of holders of grants, fail with `LimitExceeded`: none that is kept gives way before its time.
#[test]
fn so_many_memos_are_kept() {
    assert_eq!(Options::default().max_memos, 100_000);
    let options = Options::default().keep_memos(10_000).max_memos(4);
    let fixture = Fixture::with(options);
    let copy = fixture.fork();
    let holder = fixture
        .workspace
        .view_of(&grant_to(&fixture, copy))
        .unwrap();
    first(change_once(&holder, "one", "/a", "1"));
    first(change_once(&holder, "two", "/a", "2"));
    let refused = change_once(&holder, "three", "/a", "3");
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    assert_eq!(fixture.state(At::Copy(copy))["/a"], "2");
    first(fixture.fork_once("one"));
    first(fixture.fork_once("two"));
    assert_eq!(kind(fixture.fork_once("three")), ErrorKind::LimitExceeded);
    again(fixture.fork_once("one"));
    again(change_once(&holder, "one", "/a", "1"));
    assert_eq!(fixture.copies(), 3);
    // What is kept no longer gives way, also where nothing keeps house.
    fixture.time.set(fixture.time.get() + 10_000);
    for n in 0..4 {
        first(fixture.fork_once(&format!("new-{n}")));
    }
    assert_eq!(kind(fixture.fork_once("new-4")), ErrorKind::LimitExceeded);
    assert!(fixture.memos() <= 4);
}

#[test]
fn who_has_a_part_of_the_files_has_as_much_room_as_holders() {
    let options = Options::default().max_memos(4);
    let fixture = Fixture::with(options);
    let of_a_part = |name: &str| {
        let once = Once {
            key: &key(name),
            of_a_part: true,
            request: ASKED,
            answer: &told,
        };
        fixture.workspace.fork_once(ForkOptions::default(), &once)
    };
    first(of_a_part("one"));
    first(of_a_part("two"));
    assert_eq!(kind(of_a_part("three")), ErrorKind::LimitExceeded);
    fixture.workspace.check_memos().unwrap();
    first(fixture.fork_once("three"));
    first(fixture.fork_once("four"));
    assert_eq!(
        kind(fixture.workspace.check_memos()),
        ErrorKind::LimitExceeded
    );
    assert_eq!(fixture.copies(), 4);
}

#[test]
fn a_call_of_a_clock_that_was_ahead_kept_all_that_followed() {
    let options = Options::default().keep_memos(10_000).max_memos(20);
    let fixture = Fixture::with(options);
    let began = fixture.time.get();
    fixture.time.set(began + 1_000_000_000);
    for n in 0..15 {
        first(fixture.fork_once(&format!("ahead-{n}")));
    }
    fixture.time.set(began);
    for n in 0..5 {
        first(fixture.fork_once(&format!("then-{n}")));
    }
    assert_eq!(kind(fixture.fork_once("more")), ErrorKind::LimitExceeded);
    // What is kept is not passed, as long as it is.
    fixture.gc();
    assert_eq!(fixture.memos(), 20);
    again(fixture.fork_once("then-0"));
    fixture.time.set(began + 20_000);
    fixture.workspace.check_memos().unwrap();
    first(fixture.fork_once("more"));
    fixture.gc();
    assert_eq!(fixture.memos(), 1);
}

/// > A call under a key reads two rows more and writes one, a batch of changes reads three; a repeated one reads a row, and one without a key costs no more than without them.
#[test]
fn a_key_costs_a_row() {
    let fixture = Fixture::new();
    let cost = |call: &dyn Fn(&Fixture)| {
        let metered = Fixture {
            workspace: fixture.workspace.metered(),
            meta: fixture.meta.clone(),
            blobs: fixture.blobs.clone(),
            time: fixture.time.clone(),
        };
        call(&metered);
        let receipt = metered.workspace.receipt();
        (receipt.rows_read, receipt.rows_written, receipt.commits)
    };
    let plain = cost(&|fixture| assert_ne!(fixture.fork(), CopyId::from_bytes([0; 16])));
    assert_eq!(plain, (0, 2, 1));
    assert_eq!(
        cost(&|fixture| drop(first(fixture.fork_once("key")))),
        (2, 3, 1)
    );
    assert_eq!(
        cost(&|fixture| drop(again(fixture.fork_once("key")))),
        (1, 0, 0)
    );

    let (one, two) = (fixture.fork(), fixture.fork());
    let view = |fixture: &Fixture, copy| fixture.workspace.files(At::Copy(copy));
    let (read, wrote, _) = cost(&|fixture| {
        assert_eq!(fixture.write(At::Copy(one), "/a", "text").generation, 1);
    });
    let keyed = cost(&|fixture| {
        first(change_once(&view(fixture, two), "change", "/b", "other"));
    });
    assert_eq!(keyed, (read + 3, wrote + 1, 1));
    let repeated = cost(&|fixture| {
        drop(again(change_once(
            &view(fixture, two),
            "change",
            "/b",
            "other",
        )));
    });
    assert_eq!(repeated, (1, 0, 0));
}

/// > Apply can be told to rebase the copy first where its parent moved: both are one transaction, which fails with `Conflict` where a path was changed on both sides, and then changes nothing.
#[test]
fn an_apply_can_rebase() {
    for nested in [false, true] {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/a", "1");
        let (parent, copy) = match nested {
            false => (At::Head, fixture.fork()),
            true => {
                let parent = fixture.fork();
                let copy = fixture
                    .workspace
                    .fork(ForkOptions::of_copy(parent))
                    .unwrap()
                    .id;
                (At::Copy(parent), copy)
            }
        };
        let reviewed = fixture.write(At::Copy(copy), "/copy", "2").tree;
        fixture.write(parent, "/parent", "3");
        let plain = fixture.workspace.apply(copy, ApplyOptions::default());
        assert_eq!(kind(plain), ErrorKind::Conflict);

        let options = ApplyOptions::default()
            .rebase(true)
            .expect_tree(reviewed)
            .message("a run");
        let metered = fixture.workspace.metered();
        let applied = metered.apply(copy, options.clone()).unwrap();
        assert!(matches!(
            (applied, nested),
            (Applied::Published { .. }, false) | (Applied::ToParent { .. }, true)
        ));
        assert_eq!(metered.receipt().commits, 1);
        assert_eq!(fixture.paths(parent), ["/a", "/copy", "/parent"]);
        // Where nothing moved it is an apply like any other.
        let next = match parent {
            At::Copy(parent) => ForkOptions::of_copy(parent),
            _ => ForkOptions::default(),
        };
        let next = fixture.workspace.fork(next).unwrap().id;
        fixture.write(At::Copy(next), "/a", "copy");
        fixture.write(parent, "/a", "parent");
        let before = (fixture.workspace.copy(next).unwrap(), fixture.state(parent));
        let options = ApplyOptions::default().rebase(true);
        let refused = fixture.workspace.apply(next, options.clone()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let both = &refused.conflict().unwrap().both;
        assert_eq!(both.paths, [crate::support::path("/a")]);
        let after = (fixture.workspace.copy(next).unwrap(), fixture.state(parent));
        assert_eq!(after, before);
        // What both arrived at is nothing to apply.
        fixture.write(At::Copy(next), "/a", "parent");
        let applied = fixture.workspace.apply(next, options).unwrap();
        assert_eq!(applied, Applied::Unchanged { in_part: false });
        fixture.fsck();
    }
}
