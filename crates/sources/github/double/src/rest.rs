//! The routes of REST.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::answer::{Answer, json_of, message, missing, redirect, status};
use crate::backend::said;
use crate::serve::Asked;
use crate::state::{Pull, State};

pub(crate) async fn answer(state: &Arc<State>, rest: &str, asked: &Asked) -> Answer {
    let path = percent_decode_str(rest).decode_utf8_lossy().into_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if let ["app", "installations", number, "access_tokens"] = parts[..] {
        return installation(state, number, asked);
    }
    // A renamed repository has its number for a name.
    let (name, rest) = match &parts[..] {
        ["repos", owner, name, rest @ ..] => (format!("{owner}/{name}"), rest),
        ["repositories", number, rest @ ..] => (number.replace("--", "/"), rest),
        _ => return missing(),
    };
    if let Some(new) = state.lock().renamed.get(&name).cloned() {
        let to = format!(
            "{}/api/v3/repositories/{}/{}?{}",
            state.url,
            new.replace('/', "--"),
            rest.join("/"),
            asked.query
        );
        let code = match asked.method {
            Method::GET => StatusCode::MOVED_PERMANENTLY,
            _ => StatusCode::TEMPORARY_REDIRECT,
        };
        return redirect(code, &to);
    }
    let known = {
        let inner = state.lock();
        asked.token().map(|token| inner.tokens.contains(&token))
    };
    if known == Some(false) {
        return message(StatusCode::UNAUTHORIZED, "Bad credentials");
    }
    let hidden = state.lock().private.contains(&name) && known.is_none();
    let Some(path) = state.find(&name).filter(|_| !hidden) else {
        return missing();
    };
    match (&asked.method, rest) {
        (&Method::GET, ["tarball", reference @ ..]) => {
            let reference = reference.join("/");
            let bearer = asked.headers.get("authorization");
            let bearer = bearer.is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
            // Fine-grained tokens are refused so on this route alone (giget#263).
            if bearer {
                return message(StatusCode::UNAUTHORIZED, "Bad credentials");
            }
            let meant = format!("{reference}^{{commit}}");
            let commit = said(&path, &["rev-parse", "--verify", &meant]).await;
            let Some(commit) = commit.and_then(|text| String::from_utf8(text).ok()) else {
                return missing();
            };
            let private = state.lock().private.contains(&name);
            if state.lock().direct {
                let archive = crate::backend::archive(&path, &name, commit.trim()).await;
                return archive.unwrap_or_else(|_| missing());
            }
            let token = if private { "?token=for-this-one" } else { "" };
            let to = format!("{}/{name}/tar/{}{token}", state.load, commit.trim());
            redirect(StatusCode::FOUND, &to)
        }
        (&Method::GET, ["commits", reference @ ..]) => {
            let reference = format!("{}^{{commit}}", reference.join("/"));
            let format = "--format=%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
            let shown = said(&path, &["show", "-s", format, &reference]).await;
            match shown.and_then(|text| String::from_utf8(text).ok()) {
                Some(text) => json_of(StatusCode::OK, &commit(&state.url, &name, &text)),
                None => message(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "No commit found for SHA: of that name",
                ),
            }
        }
        (&Method::GET, ["git", "blobs", id]) => {
            let Some(bytes) = said(&path, &["cat-file", "blob", id]).await else {
                return missing();
            };
            let raw = asked
                .headers
                .get("accept")
                .is_some_and(|accept| accept.as_bytes().ends_with(b".raw+json"));
            match raw {
                true => {
                    let mut answer = status(StatusCode::OK, bytes);
                    let kind = HeaderValue::from_static("application/vnd.github.raw+json");
                    answer.headers_mut().insert("content-type", kind);
                    answer
                }
                false => json_of(StatusCode::OK, &blob(&state.url, &name, id, &bytes)),
            }
        }
        (&Method::GET, ["pulls"]) => {
            let query = |key: &str| {
                let pairs = asked
                    .query
                    .split('&')
                    .filter_map(|pair| pair.split_once('='));
                let mut found = pairs.filter(|(name, _)| *name == key);
                found
                    .next()
                    .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned())
            };
            let (head, base) = (query("head"), query("base"));
            let owner = name.split('/').next().unwrap_or_default();
            let inner = state.lock();
            let pulls = inner.pulls.iter().filter(|pull| {
                let full = format!("{owner}:{}", pull.head);
                pull.repository == name
                    && head.as_ref().is_none_or(|head| *head == full)
                    && base.as_ref().is_none_or(|base| *base == pull.base)
            });
            let pulls: Vec<_> = pulls
                .map(|pull| pull_json(&state.url, pull, false))
                .collect();
            json_of(StatusCode::OK, &pulls.into())
        }
        (&Method::POST, ["pulls"]) => match known {
            Some(true) => open_pull(state, &name, &path, asked).await,
            _ => message(StatusCode::UNAUTHORIZED, "Requires authentication"),
        },
        _ => missing(),
    }
}

