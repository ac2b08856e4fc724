use futures::executor::block_on;
use workspace_core::store::{Budget, GrantRecord, MetaStore, Purpose, WhichGrants};
use workspace_core::{
    ApplyOptions, At, CollectBudget, CopyId, ErrorKind, ForkOptions, Grant, GrantId, GrantOptions,
    Issued, Scope, Timestamp, TokenHash,
};

use crate::support::{Fixture, change, kind, path, write};

fn scope(root: &str, globs: &[&str]) -> Scope {
    let globs: Vec<_> = globs.iter().map(|glob| glob.parse().unwrap()).collect();
    Scope {
        root: path(root),
        read: globs.clone(),
        write: globs,
        delete: true,
    }
}

fn later(fixture: &Fixture, millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(fixture.time.get() + millis))
}

impl Fixture {
    fn issue(&self, copy: CopyId, expires: Option<Timestamp>) -> Issued {
        let grant = Grant::all().attenuate(scope("/", &["/site/**"]));
        let options = GrantOptions::default()
            .label("for the agent")
            .actor("agent")
            .expires(expires);
        self.workspace
            .issue_grant(At::Copy(copy), grant, options)
            .unwrap()
    }

    fn narrow(&self, from: &Issued, root: &str, expires: Option<Timestamp>) -> Issued {
        let found = self.workspace.attenuate_grant(
            &from.token,
            scope(root, &["**"]),
            expires,
            Budget::default(),
        );
        found.unwrap().unwrap()
    }

    fn finds(&self, issued: &Issued) -> bool {
        let found = self.workspace.find_grant(&issued.token).unwrap();
        assert_eq!(found, self.workspace.grant(&issued.grant.id).unwrap());
        assert!(found.is_none() || found.as_ref() == Some(&issued.grant));
        found.is_some()
    }

    fn stored(&self) -> Vec<GrantRecord> {
        let mut stored = Vec::new();
        let read = self.meta.read(&mut |tx| {
            stored = tx.grants(WhichGrants::Every, None, 99)?;
            Ok(())
        });
        read.unwrap();
        stored
    }
}

/// > A token is kept as its hash only.
#[test]
fn tokens_are_not_kept() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let issued = fixture.issue(copy, None);
    let secret = issued.token.strip_prefix("wsg_").unwrap();
    assert_eq!(secret.len(), 52, "256 bits");
    assert!(
        secret
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
    );
    assert_eq!(fixture.stored(), std::slice::from_ref(&issued.grant));
    assert_eq!(issued.grant.token, TokenHash::of(&issued.token));
    let shown = format!("{issued:?}");
    assert!(
        shown.starts_with("Issued") && !shown.contains(secret),
        "{shown}"
    );
    assert!(fixture.finds(&issued));
    assert_ne!(fixture.issue(copy, None).token, issued.token);
    for wrong in [
        "",
        "wsg_",
        secret,
        &format!("{}a", issued.token),
        "wsg_aaaa",
    ] {
        assert_eq!(fixture.workspace.find_grant(wrong).unwrap(), None);
    }
}

/// > A token is worth nothing once it has expired, is revoked, or its copy is closed, before anything collects it.
#[test]
fn tokens_die() {
    let fixture = Fixture::new();
    let (one, two, three) = (fixture.fork(), fixture.fork(), fixture.fork());
    let expires = later(&fixture, 1_000);
    let options = ForkOptions::default().expires(expires);
    let four = fixture.workspace.fork(options).unwrap().id;
    let issued = [one, two, three, four, one].map(|copy| fixture.issue(copy, None));
    let short = fixture.issue(one, later(&fixture, 1_000));
    assert!(issued.iter().all(|issued| fixture.finds(issued)));
    assert!(fixture.finds(&short));

    fixture.write(At::Copy(two), "/x", "x");
    fixture
        .workspace
        .apply(two, ApplyOptions::default())
        .unwrap();
    fixture.workspace.discard(three).unwrap();
    fixture.time.set(fixture.time.get() + 1_000);
    fixture.workspace.revoke_grant(&issued[4].grant.id).unwrap();
    let alive: Vec<bool> = issued.iter().map(|issued| fixture.finds(issued)).collect();
    assert_eq!(alive, [true, false, false, false, false]);
    assert!(!fixture.finds(&short));
    assert_eq!(fixture.stored().len(), 5, "nothing is collected yet");
    for dead in &issued[1..] {
        let narrower = fixture.workspace.attenuate_grant(
            &dead.token,
            scope("/", &["**"]),
            None,
            Budget::default(),
        );
        assert_eq!(narrower.unwrap(), None);
    }
    let error = fixture.workspace.revoke_grant(&issued[4].grant.id);
    assert_eq!(kind(error), ErrorKind::NotFound);
}

