//! What the figures were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine, as far as it bears on the figures.
#[derive(Debug)]
pub(crate) struct Machine(Vec<(&'static str, String)>);

impl Machine {
    /// Looks at this machine, and at the file system of `directory`.
    pub(crate) fn look(directory: &Path) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let memory = field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .map(|kib| format!("{} GiB", kib.div_ceil(1 << 20)));
        let processor = field("/proc/cpuinfo", "model name");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        let facts = [
            (
                "processor",
                processor.map(|name| format!("{name}, {cores} cores")),
            ),
            ("memory", memory),
            (
                "kernel",
                kernel.and_then(|text| Some(format!("Linux {}", text.split(['-', '\n']).next()?))),
            ),
            ("file system", file_system(directory)),
            ("compiler", output("rustc", &["--version"])),
            ("git", output("git", &["--version"])),
            ("SQLite", Some(rusqlite::version().to_string())),
            (
                "AgentFS",
                Some("agentfs-sdk 0.6, as Cargo.lock pins it".to_string()),
            ),
            ("workerd", npm_version("workerd")),
        ];
        let known = facts
            .into_iter()
            .filter_map(|(what, value)| Some((what, value?)))
            .collect();
        Self(known)
    }

    /// Returns what is known: what, and its value.
    pub(crate) fn facts(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_string())
    })
}

/// Returns the version of an npm package that is installed.
fn npm_version(package: &str) -> Option<String> {
    let text = fs::read_to_string(format!("node_modules/{package}/package.json")).ok()?;
    let description: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(description["version"].as_str()?.to_string())
}

fn file_system(directory: &Path) -> Option<String> {
    let directory = directory.to_str()?;
    output("findmnt", &["-n", "-o", "FSTYPE", "-T", directory])
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (output.status.success() && !text.is_empty()).then_some(text)
}
