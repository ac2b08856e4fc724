//! Previews at hosts of their own.

use axum::http::{Request, Uri};
use workspace_core::{Error, ErrorKind, Result};

/// How many characters the token of a preview has.
const TOKEN: usize = 26;

/// The host of one preview: `<token>-<workspace>.<domain>`.
///
/// A preview below `/preview/<token>/` shares its origin with everything else
/// there, and is sandboxed for that; at a host of its own it is an origin of its
/// own, and may do what a site may. A server that has such a domain asks each
/// request for its preview, finds the workspace, and rewrites the request for that
/// workspace's [`router`](crate::router). Links and redirects are relative, so no
/// answer depends on where the site is mounted.
///
/// ```
/// use axum::http::Request;
/// use workspace_http::PreviewHost;
///
/// let host = "abcdefghijklmnopqrstuvwxyz-demo.previews.example:8787";
/// let preview = PreviewHost::parse(host, "previews.example").unwrap();
/// assert_eq!(preview.workspace(), "demo");
/// let mut request = Request::get("/docs/?page=2").body(())?;
/// preview.rewrite(&mut request)?;
/// assert_eq!(request.uri(), "/preview/abcdefghijklmnopqrstuvwxyz/docs/?page=2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewHost {
    token: String,
    workspace: String,
}

impl PreviewHost {
    /// Reads a host, with or without a port, in upper or lower case; `None` where
    /// it is not that of a preview below `domain`.
    pub fn parse(host: &str, domain: &str) -> Option<Self> {
        let host = host.split(':').next()?.to_ascii_lowercase();
        let domain = domain.to_ascii_lowercase();
        let label = host.strip_suffix(&domain)?.strip_suffix('.')?;
        let (token, workspace) = label.split_once('-')?;
        let base32 = |c: u8| matches!(c, b'a'..=b'z' | b'2'..=b'7');
        let known = token.len() == TOKEN && token.bytes().all(base32);
        (known && !workspace.is_empty() && !workspace.contains('.')).then(|| Self {
            token: token.into(),
            workspace: workspace.into(),
        })
    }

    /// Returns the name of the workspace.
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// Turns a request to this host into one to the router.
    ///
    /// # Errors
    /// `Invalid` for a URL that becomes too long.
    pub fn rewrite<B>(&self, request: &mut Request<B>) -> Result<()> {
        let path = request.uri().path_and_query();
        let path = path.map_or("/", |path| path.as_str());
        let uri = Uri::try_from(format!("/preview/{}{path}", self.token));
        *request.uri_mut() = uri.map_err(|error| {
            Error::new(ErrorKind::Invalid, "read URL")
                .because("too long")
                .with_source(error)
        })?;
        request.extensions_mut().insert(self.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_strictly() {
        let token = "abcdefghijklmnopqrstuvwxyz";
        let parse = |host: &str| PreviewHost::parse(host, "Previews.example");
        let found = parse(&format!("{}-a-b.previews.EXAMPLE", token.to_uppercase()));
        assert_eq!(found.unwrap().workspace(), "a-b");
        for bad in [
            "previews.example".to_string(),
            "-a.previews.example".into(),
            format!("{token}-.previews.example"),
            format!("{token}.previews.example"),
            format!("{token}-a.b.previews.example"),
            format!("{token}-apreviews.example"),
            format!("{token}-a.other.example"),
            format!("{}1-a.previews.example", &token[1..]),
            format!("{token}a-a.previews.example"),
        ] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
