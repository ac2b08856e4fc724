//! Grants and previews.

use workspace_core::store::{Budget, GrantRecord, MetaStore, Purpose, Site, Used, WhichGrants};
use workspace_core::{
    At, Glob, Grant, GrantId, Name, RevisionId, Scope, Timestamp, TokenHash, TreePath,
};

use super::fixture::{copy_id, empty, grant, grant_id, read, tree, write};

fn glob(text: &str) -> Glob {
    Glob::new(text).expect("the tests' globs are valid")
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).expect("the tests' paths are valid")
}

fn site(index: &str, fallback: Option<&str>) -> Purpose {
    Purpose::Site(Site {
        root: path("/"),
        hidden: false,
        app: false,
        index: Name::new(index).expect("the tests' names are valid"),
        fallback: fallback.map(path),
    })
}

/// Asserts that a grant is kept with every field, and replaced by id.
pub fn grants(store: &dyn MetaStore) {
    empty(store);
    let narrow = Grant::all()
        .attenuate(Scope {
            root: path("/site"),
            read: vec![glob("**"), glob("/a/[!x-z]*\\*")],
            write: vec![],
            delete: false,
        })
        .attenuate(Scope {
            root: path("/"),
            read: vec![],
            write: vec![glob("/grüße/**"), glob("*.md")],
            delete: true,
        });
    let plain = grant(1);
    let variants = [
        GrantRecord {
            purpose: Purpose::Files(narrow),
            label: "for \0 the ' agent".into(),
            actor: "agent \u{1f980}".into(),
            parent: Some(grant_id(7)),
            top: Some(grant_id(6)),
            budget: Budget {
                max_bytes: Some((1 << 53) - 1),
                max_entries: Some(0),
            },
            used: Used {
                bytes: 1 << 52,
                entries: 3,
            },
            created: Timestamp::from_millis(-5),
            expires: Some(Timestamp::from_millis(i64::MAX)),
            ..plain.clone()
        },
        GrantRecord {
            at: At::Head,
            purpose: site("index.html", None),
            ..plain.clone()
        },
        GrantRecord {
            at: At::Revision(RevisionId::new((1 << 53) - 1)),
            purpose: Purpose::Site(Site {
                root: path("/dist/grüße"),
                index: Name::new("ü").expect("the tests' names are valid"),
                fallback: Some(path("/app/404.html")),
                hidden: true,
                app: false,
            }),
            expires: Some(Timestamp::from_millis(0)),
            ..plain.clone()
        },
        GrantRecord {
            at: At::Head,
            purpose: Purpose::Site(Site {
                root: path("/app"),
                app: true,
                ..Site::default()
            }),
            ..plain.clone()
        },
        GrantRecord {
            at: At::Tree(tree(1)),
            ..plain.clone()
        },
        plain.clone(),
    ];
    assert_eq!(read(store, |tx| tx.grant(&plain.id)), None);
    for variant in variants {
        write(store, |tx| {
            tx.put_grant(&variant)?;
            assert_eq!(tx.grant(&variant.id)?.as_ref(), Some(&variant));
            Ok(())
        });
        read(store, |tx| {
            assert_eq!(tx.grant(&variant.id)?.as_ref(), Some(&variant));
            let all = tx.grants(WhichGrants::Every, None, 9)?;
            assert_eq!(all, std::slice::from_ref(&variant));
            Ok(())
        });
    }
    let used = Used {
        bytes: 5,
        entries: 7,
    };
    write(store, |tx| tx.set_used(&plain.id, used));
    let spent = GrantRecord {
        used,
        ..plain.clone()
    };
    assert_eq!(read(store, |tx| tx.grant(&plain.id)), Some(spent));
    for _ in 0..2 {
        write(store, |tx| tx.delete_grant(&plain.id));
        write(store, |tx| tx.set_used(&plain.id, used));
        assert_eq!(read(store, |tx| tx.grant(&plain.id)), None);
    }
}

/// Asserts that a grant is found by the hash of its token, and by nothing else.
pub fn grant_tokens(store: &dyn MetaStore) {
    empty(store);
    let all = [0, 1, 0x7f, 0x80, 0xff].map(grant);
    for grant in &all {
        write(store, |tx| tx.put_grant(grant));
    }
    for grant in &all {
        let found = read(store, |tx| tx.grant_with_token(&grant.token));
        assert_eq!(found.as_ref(), Some(grant));
    }
    let find = |token: TokenHash| read(store, |tx| tx.grant_with_token(&token));
    assert_eq!(find(TokenHash::of("")), None);
    let mut near = *all[1].token.as_bytes();
    near[31] ^= 1;
    assert_eq!(find(TokenHash::from_bytes(near)), None);
    write(store, |tx| tx.delete_grant(&all[1].id));
    assert_eq!(find(all[1].token), None);
    assert_eq!(find(all[2].token).as_ref(), Some(&all[2]));
}