async fn open_pull(
    state: &Arc<State>,
    name: &str,
    path: &std::path::Path,
    asked: &Asked,
) -> Answer {
    let Ok(asked) = serde_json::from_slice::<Value>(&asked.body) else {
        return message(StatusCode::BAD_REQUEST, "Problems parsing JSON");
    };
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let pull = Pull {
        repository: name.into(),
        number: state.lock().pulls.len() as u64 + 1,
        title: text("title"),
        body: text("body"),
        head: text("head").rsplit(':').next().unwrap_or_default().into(),
        base: text("base"),
        draft: asked["draft"].as_bool().unwrap_or_default(),
    };
    let branch = |name: &str| format!("refs/heads/{name}");
    for (field, branch) in [("head", branch(&pull.head)), ("base", branch(&pull.base))] {
        if said(path, &["rev-parse", "--verify", &branch])
            .await
            .is_none()
        {
            return invalid(json!({
                "resource": "PullRequest", "field": field, "code": "invalid",
            }));
        }
    }
    let range = format!("{}..{}", branch(&pull.base), branch(&pull.head));
    let ahead = said(path, &["rev-list", "--max-count=1", &range]).await;
    if ahead.unwrap_or_default().is_empty() {
        return invalid(json!({
            "resource": "PullRequest", "code": "custom",
            "message": format!("No commits between {} and {}", pull.base, pull.head),
        }));
    }
    let mut inner = state.lock();
    let same = |other: &&Pull| {
        (&other.repository, &other.head, &other.base) == (&pull.repository, &pull.head, &pull.base)
    };
    if inner.pulls.iter().find(same).is_some() {
        return invalid(json!({
            "resource": "PullRequest", "code": "custom",
            "message": format!("A pull request already exists for {}.", pull.head),
        }));
    }
    let answer = json_of(StatusCode::CREATED, &pull_json(&state.url, &pull, true));
    inner.pulls.push(pull);
    answer
}

fn invalid(error: Value) -> Answer {
    json_of(StatusCode::UNPROCESSABLE_ENTITY, &invalid_json(&error))
}

fn invalid_json(error: &Value) -> Value {
    json!({
        "message": "Validation Failed",
        "errors": [error],
        "documentation_url": "https://docs.github.com/rest/pulls/pulls#create-a-pull-request",
        "status": "422",
    })
}

/// Gives a token of an App's installation to who signs for the App.
fn installation(state: &Arc<State>, number: &str, asked: &Asked) -> Answer {
    let number = number.parse().unwrap_or_default();
    let Some((app, key)) = state.lock().installations.get(&number).cloned() else {
        return missing();
    };
    let refused = |why: &str| message(StatusCode::UNAUTHORIZED, why);
    let shown = asked
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let Some(assertion) = shown.and_then(|value| value.strip_prefix("Bearer ")) else {
        return refused("A JSON web token could not be decoded");
    };
    let parts: Vec<&str> = assertion.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        return refused("A JSON web token could not be decoded");
    };
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let said = format!("{head}.{claims}");
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    if key.verify(said.as_bytes(), &decoded(signature)).is_err() {
        return refused("A JSON web token could not be decoded");
    }
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap_or_default();
    let (Some(from), Some(to)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return refused("Missing 'issued at' claim ('iat') in assertion");
    };
    if claims["iss"].as_str() != Some(&app) || to - from > 660 {
        return refused("'Expiration time' claim ('exp') is too far in the future");
    }
    let mut inner = state.lock();
    inner.issued += 1;
    let token = format!("ghs_{number}_{}", inner.issued);
    inner.tokens.insert(token.clone());
    json_of(StatusCode::CREATED, &token_json(&token))
}

fn token_json(token: &str) -> Value {
    json!({
        "token": token,
        "expires_at": "2099-01-01T00:00:00Z",
        "permissions": { "contents": "write", "pull_requests": "write", "metadata": "read" },
        "repository_selection": "all",
    })
}

