//! What a report of the integrity check says, and what it is not made from.

use futures::executor::block_on;
use workspace_core::{
    ApplyOptions, At, ContentId, ErrorKind, FsckOptions, Grant, GrantOptions, Problem,
};
use workspace_testkit::FaultPlan;

use crate::support::{Fixture, change, write};

fn options() -> FsckOptions {
    FsckOptions::default().contents(true)
}

/// A row or node that the store fails to read is no damage: the check fails, wherever that
/// happens, and says nothing of it.
#[test]
fn a_store_that_fails_is_no_damage() {
    let plan = FaultPlan::new();
    let fixture = Fixture::failing(&plan);
    let workspace = &fixture.workspace;
    fixture.write(At::Head, "/d/small", "small");
    fixture.write(At::Head, "/d/large", &"x".repeat(500));
    workspace.snapshot("one".into()).unwrap();
    let (applied, open) = (fixture.fork(), fixture.fork());
    fixture.write(At::Copy(applied), "/a", "applied");
    workspace.apply(applied, ApplyOptions::default()).unwrap();
    for text in ["1", "2"] {
        fixture.write(At::Copy(open), "/b", text);
    }
    let grant = workspace.issue_grant(At::Copy(open), Grant::all(), GrantOptions::default());
    grant.unwrap();

    plan.reopen();
    let report = block_on(workspace.fsck(options())).unwrap();
    assert_eq!(report.problems, []);
    let calls = plan.calls();
    assert!(calls > 30, "{calls}");
    for n in 1..=calls {
        plan.fail_at(n);
        let checked = block_on(workspace.fsck(options()));
        assert_eq!(
            checked.unwrap_err().kind(),
            ErrorKind::Unavailable,
            "call {n}"
        );
    }
    plan.reopen();
    assert_eq!(block_on(workspace.fsck(options())).unwrap(), report);
}

/// A report names the first thousand problems, and counts all.
#[test]
fn a_report_names_the_first_thousand_problems() {
    for lost in [1000, 1001, 1003] {
        let fixture = Fixture::new();
        let writes = (0..lost).map(|n| write(&format!("/{n}"), &format!("text {n}")));
        change(&fixture.workspace.files(At::Head), writes.collect()).unwrap();
        let tampered = fixture.meta.tamper(&mut |tx| {
            (0..lost)
                .try_for_each(|n| tx.delete_content(&ContentId::of(format!("text {n}").as_bytes())))
        });
        tampered.unwrap();
        let report = block_on(fixture.workspace.fsck(options())).unwrap();
        assert_eq!(report.problem_count, lost);
        assert_eq!(report.problems.len() as u64, lost.min(1000));
        assert_eq!(report.repaired, 0);
    }
}

#[test]
fn a_problem_says_what_it_is_about_and_what_was_done() {
    let problem = |repair: Option<&str>| Problem {
        subject: "content 12".into(),
        detail: "its size is wrong".into(),
        repair: repair.map(str::to_string),
    };
    for (repair, said) in [
        (None, "content 12: its size is wrong"),
        (
            Some("corrected"),
            "content 12: its size is wrong (corrected)",
        ),
    ] {
        assert_eq!(problem(repair).to_string(), said);
    }
}

/// However many rows a step looks at, the report is the same.
#[test]
fn a_report_is_the_same_in_steps_of_any_size() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    for n in 0..6 {
        let (name, text) = (format!("/d{}/{n}", n % 2), format!("text {n}"));
        fixture.write(At::Head, &name, &text);
        if n % 2 == 0 {
            workspace.snapshot("kept".into()).unwrap();
        }
    }
    let copies: Vec<_> = (0..4).map(|_| fixture.fork()).collect();
    for (n, copy) in copies.iter().enumerate() {
        for text in 0..n + 2 {
            fixture.write(At::Copy(*copy), "/copy", &format!("{n} {text}"));
        }
        workspace
            .issue_grant(At::Copy(*copy), Grant::all(), GrantOptions::default())
            .unwrap();
    }
    workspace.apply(copies[0], ApplyOptions::default()).unwrap();
    workspace.discard(copies[1]).unwrap();
    let report = |rows| block_on(workspace.fsck(options().rows(rows))).unwrap();
    let whole = report(1000);
    assert_eq!(whole.problems, []);
    let garbage = whole.garbage;
    assert!(garbage.nodes > 4 && garbage.contents > 2, "{garbage:?}");
    assert!(whole.roots > 8 && whole.directories > 8, "{whole:?}");
    for rows in 1..20 {
        assert_eq!(report(rows), whole, "in steps of {rows}");
    }
    // What is counted as garbage is what a collection deletes.
    let collected = fixture.gc();
    assert_eq!(
        (collected.nodes, collected.contents),
        (garbage.nodes, garbage.contents)
    );
    assert_eq!(report(1000).garbage, workspace_core::Garbage::default());
}
