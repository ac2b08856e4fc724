//! What rows cost, in bytes and in the way they are found.

use crate::common::MemoryConn;
use bytes::Bytes;
use workspace_core::store::{
    Budget, CollectionPhase, CollectionRecord, ContentRecord, CopyRecord, CopyState, GrantRecord,
    HeadRecord, MemoRecord, MetaStore, MetaTx, OperationCause, OperationRecord, Place, Purpose,
    RevisionCause, RevisionRecord, Site, Used, WhichGrants,
};
use workspace_core::{
    At, ContentId, CopyId, Event, EventKind, Grant, GrantId, Name, OperationId, RequestHash,
    Result, RevisionId, Timestamp, TokenHash, TreeId, TreePath,
};
use workspace_sql::SqlMeta;

const NOW: i64 = 1_780_000_000_000;

fn tree(n: u64) -> TreeId {
    TreeId::from_bytes(*ContentId::of(&n.to_be_bytes()).as_bytes())
}

/// Six bytes of time, then random ones.
fn copy_id(n: u64) -> CopyId {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&(NOW as u64 + n).to_be_bytes()[2..]);
    id[6..].copy_from_slice(&tree(n).as_bytes()[..10]);
    CopyId::from_bytes(id)
}

fn fork(n: u64) -> CopyRecord {
    let now = Timestamp::from_millis(NOW + n as i64);
    CopyRecord {
        id: copy_id(n),
        name: Some(format!("agent-{n:08}")),
        state: CopyState::Open,
        parent: None,
        top: None,
        base_version: 1000 + n,
        base: tree(0),
        tree: tree(0),
        generation: 0,
        operation: None,
        created: now,
        modified: now,
        expires: None,
    }
}

fn forked(n: u64) -> Event {
    Event {
        kind: EventKind::Forked,
        copy: Some(copy_id(n)),
        generation: Some(0),
        version: Some(1000 + n),
        tree: None,
        revision: None,
        actor: String::new(),
        at: Timestamp::from_millis(NOW + n as i64),
    }
}

fn write(meta: &SqlMeta<MemoryConn>, mut body: impl FnMut(&dyn MetaTx) -> Result<()>) {
    meta.write(&mut body).unwrap();
}

#[test]
fn a_fork_takes_at_most_300_bytes() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let before = meta.conn().size();
    let forks = 1000;
    for n in 0..forks {
        write(&meta, |tx| {
            tx.put_copy(&fork(n))?;
            tx.append_event(&forked(n))
        });
    }
    let each = (meta.conn().size() - before) / forks;
    println!("{each} bytes a fork");
    assert!(each <= 300, "{each} bytes a fork");
}

#[test]
fn a_content_takes_at_most_110_bytes_more_than_it_holds() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let before = meta.conn().size();
    let (rows, size) = (4000, 200);
    write(&meta, |tx| {
        for n in 0..rows {
            let id = ContentId::from_bytes(*tree(n).as_bytes());
            let place = Place::Inline(Bytes::from(vec![n as u8; size as usize]));
            assert!(tx.put_content(&id, &ContentRecord { size, place })?);
        }
        Ok(())
    });
    let each = (meta.conn().size() - before) / rows;
    println!("{each} bytes a content of {size}");
    assert!(each <= size + 110, "{each} bytes a content of {size}");
}