/// Tells where large files are: at another host, which takes a signature and no token.
pub(crate) fn large(state: &Arc<State>, asked: &Asked) -> Answer {
    let asked: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let inner = state.lock();
    let objects = asked["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|object| {
            let oid = object["oid"].as_str().unwrap_or_default();
            match inner.large.contains_key(oid) {
                true => json!({
                    "oid": oid, "size": object["size"], "authenticated": true,
                    "actions": { "download": {
                        "href": format!("{}/large/{oid}", state.load),
                        "header": { "X-Signed": "yes" },
                        "expires_in": 3600,
                    } },
                }),
                false => json!({
                    "oid": oid, "size": object["size"],
                    "error": { "code": 404, "message": "Object does not exist" },
                }),
            }
        });
    let answer = json!({ "transfer": "basic", "objects": objects.collect::<Vec<_>>() });
    let mut answer = json_of(StatusCode::OK, &answer);
    let kind = HeaderValue::from_static("application/vnd.git-lfs+json");
    answer.headers_mut().insert("content-type", kind);
    answer
}

fn blob(url: &str, name: &str, id: &str, bytes: &[u8]) -> Value {
    json!({
        "content": BASE64_STANDARD.encode(bytes),
        "encoding": "base64",
        "url": format!("{url}/api/v3/repos/{name}/git/blobs/{id}"),
        "sha": id,
        "size": bytes.len(),
        "node_id": "B_1",
    })
}

fn commit(url: &str, name: &str, shown: &str) -> Value {
    let mut lines = shown.lines();
    let mut line = || lines.next().unwrap_or_default().to_owned();
    let (sha, tree, parents) = (line(), line(), line());
    let author = json!({ "name": line(), "email": line(), "date": line() });
    let committer = json!({ "name": line(), "email": line(), "date": line() });
    let api = format!("{url}/api/v3/repos/{name}");
    let parents = parents.split_whitespace().map(|id| {
        json!({
            "sha": id,
            "url": format!("{api}/commits/{id}"),
            "html_url": format!("{url}/{name}/commit/{id}"),
        })
    });
    json!({
        "sha": sha,
        "node_id": "C_1",
        "url": format!("{api}/commits/{sha}"),
        "html_url": format!("{url}/{name}/commit/{sha}"),
        "comments_url": format!("{api}/commits/{sha}/comments"),
        "commit": {
            "url": format!("{api}/git/commits/{sha}"),
            "author": author,
            "committer": committer,
            "message": lines.collect::<Vec<_>>().join("\n"),
            "comment_count": 0,
            "tree": { "sha": tree, "url": format!("{api}/git/trees/{tree}") },
            "verification": {
                "verified": false, "reason": "unsigned",
                "signature": null, "payload": null, "verified_at": null,
            },
        },
        "author": null,
        "committer": null,
        "parents": parents.collect::<Vec<_>>(),
        "stats": { "additions": 0, "deletions": 0, "total": 0 },
        "files": [],
    })
}

fn user(url: &str, login: &str) -> Value {
    let api = format!("{url}/api/v3/users/{login}");
    json!({
        "login": login, "id": 1, "node_id": "U_1",
        "avatar_url": format!("{url}/avatars/1"), "gravatar_id": "",
        "url": api, "html_url": format!("{url}/{login}"),
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": "User", "site_admin": false,
    })
}

/// A repository as pull requests have it.
fn repository(url: &str, name: &str) -> Value {
    let (owner, short) = name.split_once('/').unwrap_or((name, ""));
    let api = format!("{url}/api/v3/repos/{name}");
    let mut value = json!({
        "id": 1, "node_id": "R_1", "name": short, "full_name": name, "private": false,
        "owner": user(url, owner), "html_url": format!("{url}/{name}"), "description": null,
        "fork": false, "url": api,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "pushed_at": "2026-01-01T00:00:00Z",
        "git_url": format!("git://{name}.git"), "ssh_url": format!("git@{name}.git"),
        "clone_url": format!("{url}/{name}.git"), "svn_url": format!("{url}/{name}"),
        "homepage": null, "size": 1, "stargazers_count": 0, "watchers_count": 0,
        "language": null, "has_issues": true, "has_projects": true, "has_downloads": true,
        "has_wiki": true, "has_pages": false, "has_discussions": false, "forks_count": 0,
        "mirror_url": null, "archived": false, "disabled": false, "open_issues_count": 0,
        "license": null, "forks": 0, "open_issues": 0, "watchers": 0,
        "default_branch": "main", "topics": [], "visibility": "public",
    });
    for key in [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
    ] {
        value[format!("{key}_url")] = format!("{api}/{key}").into();
    }
    value
}

