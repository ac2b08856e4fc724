//! The facade does what the model does, over SQLite, and over SQLite with the
//! limits of a Durable Object.
//!
//! `MODEL=100-199 cargo nextest run -p workspace-testkit --test sql` runs so many seeds.

mod sqlite;

use sqlite::MemorySqlite;
use workspace_core::ErrorKind;
use workspace_sql::{SqlConn, SqlValue};
use workspace_testkit::model::{MakeStorage, Run, Scenario, crash, run};
use workspace_testkit::{LimitedConn, SqlStorage, conformance, seeds};

const SQLITE: MakeStorage<'_> = &|| {
    let database = MemorySqlite::new();
    Box::new(SqlStorage::new(move || Ok(database.clone())))
};

const LIMITED: MakeStorage<'_> = &|| {
    let database = MemorySqlite::new();
    Box::new(SqlStorage::new(move || {
        Ok(LimitedConn::new(database.clone()))
    }))
};

#[test]
fn sqlite_within_the_limits_conforms() {
    conformance::meta::all(&*LIMITED().meta());
}

#[test]
fn random_operations() {
    for seed in seeds("MODEL", 4..5) {
        for make in [SQLITE, LIMITED] {
            for faults in [0.0, 0.01] {
                let tally = run(
                    make,
                    &Run {
                        seed,
                        sessions: 4,
                        operations: 150,
                        faults,
                    },
                );
                assert!(tally.succeeded > tally.operations / 3, "{tally:?}");
            }
        }
    }
}

#[test]
fn a_crash_at_every_store_call() {
    for scenario in Scenario::ALL {
        crash(SQLITE, scenario, 8);
    }
}

#[test]
fn limits_are_enforced() {
    let conn = LimitedConn::new(MemorySqlite::new());
    let kind = |outcome: workspace_core::Result<()>| outcome.unwrap_err().kind();
    let exec = |sql: &str, params: &[SqlValue<'_>]| {
        conn.transaction(&mut |conn| conn.exec(sql, params).map(drop))
    };
    exec("CREATE TABLE t (x)", &[]).unwrap();
    let insert = "INSERT INTO t VALUES (?1)";
    exec(insert, &[SqlValue::Integer(SqlValue::MAX_INTEGER)]).unwrap();

    let deep = format!("SELECT {}1{}", "(".repeat(101), ")".repeat(101));
    let long = format!("SELECT 1 -- {}", "x".repeat(100 << 10));
    for sql in [
        "BEGIN",
        " savepoint a",
        "PRAGMA user_version = 1",
        "INSERT INTO t VALUES (1); DELETE FROM t",
        "CREATE TABLE _cf_x (x)",
        &deep,
        &long,
    ] {
        assert_eq!(kind(exec(sql, &[])), ErrorKind::Unsupported, "{sql}");
    }
    let many = [SqlValue::Null; 101];
    assert_eq!(kind(exec(insert, &many)), ErrorKind::Unsupported);
    let large = vec![0; 2_000_001];
    let outcome = exec(insert, &[SqlValue::Blob(&large)]);
    assert_eq!(kind(outcome), ErrorKind::LimitExceeded);
    for n in [i64::MIN, -(1 << 53), 1 << 53] {
        let outcome = exec(insert, &[SqlValue::Integer(n)]);
        assert_eq!(kind(outcome), ErrorKind::LimitExceeded);
    }

    let outside = conn.exec("DELETE FROM t", &[]).map(drop);
    assert_eq!(kind(outside), ErrorKind::Unsupported);
    let in_a_read = conn.read(&mut |conn| conn.exec("DELETE FROM t", &[]).map(drop));
    assert_eq!(kind(in_a_read), ErrorKind::Unsupported);
    let nested = conn.transaction(&mut |conn| conn.transaction(&mut |_| Ok(())));
    assert_eq!(kind(nested), ErrorKind::Unsupported);
    let stepping = conn.read(&mut |conn| {
        conn.query("SELECT x FROM t", &[], &mut |_| {
            conn.query("SELECT 1", &[], &mut |_| Ok(()))
        })
    });
    assert_eq!(kind(stepping), ErrorKind::Unsupported);

    let mut rows = 0;
    conn.query("SELECT x FROM t", &[], &mut |row| {
        assert_eq!(row, [SqlValue::Integer(SqlValue::MAX_INTEGER)]);
        rows += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(rows, 1, "what was refused changed nothing");
}
