//! The model run: random operations and crashes, checked against the reference model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use workspace_native::SqliteConn;
use workspace_sql::{Body, OnRow, SqlConn, SqlValue};
use workspace_testkit::model::{MakeStorage, Run, Scenario, crash, run};
use workspace_testkit::{LimitedConn, MemoryStorage, SqlStorage};

use crate::Bench;
use crate::figures::{Limit, Section, shown};

/// How likely a store call is to fail in the runs with faults.
const FAULTS: f64 = 0.01;
/// How many operations one workspace goes through.
const SESSION: usize = 250;

/// Each with how many workspaces there are, with faults and without.
const STORES: [(&str, u64, MakeStorage<'_>); 3] = [
    ("memory", 2_000, &|| Box::new(MemoryStorage::new())),
    ("SQLite", 400, &|| {
        let database = Shared::new();
        Box::new(SqlStorage::new(move || Ok(database.clone())))
    }),
    ("SQLite within a Durable Object's limits", 400, &|| {
        let database = Shared::new();
        Box::new(SqlStorage::new(move || {
            Ok(LimitedConn::new(database.clone()))
        }))
    }),
];

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (less, files) = if bench.quick { (20, 10) } else { (1, 30) };
    let [memory, sqlite, _] = STORES.map(|(_, sessions, _)| operations(sessions / less));
    let (memory, sqlite) = (shown(memory as f64), shown(sqlite as f64));
    let mut section = Section::new(
        "Model run",
        format!(
            "{memory} random operations over memory, and {sqlite} over SQLite with its own limits and \
             with others, in workspaces of {SESSION} each and half of them with faults at one store call in a hundred: answers and all files are compared with \
             those of the reference model. Then a crash before and after every store call of import, write, \
             apply, rebase, restore and gc, over memory: the state is the old or the new one, and the \
             repeated operation succeeds once. SQLite is in memory here; a commit to disk is the same code."
        ),
    );
    for (store, sessions, make) in STORES {
        let sessions = sessions / less;
        let start = Instant::now();
        let mut operations = 0;
        let diverged = [0.0, FAULTS].into_iter().any(|faults| {
            let plan = Run {
                seed: 2026,
                sessions,
                operations: SESSION,
                faults,
            };
            // What diverged is told by the panic's own message.
            let tally = catch_unwind(AssertUnwindSafe(|| run(make, &plan)));
            operations += tally.as_ref().map_or(0, |tally| tally.operations);
            tally.is_err()
        });
        let took = start.elapsed().as_secs_f64();
        section.held(
            format!("operations without a divergence, {store}"),
            if diverged { 0.0 } else { operations as f64 },
            "operations",
            Limit::AtLeast(self::operations(sessions) as f64),
        );
        section.shown(format!("time for these, {store}"), took, "s");
    }
    for scenario in Scenario::ALL {
        let (_, _, make) = STORES[0];
        let crashes = catch_unwind(AssertUnwindSafe(|| crash(make, scenario, files))).unwrap_or(0);
        section.held(
            format!("crashes survived, {scenario:?}"),
            crashes as f64,
            "crashes",
            Limit::AtLeast(1.0),
        );
    }
    Ok(section)
}

/// Returns how many operations there are in so many workspaces, twice.
fn operations(sessions: u64) -> u64 {
    2 * sessions * SESSION as u64
}

/// A database in memory that can be opened again and again.
#[derive(Clone)]
pub(crate) struct Shared(Rc<SqliteConn>);

impl Shared {
    pub(crate) fn new() -> Self {
        let conn = SqliteConn::create(Path::new(":memory:"));
        Self(Rc::new(conn.expect("memory is at hand")))
    }
}

impl SqlConn for Shared {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> workspace_core::Result<bool> {
        self.0.exec(sql, params)
    }

    fn query(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        row: OnRow<'_>,
    ) -> workspace_core::Result<()> {
        self.0.query(sql, params, row)
    }

    fn read(&self, body: Body<'_>) -> workspace_core::Result<()> {
        self.0.read(body)
    }

    fn transaction(&self, body: Body<'_>) -> workspace_core::Result<()> {
        self.0.transaction(body)
    }

    fn transaction_unsynced(&self, body: Body<'_>) -> workspace_core::Result<()> {
        self.transaction(body)
    }
}