/// A pull request: `whole` as it is answered where one is made, in part as in lists.
fn pull_json(url: &str, pull: &Pull, whole: bool) -> Value {
    let name = &pull.repository;
    let owner = name.split('/').next().unwrap_or_default();
    let (api, number) = (format!("{url}/api/v3/repos/{name}"), pull.number);
    let at = format!("{api}/pulls/{number}");
    let link = |href: String| json!({ "href": href });
    let end = |branch: &str| {
        json!({
            "label": format!("{owner}:{branch}"), "ref": branch, "sha": "0".repeat(40),
            "user": user(url, owner), "repo": repository(url, name),
        })
    };
    let mut value = json!({
        "url": at, "id": number, "node_id": format!("PR_{number}"),
        "html_url": format!("{url}/{name}/pull/{number}"),
        "diff_url": format!("{url}/{name}/pull/{number}.diff"),
        "patch_url": format!("{url}/{name}/pull/{number}.patch"),
        "issue_url": format!("{api}/issues/{number}"),
        "commits_url": format!("{at}/commits"),
        "review_comments_url": format!("{at}/comments"),
        "review_comment_url": format!("{api}/pulls/comments{{/number}}"),
        "comments_url": format!("{api}/issues/{number}/comments"),
        "statuses_url": format!("{api}/statuses/0"),
        "number": number, "state": "open", "locked": false, "title": pull.title,
        "user": user(url, owner), "body": pull.body, "labels": [], "milestone": null,
        "active_lock_reason": null,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "closed_at": null, "merged_at": null, "merge_commit_sha": null, "assignee": null,
        "assignees": [], "requested_reviewers": [], "requested_teams": [],
        "head": end(&pull.head), "base": end(&pull.base),
        "_links": {
            "comments": link(format!("{api}/issues/{number}/comments")),
            "commits": link(format!("{at}/commits")),
            "statuses": link(format!("{api}/statuses/0")),
            "html": link(format!("{url}/{name}/pull/{number}")),
            "issue": link(format!("{api}/issues/{number}")),
            "review_comments": link(format!("{at}/comments")),
            "review_comment": link(format!("{api}/pulls/comments{{/number}}")),
            "self": link(at.clone()),
        },
        "author_association": "OWNER", "auto_merge": null, "draft": pull.draft,
    });
    if whole {
        for (key, more) in [
            ("merged", json!(false)),
            ("mergeable", Value::Null),
            ("rebaseable", Value::Null),
            ("mergeable_state", json!("unknown")),
            ("merged_by", Value::Null),
            ("comments", json!(0)),
            ("review_comments", json!(0)),
            ("maintainer_can_modify", json!(false)),
            ("commits", json!(1)),
            ("additions", json!(1)),
            ("deletions", json!(0)),
            ("changed_files", json!(1)),
        ] {
            value[key] = more;
        }
    }
    value
}

/// One of each kind of JSON that is answered, under its name in GitHub's description.
pub(crate) fn samples(state: &State) -> Vec<(&'static str, Value)> {
    let pull = Pull {
        repository: "o/r".into(),
        number: 1,
        title: "t".into(),
        body: "b".into(),
        head: "h".into(),
        base: "main".into(),
        draft: false,
    };
    let id = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let shown = format!(
        "{id}\n{id}\n{id} {id}\na\na@x\n2026-01-01T00:00:00Z\nb\nb@x\n2026-01-01T00:00:00Z\nwhy\n"
    );
    let error =
        json!({ "message": "Not Found", "documentation_url": "https://x", "status": "404" });
    let custom = json!({ "resource": "PullRequest", "code": "custom", "message": "m" });
    vec![
        ("commit", commit(&state.url, "o/r", &shown)),
        ("blob", blob(&state.url, "o/r", id, b"x")),
        ("pull-request", pull_json(&state.url, &pull, true)),
        ("pull-request-simple", pull_json(&state.url, &pull, false)),
        ("installation-token", token_json("ghs_1")),
        ("basic-error", error),
        ("validation-error", invalid_json(&custom)),
    ]
}