/// Asserts that pages of grants are in id order, complete, of the size and kind
/// asked for, and that those of a copy are counted.
pub fn grant_pages(store: &dyn MetaStore) {
    empty(store);
    // Every third one is a preview; the copy changes with every second, and of those
    // that are to files every fourth was attenuated.
    let ids: Vec<u8> = vec![0xff, 0x01, 0x7f, 0x00, 0x80, 0x02, 0xfe, 0x81, 0x03];
    let is_made = |n: u8| !n.is_multiple_of(3) && n % 4 == 2;
    let record = |n: u8| GrantRecord {
        at: At::Copy(copy_id(n % 2)),
        purpose: match n % 3 {
            0 => site("index.html", None),
            _ => Purpose::Files(Grant::all()),
        },
        parent: is_made(n).then(|| grant_id(0xff)),
        top: is_made(n).then(|| grant_id(0x01)),
        ..grant(n)
    };
    for n in &ids {
        write(store, |tx| tx.put_grant(&record(*n)));
    }
    let mut sorted = ids;
    sorted.sort_unstable();
    let files = |copy: u8| WhichGrants::Files(At::Copy(copy_id(copy)));
    let elsewhere = [
        GrantRecord {
            at: At::Head,
            ..grant(0x10)
        },
        GrantRecord {
            at: At::Revision(RevisionId::new(1)),
            ..grant(0x11)
        },
        GrantRecord {
            at: At::Head,
            purpose: site("index.html", None),
            ..grant(0x12)
        },
    ];
    for grant in &elsewhere {
        write(store, |tx| tx.put_grant(grant));
    }
    for (at, wanted) in [
        (At::Head, vec![elsewhere[0].clone()]),
        (At::Revision(RevisionId::new(1)), vec![elsewhere[1].clone()]),
        (At::Revision(RevisionId::new(2)), vec![]),
        (At::Tree(tree(1)), vec![]),
    ] {
        for which in [WhichGrants::Files(at), WhichGrants::Issued(at)] {
            assert_eq!(read(store, |tx| tx.grants(which, None, 9)), wanted);
            let counted = read(store, |tx| tx.count_grants(which));
            assert_eq!(counted, wanted.len() as u64, "{which:?}");
        }
    }
    for grant in &elsewhere {
        write(store, |tx| tx.delete_grant(&grant.id));
    }
    for (which, wanted) in [
        (
            WhichGrants::Every,
            Box::new(|_| true) as Box<dyn Fn(u8) -> bool>,
        ),
        (WhichGrants::Sites, Box::new(|n| n % 3 == 0)),
        (files(0), Box::new(|n| n % 3 != 0 && n % 2 == 0)),
        (files(1), Box::new(|n| n % 3 != 0 && n % 2 == 1)),
        (files(2), Box::new(|_| false)),
        (
            WhichGrants::Issued(At::Copy(copy_id(0))),
            Box::new(|n| n % 3 != 0 && n % 2 == 0 && !is_made(n)),
        ),
        (WhichGrants::MadeFrom(grant_id(0xff)), Box::new(is_made)),
        (WhichGrants::MadeFrom(grant_id(0x01)), Box::new(|_| false)),
        (WhichGrants::Below(grant_id(0x01)), Box::new(is_made)),
    ] {
        let wanted: Vec<GrantId> = sorted
            .iter()
            .filter(|n| wanted(**n))
            .map(|n| grant_id(*n))
            .collect();
        let counted = read(store, |tx| tx.count_grants(which));
        assert_eq!(counted, wanted.len() as u64, "{which:?}");
        for limit in [1, 2, 9, 10, usize::MAX] {
            let mut found = Vec::new();
            loop {
                let page = read(store, |tx| tx.grants(which, found.last(), limit));
                assert!(page.len() <= limit);
                let full = page.len() == limit;
                found.extend(page.into_iter().map(|grant| grant.id));
                if !full {
                    break;
                }
            }
            assert_eq!(found, wanted, "pages of {limit} of {which:?}");
        }
        assert_eq!(read(store, |tx| tx.grants(which, None, 0)), []);
    }
    let after = read(store, |tx| {
        tx.grants(WhichGrants::Every, Some(&grant_id(0x50)), 1)
    });
    assert_eq!(after[0].id, grant_id(0x7f), "after an id that nobody has");
}
