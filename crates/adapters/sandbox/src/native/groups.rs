//! Control groups of a command, where they can be had: of version 2, or of version 1 with a
//! hierarchy for each controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::NativeOptions;

/// Where control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The groups of one command.
#[derive(Debug)]
pub(super) struct Groups(Vec<PathBuf>);

impl Groups {
    /// Makes groups that limit memory and processes; `None` where that is not allowed.
    pub(super) fn make(options: &NativeOptions) -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("workspace-{}-{next}", std::process::id());
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let (processes, memory) = (options.processes, options.memory);
        let mut groups = Self(Vec::new());
        let unified = own.lines().find_map(|line| line.strip_prefix("0::"));
        let below = |root: &str, own: &str| {
            let root = Path::new(ROOT).join(root);
            root.join(own.trim_start_matches('/')).join(&name)
        };
        if let Some(own) = unified
            && groups.one(
                &below("", own),
                &[
                    ("pids.max", processes),
                    ("memory.max", memory),
                    ("memory.swap.max", 0),
                ],
            )
        {
            return Some(groups);
        }
        for (controller, limits) in [
            ("pids", [("pids.max", processes)].as_slice()),
            ("memory", &[("memory.limit_in_bytes", memory)]),
        ] {
            let own = own.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers
                    .split(',')
                    .any(|it| it == controller)
                    .then_some(path)
            });
            let made = own.is_some_and(|own| groups.one(&below(controller, own), limits));
            if !made {
                groups.remove();
                return None;
            }
        }
        Some(groups)
    }

    fn one(&mut self, at: &Path, limits: &[(&str, u64)]) -> bool {
        let made = match fs::create_dir(at) {
            // One of a process of this number that was killed: nothing is in it, or it stays.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                fs::remove_dir(at).and_then(|()| fs::create_dir(at))
            }
            made => made,
        };
        if made.is_err() {
            return false;
        }
        let set = |(file, limit): &(&str, u64)| {
            // There need not be swap to be limited.
            let is_optional = *file == "memory.swap.max";
            fs::write(at.join(file), limit.to_string()).is_ok() || is_optional
        };
        // A file that is made in a file system of another kind is no limit.
        let is_group = at.join("cgroup.procs").exists();
        if is_group && limits.iter().all(set) {
            self.0.push(at.to_owned());
            return true;
        }
        let _left = fs::remove_dir(at);
        false
    }

    /// Returns the groups to be in.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.0.clone()
    }

    /// Removes the groups, in which nothing is any more; tells whether there were any.
    pub(super) fn remove(self) -> bool {
        for group in &self.0 {
            // The last process may not have left it yet.
            for _ in 0..50 {
                if fs::remove_dir(group).is_ok() || !group.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        !self.0.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_a_killed_process_left_is_made_anew() {
        let Some(left) = Groups::make(&NativeOptions::default()) else {
            println!("skipped: no control groups here");
            return;
        };
        let mut groups = Groups(Vec::new());
        for path in left.paths() {
            assert!(groups.one(&path, &[]), "{}", path.display());
        }
        assert_eq!(groups.paths(), left.paths());
        assert!(groups.remove());
    }
}