/// Calls every method, so that the connection has seen every statement.
fn everything(tx: &dyn MetaTx) -> Result<()> {
    let at = Timestamp::from_millis(NOW);
    let (copy, content) = (copy_id(1), ContentId::of(b"x"));
    let revision = RevisionId::new(1);
    tx.head()?;
    tx.set_head(&HeadRecord {
        version: 1,
        tree: tree(1),
        revision: None,
        recorded: None,
        modified: at,
    })?;
    tx.put_node(&tree(1), b"node")?;
    tx.node(&tree(1))?;
    tx.delete_node(&tree(1))?;
    let place = Place::Inline(Bytes::from_static(b"x"));
    tx.put_content(&content, &ContentRecord { size: 1, place })?;
    tx.content(&content)?;
    tx.delete_content(&content)?;
    tx.has_object(&"key".parse()?)?;
    tx.put_copy(&fork(1))?;
    tx.copy(&copy)?;
    tx.move_copy(&fork(1))?;
    tx.open_copy_named("name")?;
    tx.copies(true, None, 10)?;
    tx.copies(false, Some(&copy), 10)?;
    tx.expiring_copies(at, 10)?;
    tx.closed_copies(at, 10)?;
    tx.put_operation(
        &copy,
        &OperationRecord {
            id: OperationId::new(1),
            cause: OperationCause::Edit,
            actor: String::new(),
            note: String::new(),
            at,
            before: tree(1),
            after: tree(2),
        },
    )?;
    tx.operation(&copy, OperationId::new(1))?;
    tx.operations(&copy, None, 10)?;
    tx.delete_operations(&copy, 10)?;
    tx.delete_copy(&copy)?;
    tx.put_revision(&RevisionRecord {
        id: revision,
        parent: None,
        tree: tree(1),
        version: 1,
        cause: RevisionCause::Snapshot,
        actor: String::new(),
        message: String::new(),
        at,
        metadata: Default::default(),
    })?;
    tx.revision(revision)?;
    tx.revisions(None, 10)?;
    tx.oldest_revisions(10)?;
    tx.delete_revision(revision)?;
    tx.append_event(&forked(1))?;
    tx.last_event()?;
    tx.events(0, 10)?;
    tx.delete_events(1)?;
    let purposes = [
        Purpose::Files(Grant::all()),
        Purpose::Site(Site {
            root: TreePath::root(),
            index: Name::new("index.html")?,
            fallback: None,
            hidden: false,
            app: false,
        }),
    ];
    for (n, purpose) in (1..).zip(purposes) {
        let grant = GrantRecord {
            id: GrantId::from_bytes([n; 16]),
            token: TokenHash::from_bytes([n; 32]),
            at: At::Copy(copy),
            purpose,
            label: String::new(),
            actor: String::new(),
            parent: None,
            top: None,
            budget: Budget::default(),
            used: Used::default(),
            created: at,
            expires: None,
        };
        tx.put_grant(&grant)?;
        tx.grant(&grant.id)?;
        tx.grant_with_token(&grant.token)?;
        tx.grants(WhichGrants::Every, Some(&grant.id), 10)?;
        for which in [
            WhichGrants::Files(At::Copy(copy)),
            WhichGrants::Files(At::Head),
            WhichGrants::Issued(At::Copy(copy)),
            WhichGrants::Issued(At::Revision(revision)),
            WhichGrants::MadeFrom(grant.id),
            WhichGrants::Below(grant.id),
            WhichGrants::Sites,
        ] {
            tx.grants(which, Some(&grant.id), 10)?;
            // Nobody asks how many previews there are.
            if which != WhichGrants::Sites {
                tx.count_grants(which)?;
            }
        }
        tx.set_used(&grant.id, Used::default())?;
        tx.delete_grant(&grant.id)?;
    }
    let memo = MemoRecord {
        holder: None,
        key: "key".parse()?,
        request: RequestHash::from_bytes([7; 32]),
        answer: Bytes::from_static(b"x"),
        at,
    };
    tx.put_memo(&memo)?;
    tx.memo(None, &memo.key)?;
    tx.last_memo()?;
    tx.memos(0, 10)?;
    tx.delete_memos(9)?;
    tx.collection()?;
    tx.set_collection(Some(&CollectionRecord {
        phase: CollectionPhase::Clear,
        began: 0,
        nodes: 0,
        contents: 0,
    }))?;
    tx.set_collection(None)?;
    tx.mark_node(&tree(1))?;
    tx.mark_content(&content)?;
    tx.take_unscanned(10)?;
    tx.put_node(&tree(1), b"node")?;
    tx.put_content(
        &content,
        &ContentRecord {
            size: 1,
            place: Place::Inline(Bytes::from_static(b"x")),
        },
    )?;
    tx.mark_node(&tree(1))?;
    tx.is_marked(&tree(1))?;
    tx.take_unscanned(10)?;
    tx.has_node(&tree(1))?;
    tx.nodes(None, 10)?;
    tx.contents(None, 10)?;
    tx.sweep(0, 10)?;
    while tx.clear_marks(1)? {}
    Ok(())
}

/// Each statement is found through a key or index, walked in its order where a
/// page is asked for; tables of one row, and marks that are to be cleared in any
/// order, may be read from their start.
#[test]
fn no_statement_reads_or_sorts_a_whole_table() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let conn = meta.conn();
    conn.statements.borrow_mut().clear();
    write(&meta, everything);
    let statements = conn.statements.borrow().clone();
    assert!(statements.len() > 30);
    let free = ["SCAN head", "SCAN collection", "SCAN CONSTANT ROW"];
    let limited = ["marks", "unscanned"];
    for sql in &statements {
        let mut explain = conn
            .db
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let nulls = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps: Vec<String> = explain
            .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
            .unwrap()
            .map(Result::<_, rusqlite::Error>::unwrap)
            .collect();
        for step in &steps {
            let bounded = free.contains(&step.as_str())
                || limited
                    .iter()
                    .any(|table| step.starts_with(&format!("SCAN {table}")));
            assert!(!step.contains("SCAN") || bounded, "{sql}\n{steps:#?}");
            assert!(!step.contains("TEMP B-TREE"), "{sql}\n{steps:#?}");
        }
        if sql.contains("EXISTS (SELECT 1 FROM") && sql.contains("LIMIT") {
            assert!(steps[0].contains("COVERING INDEX"), "{sql}\n{steps:#?}");
        }
    }
}
