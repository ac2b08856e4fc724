use workspace_core::store::{GrantRecord, Purpose, Site};
use workspace_core::{
    At, ErrorKind, Grant, GrantOptions, Issued, KeepRevisions, RevisionMessage, Timestamp,
};

use crate::support::{Fixture, kind};

fn issue(fixture: &Fixture, at: At) -> Issued {
    let issued = fixture.workspace.issue_preview(at, Site::default(), None);
    issued.unwrap()
}

fn find(fixture: &Fixture, issued: &Issued) -> Option<GrantRecord> {
    fixture.workspace.find_preview(&issued.token).unwrap()
}

/// > A preview shows the files of its target as they change, to whoever has the token, and lets nobody write.
#[test]
fn previews_follow() {
    let fixture = Fixture::new();
    let copy = At::Copy(fixture.fork());
    let issued = issue(&fixture, copy);
    assert_eq!(issued.token.len(), 26);
    assert!(
        issued
            .token
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
    );
    fixture.write(copy, "/index.html", "later");
    let found = find(&fixture, &issued).unwrap();
    assert_eq!(
        (found.at, &found.purpose),
        (copy, &Purpose::Site(Site::default()))
    );
    assert_eq!(found, issued.grant);
    assert_eq!(fixture.workspace.previews(None, 9).unwrap(), [found]);

    // It is no grant, and a grant is no preview.
    assert_eq!(fixture.workspace.find_grant(&issued.token).unwrap(), None);
    assert_eq!(fixture.workspace.grant(&issued.grant.id).unwrap(), None);
    let At::Copy(id) = copy else { unreachable!() };
    assert_eq!(fixture.workspace.grants(At::Copy(id), None, 9).unwrap(), []);
    let grant = fixture
        .workspace
        .issue_grant(At::Copy(id), Grant::all(), GrantOptions::default());
    let grant = grant.unwrap();
    assert_eq!(find(&fixture, &grant), None);
    assert_eq!(
        kind(fixture.workspace.revoke_grant(&issued.grant.id)),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(fixture.workspace.revoke_preview(&grant.grant.id)),
        ErrorKind::NotFound
    );
}

/// > A preview is over once it has expired, is revoked, or its target is gone.
#[test]
fn previews_end() {
    let fixture = Fixture::new();
    for text in ["one", "two", "three"] {
        fixture.write(At::Head, "/a", text);
        fixture
            .workspace
            .snapshot(RevisionMessage::default())
            .unwrap();
    }
    let copy = fixture.fork();
    let first = fixture.workspace.revisions(None, 9).unwrap().pop().unwrap();
    let at = [
        At::Head,
        At::Copy(copy),
        At::Revision(first.id),
        At::Tree(first.tree),
        At::Head,
    ];
    let issued = at.map(|at| issue(&fixture, at));
    assert!(issued.iter().all(|issued| find(&fixture, issued).is_some()));
    fixture.workspace.discard(copy).unwrap();
    fixture
        .workspace
        .revoke_preview(&issued[4].grant.id)
        .unwrap();
    let keep = KeepRevisions::default().newest(1);
    fixture.workspace.prune_revisions(keep).unwrap();
    fixture.gc();
    let alive = || {
        issued
            .each_ref()
            .map(|issued| find(&fixture, issued).is_some())
    };
    assert_eq!(alive(), [true, false, false, false, false]);
    fixture.gc();
    assert_eq!(fixture.workspace.previews(None, 9).unwrap().len(), 1);

    fixture
        .time
        .set(fixture.time.get() + 7 * 24 * 60 * 60 * 1000);
    assert_eq!(alive(), [false; 5], "after a week");
    let past = Some(Timestamp::from_millis(1));
    let preview = |at, expires| {
        fixture
            .workspace
            .issue_preview(at, Site::default(), expires)
    };
    assert_eq!(kind(preview(At::Head, past)), ErrorKind::Invalid);
    assert_eq!(kind(preview(At::Copy(copy), None)), ErrorKind::Closed);
    assert_eq!(
        kind(preview(At::Revision(first.id), None)),
        ErrorKind::NotFound
    );
}
