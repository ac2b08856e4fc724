//! How large a grant may be, how long one lives, and what of its parents counts.

use workspace_core::store::{Budget, GrantRecord, Purpose, Site};
use workspace_core::{
    At, CopyId, ErrorKind, Glob, Grant, GrantOptions, Issued, Result, Scope, Timestamp,
};

use crate::support::{Fixture, kind, path};

fn issue(fixture: &Fixture, grant: Grant, label: &str) -> Result<Issued> {
    let copy = fixture.fork();
    let options = GrantOptions::default().label(label);
    fixture
        .workspace
        .issue_grant(At::Copy(copy), grant, options)
}

fn scope(root: &str, read: Vec<Glob>) -> Scope {
    Scope {
        root: path(root),
        read,
        write: Vec::new(),
        delete: false,
    }
}

fn glob(length: usize) -> Glob {
    Glob::new(&format!("/{}", "g".repeat(length - 1))).unwrap()
}

#[test]
fn what_is_as_large_as_it_may_be_is_issued() {
    let fixture = Fixture::new();
    for (length, fits) in [(200, true), (201, false)] {
        let issued = issue(&fixture, Grant::all(), &"l".repeat(length));
        assert_eq!(issued.is_ok(), fits, "a label of {length} bytes");
    }
    // Each glob counts with a byte more than it has: 15 + 3 * 4096 + 4081 are 16 KiB.
    let root = format!("/{}", "r".repeat(14));
    for (last, fits) in [(4080, true), (4081, false)] {
        let globs = vec![glob(4095), glob(4095), glob(4095), glob(last)];
        let issued = issue(&fixture, Grant::all().attenuate(scope(&root, globs)), "");
        assert_eq!(issued.is_ok(), fits, "a last glob of {last} bytes");
    }
    for (count, fits) in [(128, true), (129, false)] {
        let one = scope("/", vec![glob(2); 64]);
        let mut other = scope("/", vec![glob(2); 30]);
        other.write = vec![glob(2); count - 94];
        let grant = Grant::all().attenuate(one).attenuate(other);
        assert_eq!(issue(&fixture, grant, "").is_ok(), fits, "{count} globs");
    }
}

/// A grant of everything can be narrowed sixteen times, each time of the one before.
#[test]
fn a_grant_is_narrowed_sixteen_times() {
    let fixture = Fixture::new();
    let mut last = issue(&fixture, Grant::all(), "").unwrap();
    let narrow = |of: &Issued| {
        let scope = scope("/", vec![Glob::new("**").unwrap()]);
        fixture
            .workspace
            .attenuate_grant(&of.token, scope, None, Budget::default())
    };
    for n in 0..16 {
        last = narrow(&last).unwrap().unwrap();
        let found = fixture.workspace.find_grant(&last.token).unwrap();
        assert_eq!(found.as_ref(), Some(&last.grant), "{n}");
    }
    assert_eq!(kind(narrow(&last)), ErrorKind::LimitExceeded);
}

fn put(fixture: &Fixture, grant: &GrantRecord) {
    fixture.meta.tamper(&mut |tx| tx.put_grant(grant)).unwrap();
}

/// Whatever a row says of itself: it is worth nothing below one that is dead, and rows
/// that name each other for parents end no call's patience.
#[test]
fn a_row_is_worth_no_more_than_its_parents() {
    let fixture = Fixture::new();
    let narrowed = |expires| -> [Issued; 2] {
        let wide = issue(&fixture, Grant::all(), "").unwrap();
        let scope = scope("/", vec![Glob::new("**").unwrap()]);
        let narrow =
            fixture
                .workspace
                .attenuate_grant(&wide.token, scope, expires, Budget::default());
        [wide, narrow.unwrap().unwrap()]
    };
    let finds = |issued: &Issued| {
        fixture
            .workspace
            .find_grant(&issued.token)
            .unwrap()
            .is_some()
    };

    let [wide, narrow] = narrowed(None);
    assert!(finds(&narrow));
    let past = Some(Timestamp::from_millis(1));
    put(
        &fixture,
        &GrantRecord {
            expires: past,
            ..wide.grant
        },
    );
    assert!(!finds(&narrow), "the one above has expired");

    let [wide, narrow] = narrowed(None);
    let parent = Some(narrow.grant.id);
    put(
        &fixture,
        &GrantRecord {
            parent,
            ..wide.grant.clone()
        },
    );
    assert!(!finds(&narrow) && !finds(&wide), "each is above the other");
}

#[test]
fn a_preview_lives_for_a_week_unless_it_is_told() {
    let fixture = Fixture::new();
    let issue = |expires| {
        let site = Site::default();
        fixture
            .workspace
            .issue_preview(At::Head, site, expires)
            .unwrap()
    };
    let grant = issue(None).grant;
    let week = grant.created.plus_millis(604_800_000);
    assert_eq!(grant.expires, Some(week));
    let soon = grant.created.plus_millis(5_000);
    assert_eq!(issue(Some(soon)).grant.expires, Some(soon));
    assert!(matches!(grant.purpose, Purpose::Site(_)));
}

/// As many tokens as may be: a dead one gives way, and is found wherever it is.
#[test]
fn a_dead_grant_among_a_thousand_gives_way() {
    let fixture = Fixture::new();
    let copy: CopyId = fixture.fork();
    let issue = |expires: Option<Timestamp>| {
        let options = GrantOptions::default().expires(expires);
        fixture
            .workspace
            .issue_grant(At::Copy(copy), Grant::all(), options)
    };
    let soon = Some(fixture.workspace.now().plus_millis(1_000_000));
    for n in 0..1000 {
        issue(soon.filter(|_| n == 777)).unwrap();
    }
    assert_eq!(kind(issue(None)), ErrorKind::LimitExceeded);
    fixture.time.set(fixture.time.get() + 2_000_000);
    // The call above looked at the first fifty; each goes on where the last one ended.
    let calls = (1..=20).find(|_| issue(None).is_ok());
    assert_eq!(calls, Some(15));
    assert_eq!(kind(issue(None)), ErrorKind::LimitExceeded);
}
