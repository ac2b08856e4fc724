//! What is asked in git's protocol, version 2, and of `receive-pack`.

use super::id::ObjectId;
use super::line::{DELIMITER, FLUSH, write_line};

const AGENT: &str = concat!("agent=workspace-github/", env!("CARGO_PKG_VERSION"));

/// Which objects a fetch leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// All blobs.
    BlobNone,
    /// All trees and blobs: commits alone.
    TreeNone,
}

/// A fetch: which objects, and what the other side may take for known.
#[derive(Debug, Clone, Default)]
pub struct Fetch<'a> {
    /// The objects, of any kind. What they refer to comes with them.
    pub wants: &'a [ObjectId],
    /// Objects that are here already, with all that they refer to.
    pub haves: &'a [ObjectId],
    /// How many commits of history; all where not said.
    pub depth: Option<u32>,
    /// What is left out. An object that is wanted by its id comes all the same.
    pub filter: Option<Filter>,
}

impl Fetch<'_> {
    /// Writes the body of the request.
    pub fn body(&self) -> Vec<u8> {
        let mut body = command("fetch");
        write_line(&mut body, b"no-progress\n");
        write_line(&mut body, b"ofs-delta\n");
        if let Some(depth) = self.depth {
            write_line(&mut body, format!("deepen {depth}\n").as_bytes());
        }
        match self.filter {
            None => {}
            Some(Filter::BlobNone) => write_line(&mut body, b"filter blob:none\n"),
            Some(Filter::TreeNone) => write_line(&mut body, b"filter tree:0\n"),
        }
        for want in self.wants {
            write_line(&mut body, format!("want {want}\n").as_bytes());
        }
        for have in self.haves {
            write_line(&mut body, format!("have {have}\n").as_bytes());
        }
        write_line(&mut body, b"done\n");
        body.extend_from_slice(FLUSH);
        body
    }
}

/// Writes the body of a request for the refs whose names begin in one of these ways.
pub fn ls_refs(prefixes: &[String]) -> Vec<u8> {
    let mut body = command("ls-refs");
    write_line(&mut body, b"peel\n");
    write_line(&mut body, b"symrefs\n");
    for prefix in prefixes {
        write_line(&mut body, format!("ref-prefix {prefix}\n").as_bytes());
    }
    body.extend_from_slice(FLUSH);
    body
}

fn command(name: &str) -> Vec<u8> {
    let mut body = Vec::new();
    write_line(&mut body, format!("command={name}\n").as_bytes());
    write_line(&mut body, format!("{AGENT}\n").as_bytes());
    write_line(&mut body, b"object-format=sha1\n");
    body.extend_from_slice(DELIMITER);
    body
}

/// A change of one ref, made only where it is at `old`.
#[derive(Debug, Clone, Copy)]
pub struct RefUpdate<'a> {
    /// Its full name: `refs/heads/main`.
    pub name: &'a str,
    /// Where it is expected; [`ObjectId::ZERO`] where it must not be there.
    pub old: ObjectId,
    /// Where it goes.
    pub new: ObjectId,
}

/// Writes the body of a push: one ref, and a pack of what the other side lacks.
pub fn push_request(update: &RefUpdate<'_>, pack: &[u8]) -> Vec<u8> {
    let RefUpdate { name, old, new } = update;
    let mut body = Vec::with_capacity(pack.len() + 512);
    let capabilities = format!("report-status side-band-64k object-format=sha1 {AGENT}");
    let line = format!("{old} {new} {name}\0 {capabilities}");
    write_line(&mut body, line.as_bytes());
    body.extend_from_slice(FLUSH);
    body.extend_from_slice(pack);
    body
}
