//! Host × path × method × upgrade × token: who is let in where, over all routes of the
//! document.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::raw::{Answer, Target};

/// Who may call a route, by the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Anyone,
    Root,
    Holder,
}

/// A token that a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Wrong,
    /// Of a grant.
    Grants,
    /// Of a preview, which is for its URL only.
    Previews,
    Roots,
}

impl Shown {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Wrong,
        Self::Grants,
        Self::Previews,
        Self::Roots,
    ];

    /// What is answered where it is not let in; `None` where it is.
    fn refused(self, who: Who) -> Option<(u16, &'static str)> {
        match (who, self) {
            (Who::Anyone, _) | (Who::Root, Self::Roots) | (Who::Holder, Self::Grants) => None,
            (_, Self::Nothing | Self::Wrong | Self::Previews) => Some((401, "unauthorized")),
            (Who::Root, Self::Grants) | (Who::Holder, Self::Roots) => Some((403, "denied")),
        }
    }
}

/// A host, and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// That of the API.
    Main,
    /// That of a preview.
    Preview,
    /// One that a preview could have, but has not.
    NoPreview,
    /// Below the domain of previews, and no preview's.
    Unknown,
}

/// A workspace with something in it, and the tokens to it.
struct Place<'a> {
    target: &'a Target,
    preview: String,
    tree: String,
}

/// Plays all of it.
pub(crate) fn run(server: &Target) -> Result<()> {
    let target = server.at("/workspaces/matrix");
    let place = Place::make(&target)?;
    let document = target.call("GET", "/v1/openapi.json").send()?;
    let document = document.expect(200)?.json()?;
    let mut played = 0;
    for (method, path, who) in operations(&document)? {
        played += place.main(&method, &path, who)?;
        played += place.others(&method, &path)?;
    }
    ensure!(played > 1_500, "{played} requests only");
    println!("{played} requests by host, path, method, upgrade and token: as they should be");
    Ok(())
}

/// Returns the operations of the document.
fn operations(document: &Value) -> Result<Vec<(String, String, Who)>> {
    let paths = document["paths"].as_object().context("it has paths")?;
    let mut found = Vec::new();
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().context("and operations")? {
            let who = match operation.get("security") {
                None => Who::Root,
                Some(schemes) if schemes[0].get("grant").is_some() => Who::Holder,
                Some(_) => Who::Anyone,
            };
            found.push((method.to_ascii_uppercase(), path.clone(), who));
        }
    }
    Ok(found)
}

