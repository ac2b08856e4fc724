//! Serves the repositories below a directory as GitHub would: `workspace-github-double
//! DIRECTORY [PORT] [TOKEN]`. Writes its URL in a line.

#![allow(
    clippy::print_stdout,
    reason = "it talks to the program that started it"
)]

use std::error::Error;
use std::path::PathBuf;

use workspace_github_double::Double;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let root = args.next().ok_or("expected a directory")?;
    let port = args.next().map_or(Ok(0), |port| port.parse())?;
    let double = Double::at(&PathBuf::from(root).canonicalize()?, port).await?;
    if let Some(token) = args.next() {
        double.allow(&token);
    }
    println!("{}", double.url());
    std::future::pending::<()>().await;
    Ok(())
}
