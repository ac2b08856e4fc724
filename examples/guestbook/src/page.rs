//! The page that is the guestbook, and what is said around it.

use worker::{Response, Result};

/// The file that it is.
pub(crate) const PATH: &str = "/index.html";

/// A guestbook in which nobody has written. New entries go after `<main>`.
pub(crate) const EMPTY: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Guestbook</title>
<h1>Guestbook</h1>
<form method="post" action="/sign">
  <p><label>Your name <input name="name" maxlength="80" required></label>
  <p><label>What you say <textarea name="text" maxlength="2000" required></textarea></label>
  <p><button>Write</button>
</form>
<main>
</main>
</html>
"#;

const ENTRIES: &str = "<main>\n";

/// Returns the page with one more entry at the top; `None` where it has no place for it.
pub(crate) fn with_entry(page: &str, name: &str, text: &str) -> Option<String> {
    let at = page.find(ENTRIES)? + ENTRIES.len();
    let (name, text) = (escaped(name), escaped(text));
    let entry = format!("<article><h2>{name}</h2><p>{text}</p></article>\n");
    Some(format!("{}{entry}{}", &page[..at], &page[at..]))
}

/// Writes a text so that it is one in HTML, and nothing else.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Says one sentence.
pub(crate) fn told(status: u16, sentence: &str) -> Result<Response> {
    framed(status, &format!("<p>{}", escaped(sentence)))
}

/// Puts what is HTML already into a page.
pub(crate) fn framed(status: u16, html: &str) -> Result<Response> {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Guestbook</title>\n\
         {html}\n<p><a href=\"/\">The guestbook</a>\n</html>\n"
    );
    answer(status, &page)
}

/// Answers with a page, which runs nothing and is in no other page's frame.
pub(crate) fn answer(status: u16, page: &str) -> Result<Response> {
    let response = Response::from_html(page)?.with_status(status);
    let headers = response.headers();
    let policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    headers.set("content-security-policy", policy)?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("cache-control", "no-store")?;
    Ok(response)
}
