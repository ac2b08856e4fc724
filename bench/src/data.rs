//! Trees to measure with: generated ones, and a real one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::future::{BoxFuture, ready};
use workspace_core::{EntrySource, SourceEntry, SourceKind, TreePath};

/// A generated tree: how many entries each level of directories has, and last
/// how many files each of the deepest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    levels: &'static [u64],
    /// Bytes in each file.
    pub(crate) file_bytes: usize,
}

/// 100 files, as deep as [`HUNDRED_THOUSAND`] and [`MILLION`].
pub(crate) const HUNDRED: Shape = Shape::new(&[4, 5, 5], 32);
/// 100,000 files three deep.
pub(crate) const HUNDRED_THOUSAND: Shape = Shape::new(&[10, 100, 100], 32);
/// 1,000,000 files three deep.
pub(crate) const MILLION: Shape = Shape::new(&[100, 100, 100], 32);
/// 10,000 files of 1 KiB in 100 directories.
pub(crate) const TEN_THOUSAND: Shape = Shape::new(&[100, 100], 1024);
/// 10,000 files of 1 KiB four deep.
pub(crate) const FOUR_DEEP: Shape = Shape::new(&[10, 10, 10, 10], 1024);
/// 100,000 files in one directory.
pub(crate) const WIDE: Shape = Shape::new(&[100_000], 32);

impl Shape {
    const fn new(levels: &'static [u64], file_bytes: usize) -> Self {
        Self { levels, file_bytes }
    }

    /// Returns how many files it has.
    pub(crate) fn files(self) -> u64 {
        self.levels.iter().product()
    }

    /// Returns the path of a file, without the leading slash.
    fn relative(self, file: u64) -> String {
        let mut left = self.files();
        let mut path = String::new();
        for (depth, count) in self.levels.iter().enumerate() {
            left /= count;
            let at = file / left % count;
            if depth + 1 < self.levels.len() {
                path.push_str(&format!("directory-{at:02}/"));
            } else {
                path.push_str(&format!("file-{at:05}.txt"));
            }
        }
        path
    }

    /// Returns the path of a file.
    pub(crate) fn path(self, file: u64) -> Result<TreePath> {
        Ok(TreePath::new(&format!("/{}", self.relative(file)))?)
    }

    /// Writes it to disk below `root`.
    pub(crate) fn write(self, root: &Path) -> Result<()> {
        for file in 0..self.files() {
            let path = root.join(self.relative(file));
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, text(file, self.file_bytes))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Returns it as a source of an import, which writes nothing to disk.
    pub(crate) fn source(self) -> Generated {
        Generated {
            shape: self,
            file: 0,
            chunk: None,
        }
    }
}

/// A generated tree as a source.
#[derive(Debug)]
pub(crate) struct Generated {
    shape: Shape,
    file: u64,
    chunk: Option<Bytes>,
}

impl EntrySource for Generated {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        if self.file == self.shape.files() {
            return Box::pin(ready(Ok(None)));
        }
        let path = TreePath::new(&format!("/{}", self.shape.relative(self.file)));
        self.chunk = Some(text(self.file, self.shape.file_bytes));
        self.file += 1;
        if self.file.is_multiple_of(100_000) {
            eprintln!("    {} of {} files", self.file, self.shape.files());
        }
        Box::pin(ready(path.map(|path| {
            Some(SourceEntry {
                path,
                kind: SourceKind::File {
                    size: None,
                    executable: false,
                    modified: None,
                    media_type: None,
                    provenance: None,
                },
            })
        })))
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        Box::pin(ready(Ok(self.chunk.take())))
    }
}

/// Returns `size` bytes of lines of hex digits that no other `seed` has.
pub(crate) fn text(seed: u64, size: usize) -> Bytes {
    let mut state = seed;
    let mut text = Vec::with_capacity(size + 17);
    while text.len() < size {
        text.extend_from_slice(format!("{:016x}\n", next_random(&mut state)).as_bytes());
    }
    text.truncate(size);
    text.into()
}

/// SplitMix64 (Steele, Lea and Flood, 2014): enough to make bytes that differ.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How much a real tree holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amount {
    /// Files.
    pub(crate) files: u64,
    /// Bytes in them.
    pub(crate) bytes: u64,
}

/// The largest package that is source code throughout: above it they hold C
/// libraries and import libraries for linkers.
const LARGEST_PACKAGE: u64 = 8 << 20;

/// Copies the sources of packages that cargo has downloaded, in order of their
/// names and without those of over 8 MiB, until there are at least `enough` bytes.
pub(crate) fn copy_real_tree(to: &Path, enough: u64) -> Result<Amount> {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")),
        |home| Some(home.into()),
    );
    let registries = home
        .context("neither CARGO_HOME nor HOME is set")?
        .join("registry/src");
    let mut packages = Vec::new();
    for registry in sorted(&registries)? {
        packages.extend(sorted(&registry)?);
    }
    let mut amount = Amount::default();
    for package in packages {
        if amount.bytes >= enough {
            break;
        }
        if bytes_in(&package)? > LARGEST_PACKAGE {
            continue;
        }
        let name = package.file_name().context("a package without a name")?;
        copy_tree(&package, &to.join(name), &mut amount)?;
    }
    Ok(amount)
}

fn copy_tree(from: &Path, to: &Path, amount: &mut Amount) -> Result<()> {
    fs::create_dir_all(to)?;
    for path in sorted(from)? {
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
    for path in sorted(directory)? {
        let metadata = fs::symlink_metadata(&path)?;
        bytes += match metadata.is_dir() {
            true => bytes_in(&path)?,
            false => metadata.len(),
        };
    }
    Ok(bytes)
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(directory)
        .with_context(|| format!("cannot read {}", directory.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_as_many_paths_as_files() {
        for shape in [HUNDRED, TEN_THOUSAND, FOUR_DEEP] {
            let mut paths: Vec<String> = (0..shape.files()).map(|at| shape.relative(at)).collect();
            assert!(paths.is_sorted());
            paths.dedup();
            assert_eq!(paths.len() as u64, shape.files());
        }
        assert_eq!(
            FOUR_DEEP
                .path(9_999)
                .unwrap()
                .to_string()
                .matches('/')
                .count(),
            4
        );
    }
}