/// > A grant that is attenuated allows no more, and expires no later, than the one it was made from.
#[test]
fn attenuation_of_tokens() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let soon = later(&fixture, 1_000);
    let wide = fixture.issue(copy, soon);
    let narrow = fixture.narrow(&wide, "/site", later(&fixture, 99_000));
    assert_eq!(narrow.grant.expires, soon);
    assert_eq!(narrow.grant.parent, Some(wide.grant.id));
    assert!(narrow.grant.created > wide.grant.created);
    assert_eq!(
        (narrow.grant.at, &*narrow.grant.actor),
        (At::Copy(copy), "agent")
    );
    let Purpose::Files(grant) = &narrow.grant.purpose else {
        panic!("a grant to files");
    };
    assert_eq!(grant.scopes().len(), 2);
    let view = fixture.workspace.view(narrow.grant.at, grant.clone());
    change(&view, vec![write("/a", "text")]).unwrap();
    assert_eq!(fixture.paths(At::Copy(copy)), ["/site", "/site/a"]);

    let outside = fixture.narrow(&wide, "/other", None);
    assert_eq!(outside.grant.expires, soon);
    let Purpose::Files(grant) = outside.grant.purpose else {
        panic!("a grant to files");
    };
    let view = fixture.workspace.view(At::Copy(copy), grant);
    assert_eq!(
        kind(change(&view, vec![write("/a", "x")])),
        ErrorKind::Denied
    );

    let forever = fixture.issue(copy, None);
    assert_eq!(fixture.narrow(&forever, "/", None).grant.expires, None);
    assert_eq!(fixture.narrow(&forever, "/", soon).grant.expires, soon);
    let mut deep = forever;
    for _ in 0..15 {
        deep = fixture.narrow(&deep, "/", None);
    }
    let deeper =
        fixture
            .workspace
            .attenuate_grant(&deep.token, scope("/", &[]), None, Budget::default());
    assert_eq!(kind(deeper), ErrorKind::LimitExceeded);
}

/// > Revoking a grant revokes all that were made from it, and no other.
#[test]
fn revocation() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let root = fixture.issue(copy, None);
    let other = fixture.issue(copy, None);
    let middle = fixture.narrow(&root, "/site", None);
    let leaves = [1, 2].map(|_| fixture.narrow(&middle, "/a", None));
    let beside = fixture.narrow(&root, "/site", None);
    assert_eq!(fixture.workspace.revoke_grant(&middle.grant.id).unwrap(), 3);
    assert!(
        ![&middle, &leaves[0], &leaves[1]]
            .map(|issued| fixture.finds(issued))
            .contains(&true)
    );
    assert!([&root, &other, &beside].map(|issued| fixture.finds(issued)) == [true; 3]);
    assert_eq!(fixture.workspace.revoke_grant(&root.grant.id).unwrap(), 2);
    assert_eq!(fixture.stored(), [other.grant]);
}

