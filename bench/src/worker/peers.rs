//! Our object beside those of two npm packages, in the same workerd.

use std::cell::Cell;

use anyhow::{Result, ensure};
use workspace_workerd::Client;

use super::{PEERS, start};
use crate::Bench;
use crate::figures::{Limit, Section};
use crate::measure::{Rounds, timed};

const KINDS: [&str; 3] = ["ours", "shell", "computer"];
const PACKAGES: [&str; 3] = ["ours", "@cloudflare/shell", "@cloudflare/computer"];
/// Calls in one request, by operation; an import is 1,000 files.
const OPERATIONS: [(&str, u64); 6] = [
    ("write", 50),
    ("read", 200),
    ("list", 100),
    ("stat", 200),
    ("import", 1),
    ("nothing", 200),
];

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let rounds = if bench.quick { 5 } else { 25 };
    let mut section = Section::new(
        "In workerd: peers",
        format!(
            "The `Workspace` of npm's `@cloudflare/shell` 0.4 and the `fs` of `@cloudflare/computer` 0.8, each \
             in a Durable Object of its own class beside ours, in one Worker and one workerd, on one disk. \
             The client asks the Worker, which calls the object over JS RPC: 50 writes of one file, 200 reads, \
             200 stats, 100 lists of a directory of 100, one after the other, and an import of 1,000 files of \
             200 bytes in ten directories into a new object by one call (ours as one batch of changes, theirs \
             file by file, for they have nothing else). Inside: the same loops within one call of the object, \
             without RPC. {rounds} rounds in turn; but from an import, the time of a request that calls nothing \
             is subtracted. Above 1, ours is faster. Where ours is slower, a profile says why. A \
             write is one flush for each of them, but of nine pages for ours, twenty for `computer` and one \
             for `shell`: ours is a transaction of six rows (the content, three nodes of the tree, head, an \
             event), each hashed, which keeps what was before; a third of its time is SQLite's. A read is a \
             lookup in the tree, a query and a hash, behind the guard that keeps panics off other requests. \
             `stat` and `list` answer in JSON, with the content's hash, which goes over RPC as well. What \
             `nothing` takes is RPC's own, in each of the calls above it."
        ),
    );
    let workerd = start(bench, PEERS)?;
    let peers = Peers {
        client: workerd.client(),
        next: Cell::new(0),
    };
    for kind in KINDS {
        peers.request(kind, "files", "import", 1, 0)?;
    }
    for (operation, times) in OPERATIONS {
        for place in ["", "inside/"] {
            let taken = Rounds::<3>::take(rounds, |which| {
                peers.seconds(KINDS[which], place, operation, times)
            })?;
            let name = match place {
                "" => operation.to_string(),
                _ => format!("{operation}, inside"),
            };
            for peer in [1, 2] {
                let ratio = format!("{name}: {} over ours", PACKAGES[peer]);
                let value = taken.ratio(peer, 0);
                match place {
                    "" if operation != "nothing" => {
                        section.held(ratio, value, "times", Limit::AtLeast(1.0));
                    }
                    _ => section.shown(ratio, value, "times"),
                }
            }
            section.shown(format!("{name}: ours"), taken.median(0) * 1e6, "µs");
        }
    }
    Ok(section)
}

struct Peers {
    client: Client,
    next: Cell<u64>,
}

impl Peers {
    /// Returns the seconds that one call takes.
    fn seconds(&self, kind: &str, place: &str, operation: &str, times: u64) -> Result<f64> {
        let next = self.next.get();
        self.next.set(next + times);
        let object = match operation {
            "import" => format!("import-{next}"),
            _ => "files".into(),
        };
        let called = format!("{place}{operation}");
        let (empty, ()) = timed(|| self.request(kind, &object, &called, 0, 0))?;
        let (full, ()) = timed(|| self.request(kind, &object, &called, times, next))?;
        Ok(match operation {
            // The empty request made the object, which is worse than nothing.
            "import" => full.as_secs_f64(),
            _ => full.saturating_sub(empty).as_secs_f64() / times as f64,
        })
    }

    fn request(
        &self,
        kind: &str,
        object: &str,
        operation: &str,
        times: u64,
        from: u64,
    ) -> Result<()> {
        let said = self
            .client
            .pass(&format!("/{kind}/{object}/{operation}/{times}/{from}"))?;
        // All say the same: bytes of a file, entries of a directory, files of an import.
        let expected = match operation.trim_start_matches("inside/") {
            _ if times == 0 => "null",
            "list" => "100",
            "import" => "1000",
            _ => "200",
        };
        ensure!(said == expected, "{kind} answers {operation} with {said}");
        Ok(())
    }
}
