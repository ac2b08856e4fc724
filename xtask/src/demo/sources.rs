//! A larger real tree: the sources of the packages that this repository depends on.

use std::cmp::Reverse;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repository::Repository;

/// Where to stop.
const ENOUGH: u64 = 150 << 20;
/// The largest package that is source code throughout: above it they hold C
/// libraries and import libraries for linkers.
const LARGEST_PACKAGE: u64 = 8 << 20;

/// How much there is.
#[derive(Default)]
pub(super) struct Amount {
    packages: u64,
    files: u64,
    bytes: u64,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            packages, files, ..
        } = self;
        let megabytes = self.bytes as f64 / 1e6;
        write!(f, "{packages} packages, {files} files, {megabytes:.0} MB")
    }
}

/// Copies packages into `to`, the largest first, until there is enough.
pub(super) fn copy(repository: &Repository, to: &Path) -> Result<Amount> {
    let mut packages = Vec::new();
    for package in repository.metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        if let (false, Some(directory)) =
            (package["source"].is_null(), Path::new(manifest).parent())
        {
            packages.push((bytes_in(directory)?, directory.to_path_buf()));
        }
    }
    packages.sort_by_key(|(bytes, path)| (Reverse(*bytes), path.clone()));
    let mut amount = Amount::default();
    for (bytes, package) in packages {
        if bytes > LARGEST_PACKAGE || amount.bytes + bytes > ENOUGH {
            continue;
        }
        let name = package.file_name().context("a package without a name")?;
        copy_tree(&package, &to.join(name), &mut amount)?;
        amount.packages += 1;
    }
    Ok(amount)
}

fn copy_tree(from: &Path, to: &Path, amount: &mut Amount) -> Result<()> {
    fs::create_dir_all(to)?;
    for path in entries(from)? {
        let target = to.join(path.file_name().context("an entry without a name")?);
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_dir() {
            copy_tree(&path, &target, amount)?;
        } else if metadata.is_file() {
            amount.files += 1;
            amount.bytes += fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

fn bytes_in(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for path in entries(directory)? {
        let metadata = fs::symlink_metadata(&path)?;
        bytes += match metadata.is_dir() {
            true => bytes_in(&path)?,
            false => metadata.len(),
        };
    }
    Ok(bytes)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
