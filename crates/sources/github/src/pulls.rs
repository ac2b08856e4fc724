//! Pull requests.

use serde::Deserialize;

use crate::error::{Error, Kind, Result};
use crate::github::Repository;
use crate::remote::encoded;

/// A pull request that is to be opened.
#[derive(Debug, Clone)]
pub struct NewPull<'a> {
    /// The branch with the changes; with `OWNER:` before it where it is in a fork.
    pub head: &'a str,
    /// The branch that they are for; `None` for the default branch.
    pub base: Option<&'a str>,
    /// What it is.
    pub title: &'a str,
    /// What it is for, in Markdown.
    pub body: &'a str,
    /// Whether it is a draft.
    pub draft: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Where people see it.
    pub url: String,
    /// Whether it was there already, from the same branch for the same.
    pub existed: bool,
}

#[derive(Debug, Deserialize)]
struct Answer {
    number: u64,
    html_url: String,
}

impl Repository {
    /// Opens a pull request, or finds the one that is open already from that branch for that
    /// base. Where an answer is lost, it is looked for.
    ///
    /// # Errors
    /// `Refused` where GitHub does not take it, with its words; `NotFound`, `Denied`,
    /// `RateLimited`, and those of the network.
    pub async fn open_pull(&self, pull: &NewPull<'_>) -> Result<Pull> {
        if pull.title.trim().is_empty() || pull.title.len() > 1024 || pull.body.len() > 65_536 {
            return Err(Error::invalid(
                "open pull request",
                "expected a title of up to 1,024 bytes and a body of up to 65,536",
            ));
        }
        let base = match pull.base {
            Some(base) => base.to_owned(),
            None => self.default_branch().await?,
        };
        let body = serde_json::json!({
            "title": pull.title,
            "body": pull.body,
            "head": pull.head,
            "base": base,
            "draft": pull.draft,
        });
        let ask = self
            .remote
            .post("open pull request", "/pulls", body.to_string().into_bytes());
        let mut attempts = self.remote.session.attempts();
        loop {
            let error = match self.remote.json_once::<Answer>(&ask).await {
                Ok(answer) => return Ok(made(answer, false)),
                Err(error) => error,
            };
            // It may be there, since before or by a request whose answer was lost.
            let perhaps = matches!(
                error.kind(),
                Kind::Refused | Kind::Upstream | Kind::Truncated | Kind::Altered
            );
            if perhaps && let Ok(Some(answer)) = self.find_pull(pull.head, &base).await {
                return Ok(made(answer, true));
            }
            attempts.after(error).await?;
        }
    }

    async fn find_pull(&self, head: &str, base: &str) -> Result<Option<Answer>> {
        let head = match head.contains(':') {
            true => head.to_owned(),
            false => format!("{}:{head}", self.name().owner()),
        };
        let query = format!(
            "/pulls?state=open&per_page=1&head={}&base={}",
            encoded(&head),
            encoded(base)
        );
        let ask = self.remote.get("find pull request", &query);
        let found: Vec<Answer> = self.remote.json(&ask).await?;
        Ok(found.into_iter().next())
    }

    /// Returns the name of the default branch.
    ///
    /// # Errors
    /// `NotFound`, and those of the network.
    pub async fn default_branch(&self) -> Result<String> {
        let resolved = self.remote.resolve(None).await?;
        let name = resolved.name.unwrap_or_default();
        match name.strip_prefix("refs/heads/") {
            Some(branch) => Ok(branch.to_owned()),
            None => Err(Error::new(Kind::NotFound, "find default branch").at(self.name())),
        }
    }
}

fn made(answer: Answer, existed: bool) -> Pull {
    Pull {
        number: answer.number,
        url: answer.html_url,
        existed,
    }
}