impl<'a> Place<'a> {
    fn make(target: &'a Target) -> Result<Self> {
        let put = |path: &str, body: &str| {
            let path = format!("/v1/head/files/{path}?create_parents=true");
            target.call("PUT", &path).body(body).send()?.expect(201)
        };
        put("index.html", "<h1>Home</h1>")?;
        // What a site may have at the paths of the API.
        put("v1/events", r#"{"events":[],"next":0}"#)?;
        put("v1/head", r#"{"version":7}"#)?;
        let forked = target
            .call("POST", "/v1/copies")
            .json(&json!({ "name": "draft" }));
        forked.send()?.expect(201)?;
        let preview = target
            .call("POST", "/v1/previews")
            .json(&json!({}))
            .send()?;
        let preview = preview.expect(201)?.json()?;
        let head = target.call("GET", "/v1/head").send()?.expect(200)?.json()?;
        let text = |value: &Value| value.as_str().map(String::from).context("a text");
        Ok(Self {
            target,
            preview: text(&preview["token"])?,
            tree: text(&head["tree"])?,
        })
    }

    /// Issues a grant: some routes end the one that calls them.
    fn grant(&self) -> Result<String> {
        let everything = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
        let issued = self.target.call("POST", "/v1/copies/draft/grants");
        let issued = issued.json(&everything).send()?.expect(201)?.json()?;
        let token = issued["token"].as_str();
        Ok(token.context("a grant has a token")?.into())
    }

    /// Fills in a path of the document: with what is there for reading, and with what is
    /// not for anything else, so that nothing is lost on the way.
    fn filled(&self, method: &str, path: &str) -> String {
        let reads = ["GET", "HEAD"].contains(&method);
        let copy = if reads { "draft" } else { "nobody" };
        let nobody = "0".repeat(32);
        let file = ["/list/", "/walk/", "/export/"]
            .iter()
            .all(|part| !path.contains(part));
        path.replace("{path}", if file { "index.html" } else { "v1" })
            .replace("{copy}", copy)
            .replace("{revision}", "1")
            .replace("{tree}", &self.tree)
            .replace("{grant}", &nobody)
            .replace("{preview}", &nobody)
            .replace("{token}", &self.preview)
    }

    /// At the API's own host: by token, with and without an upgrade.
    fn main(&self, method: &str, path: &str, who: Who) -> Result<u32> {
        let mut played = 0;
        for shown in Shown::ALL {
            for upgrade in [false, true] {
                let filled = self.filled(method, path);
                let answer = self.ask(Host::Main, method, &filled, shown, upgrade)?;
                played += 1;
                let said = || format!("{method} {path}, {shown:?}, upgrade {upgrade}: {answer:?}");
                let opens = path == "/v1/events" && method == "GET" && upgrade;
                // workerd makes a GET of what asks for a socket, and who has a token to the
                // routes is told that this one has none.
                let no_get = upgrade && method != "GET" && answer.status == 405;
                match shown.refused(who) {
                    Some((403, _)) if no_get && shown == Shown::Roots => {}
                    Some((status, code)) => {
                        ensure!(answer.status == status, "{}", said());
                        if method != "HEAD" {
                            ensure!(answer.json()?["code"] == code, "{}", said());
                        }
                        let no_store = answer.header("cache-control") == Some("no-store");
                        ensure!(no_store, "{}", said());
                    }
                    None if opens => ensure!(answer.status == 101, "{}", said()),
                    None => {
                        let refused = [101, 401, 403].contains(&answer.status);
                        let let_in = !refused && (200..500).contains(&answer.status);
                        ensure!(let_in, "{}", said());
                        let sniffed = answer.header("x-content-type-options") != Some("nosniff");
                        ensure!(!sniffed, "{}", said());
                    }
                }
            }
        }
        Ok(played)
    }

    /// At hosts below the domain of previews: there is a site, or nothing, whatever token
    /// is shown, and no path leads to the API.
    fn others(&self, method: &str, path: &str) -> Result<u32> {
        let filled = self.filled(method, path);
        let mut played = 0;
        for host in [Host::Preview, Host::NoPreview, Host::Unknown] {
            for path in [filled.clone(), format!("/workspaces/matrix{filled}")] {
                for (shown, upgrade) in [
                    (Shown::Nothing, false),
                    (Shown::Roots, false),
                    (Shown::Roots, true),
                ] {
                    let answer = self.ask(host, method, &path, shown, upgrade)?;
                    played += 1;
                    let names_a_file = ["/v1/events", "/v1/head"].contains(&&*path);
                    let is_there =
                        host == Host::Preview && names_a_file && ["GET", "HEAD"].contains(&method);
                    let expected: &[u16] = match (host, method) {
                        (Host::Unknown, _) => &[404],
                        // workerd makes a GET of what asks for a socket.
                        (Host::Preview, _) if upgrade && names_a_file => &[200],
                        _ if upgrade => &[404],
                        (_, "GET" | "HEAD") if is_there => &[200],
                        (_, "GET" | "HEAD") => &[404],
                        (_, "OPTIONS") => &[204],
                        _ => &[405],
                    };
                    let said =
                        || format!("{method} {path} at {host:?}, upgrade {upgrade}: {answer:?}");
                    ensure!(expected.contains(&answer.status), "{}", said());
                    ensure!(answer.header("workspace-receipt").is_none(), "{}", said());
                    if is_there && method == "GET" {
                        let file = [&br#"{"events":[],"next":0}"#[..], br#"{"version":7}"#];
                        ensure!(file.contains(&&*answer.body), "{}", said());
                    }
                }
            }
        }
        Ok(played)
    }

    fn ask(
        &self,
        host: Host,
        method: &str,
        path: &str,
        shown: Shown,
        upgrade: bool,
    ) -> Result<Answer> {
        let server = match host {
            Host::Main => self.target.clone(),
            _ => self.target.at(""),
        };
        let nobody = "a".repeat(26);
        let host = match host {
            Host::Main => "Host: localhost".into(),
            Host::Preview => format!("Host: {}-matrix.localhost", self.preview),
            Host::NoPreview => format!("Host: {nobody}-matrix.localhost"),
            Host::Unknown => "Host: www.localhost".into(),
        };
        let token = match shown {
            Shown::Nothing => None,
            Shown::Wrong => Some("a-token-that-is-nobody-s".to_string()),
            Shown::Grants => Some(self.grant()?),
            Shown::Previews => Some(self.preview.clone()),
            Shown::Roots => Some(self.target.token.clone()),
        };
        let mut request = server.hosted(method, path, &host);
        if let Some(token) = token {
            request = request.header(&format!("Authorization: Bearer {token}"));
        }
        if upgrade {
            request = request.upgrading();
        }
        request.send()
    }
}

/// What the table says of each token, so that it is seen at once.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_lets_in_one_kind_of_token() {
        let let_in = |who| -> Vec<Shown> {
            let all = Shown::ALL.into_iter();
            all.filter(|shown| shown.refused(who).is_none()).collect()
        };
        assert_eq!(let_in(Who::Anyone), Shown::ALL);
        assert_eq!(let_in(Who::Root), [Shown::Roots]);
        assert_eq!(let_in(Who::Holder), [Shown::Grants]);
    }
}