#[test]
fn revoking_reaches_the_grandchildren() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let root = fixture.issue(copy, None);
    let other = fixture.issue(copy, None);
    let middle = fixture.narrow(&root, "/site", None);
    let leaf = fixture.narrow(&middle, "/a", None);
    assert!(fixture.finds(&leaf));
    assert_eq!(fixture.workspace.revoke_grant(&root.grant.id).unwrap(), 3);
    assert!(
        ![&root, &middle, &leaf]
            .map(|issued| fixture.finds(issued))
            .contains(&true)
    );
    assert_eq!(fixture.stored(), [other.grant]);
}

/// A parent that was collected as expired takes its children with it, also where
/// the clock goes back to before they expired.
#[test]
fn a_grandchild_does_not_outlive_the_one_between() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let root = fixture.issue(copy, later(&fixture, 99_000));
    let middle = fixture.narrow(&root, "/site", later(&fixture, 1_000));
    let leaf = fixture.narrow(&middle, "/a", None);
    let before = fixture.time.get();
    assert!(fixture.finds(&leaf));
    fixture
        .meta
        .tamper(&mut |tx| tx.delete_grant(&middle.grant.id))
        .unwrap();
    assert_eq!(
        fixture.stored().len(),
        2,
        "the row of the grandchild is there"
    );
    assert!(!fixture.finds(&leaf) && fixture.finds(&root));
    let narrower = fixture.workspace.attenuate_grant(
        &leaf.token,
        scope("/", &["**"]),
        None,
        Budget::default(),
    );
    assert_eq!(narrower.unwrap(), None);

    let middle = fixture.narrow(&root, "/site", later(&fixture, 1_000));
    let leaf = fixture.narrow(&middle, "/a", None);
    fixture.time.set(before + 2_000);
    fixture.gc();
    fixture.time.set(before);
    assert!(!fixture.finds(&middle) && !fixture.finds(&leaf) && fixture.finds(&root));
    assert_eq!(fixture.stored(), [root.grant]);
}

/// > Collection deletes the grants that are dead, and no other.
#[test]
fn dead_grants_are_collected() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.fork(), fixture.fork());
    let alive = fixture.issue(one, later(&fixture, 10_000));
    fixture.issue(one, later(&fixture, 100));
    let dies = fixture.issue(two, None);
    fixture.narrow(&dies, "/site", None);
    fixture.workspace.discard(two).unwrap();
    fixture.time.set(fixture.time.get() + 100);
    assert_eq!(fixture.stored().len(), 4);
    fixture.gc();
    assert_eq!(fixture.stored(), [alive.grant]);
}

#[test]
fn dead_grants_beyond_one_page_are_collected() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    for round in 0..3 {
        fixture.issue(copy, later(&fixture, 1_000 + round));
    }
    let alive = fixture.issue(copy, None);
    fixture.issue(copy, later(&fixture, 1_000));
    fixture.time.set(fixture.time.get() + 10_000);
    let one = CollectBudget::default().rows(1);
    let mut steps = 0;
    while !block_on(fixture.workspace.collect(one)).unwrap().done {
        steps += 1;
        assert!(steps < 1_000);
    }
    assert_eq!(fixture.stored(), [alive.grant]);
}

/// What a grant costs depends on how many there are by their count only.
#[test]
fn issuing_counts_grants_and_does_not_read_them() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let cost = || {
        let metered = fixture.workspace.metered();
        let options = GrantOptions::default();
        metered
            .issue_grant(At::Copy(copy), Grant::all(), options)
            .unwrap();
        let cost = metered.receipt();
        (cost.rows_read, cost.rows_written)
    };
    let first = cost();
    for _ in 0..100 {
        fixture.issue(copy, None);
    }
    assert_eq!(cost(), (first.0 + 100, first.1));
    assert!(first.0 <= 3, "{first:?}");
}

