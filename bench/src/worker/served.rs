//! The Worker as it is deployed, over HTTP.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use workspace_workerd::{Client, Workerd};

use super::PRODUCTION;
use crate::Bench;
use crate::measure::timed;

/// A workspace behind HTTP. It is made when it is first used.
pub(super) struct Served {
    client: Client,
    token: String,
    name: String,
}

impl Served {
    /// Names a workspace of a running Worker.
    pub(super) fn new(bench: &Bench, workerd: &Workerd, name: &str) -> Result<Self> {
        let token = bench.target.join(PRODUCTION).with_file_name("token");
        Ok(Self {
            client: workerd.client(),
            token: std::fs::read_to_string(token).context("the Worker's token")?,
            name: name.into(),
        })
    }

    /// Returns the URL's path of a target of the contract.
    pub(super) fn path(&self, target: &str) -> String {
        format!("/workspaces/{}{target}", self.name)
    }

    /// Returns the token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Calls; returns the seconds it took, and the answer as JSON.
    pub(super) fn call(&self, method: &str, target: &str, body: &[u8]) -> Result<(f64, Value)> {
        let path = self.path(target);
        let send = || self.client.send(method, &path, Some(&self.token), body);
        let (took, (status, answer)) = timed(send)?;
        if status >= 300 {
            let answer = String::from_utf8_lossy(&answer);
            bail!("{method} {target}: {status}: {answer}");
        }
        let answer = match answer.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&answer)?,
        };
        Ok((took.as_secs_f64(), answer))
    }

    /// Forks; returns seconds and the copy's id.
    pub(super) fn fork(&self) -> Result<(f64, String)> {
        let (took, copy) = self.call("POST", "/v1/copies", b"{}")?;
        let id = copy["id"].as_str().context("a copy has an id")?;
        Ok((took, id.into()))
    }
}

/// Packs files of `bytes` bytes each into a tar archive, a hundred to a directory.
pub(super) fn archive(files: u64, bytes: usize) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for n in 0..files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        let mut path = String::new();
        write!(path, "d{}/f{n}", n / 100)?;
        let content = crate::data::text(n, bytes);
        archive.append_data(&mut header, path, &*content)?;
    }
    Ok(archive.into_inner()?)
}