#[test]
fn what_cannot_be_issued() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let closed = fixture.fork();
    fixture.workspace.discard(closed).unwrap();
    let issue = |copy, grant: Grant, options| {
        fixture
            .workspace
            .issue_grant(At::Copy(copy), grant, options)
    };
    let options = GrantOptions::default;
    let unknown = CopyId::from_bytes([9; 16]);
    let past = Some(Timestamp::from_millis(1));
    let long = "x".repeat(201);
    let globs: Vec<String> = (0..20)
        .map(|n| format!("/{n}{}", "x".repeat(1000)))
        .collect();
    let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
    for (found, expected) in [
        (issue(unknown, Grant::all(), options()), ErrorKind::NotFound),
        (issue(closed, Grant::all(), options()), ErrorKind::Closed),
        (
            issue(copy, Grant::all(), options().expires(past)),
            ErrorKind::Invalid,
        ),
        (
            issue(copy, Grant::all(), options().label(long.clone())),
            ErrorKind::Invalid,
        ),
        (
            issue(copy, Grant::all(), options().actor(long.clone())),
            ErrorKind::Invalid,
        ),
        (
            issue(copy, Grant::all().attenuate(scope("/", &globs)), options()),
            ErrorKind::LimitExceeded,
        ),
    ] {
        assert_eq!(kind(found), expected);
    }
    assert_eq!(fixture.stored(), []);
}

#[test]
fn a_copy_holds_a_thousand_grants() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let expires = later(&fixture, 100_000);
    let first = fixture.issue(copy, expires);
    for _ in 1..1000 {
        fixture.issue(copy, expires);
    }
    let issue = || {
        let options = GrantOptions::default();
        fixture
            .workspace
            .issue_grant(At::Copy(copy), Grant::all(), options)
    };
    assert_eq!(kind(issue()), ErrorKind::LimitExceeded);
    let narrower = fixture.narrow(&first, "/", None);
    fixture.workspace.revoke_grant(&narrower.grant.id).unwrap();
    fixture.time.set(fixture.time.get() + 100_000);
    let last = issue().unwrap();
    let stored = fixture
        .workspace
        .grants(At::Copy(copy), None, 2_000)
        .unwrap();
    assert_eq!(stored.len(), 951, "50 of those that expired gave way");
    assert_eq!(stored.last(), Some(&last.grant));
}

/// A call that is refused reads few of the grants that are there, and the next one
/// goes on after them.
#[test]
fn a_refused_grant_looks_at_few_of_those_that_are_alive() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    for _ in 0..1000 {
        fixture.issue(copy, None);
    }
    let issue = || {
        let metered = fixture.workspace.metered();
        let issued = metered.issue_grant(At::Copy(copy), Grant::all(), GrantOptions::default());
        (issued, metered.receipt().rows_read)
    };
    // Twice, so that a search begins anew where the one before came to the end.
    for _ in 0..2 {
        for _ in 0..20 {
            let (issued, rows) = issue();
            assert_eq!(kind(issued), ErrorKind::LimitExceeded);
            assert!(
                rows <= 1_000 + 110,
                "{rows}: those that are counted, and a few"
            );
        }
    }
    // The newest one dies.
    let stored = || {
        fixture
            .workspace
            .grants(At::Copy(copy), None, 2_000)
            .unwrap()
    };
    let newest = stored().pop().unwrap();
    let expired = GrantRecord {
        expires: later(&fixture, 0),
        ..newest
    };
    fixture
        .meta
        .tamper(&mut |tx| {
            tx.delete_grant(&expired.id)?;
            tx.put_grant(&expired)
        })
        .unwrap();
    let refused = (0..20).take_while(|_| issue().0.is_err()).count();
    assert_eq!(refused, 19);
    assert_eq!(stored().len(), 1000);
}

#[test]
fn pages_of_grants() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let made: Vec<GrantId> = (0..5).map(|_| fixture.issue(copy, None).grant.id).collect();
    fixture.issue(fixture.fork(), None);
    let page = |after| -> Vec<GrantId> {
        let page = fixture.workspace.grants(At::Copy(copy), after, 3).unwrap();
        page.into_iter().map(|grant| grant.id).collect()
    };
    assert_eq!(page(None), made[..3]);
    assert_eq!(page(Some(&made[2])), made[3..]);
}
