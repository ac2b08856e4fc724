//! Words that people bring from git and from their shell, and what they are here.

use std::ffi::OsString;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Args;

/// Commands of others, and what does the same here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["add", "stage", "track"],
        "nothing is staged: `workspace put FILE` and `workspace import DIR` write at once",
    ),
    (
        &["commit", "ci", "save"],
        "`workspace snapshot -m TEXT` records head; `workspace apply COPY -m TEXT` publishes a copy",
    ),
    (
        &["publish", "merge", "submit", "release"],
        "`workspace apply COPY` publishes a copy; `workspace rebase COPY` brings it up to head",
    ),
    (
        &["switch", "co", "use"],
        "--copy NAME, or WORKSPACE_COPY, says where a command works; `workspace checkout COPY DIR` \
         writes files out",
    ),
    (
        &["branch", "branches", "new", "worktree", "stash"],
        "`workspace fork NAME` forks a copy; `workspace copies` lists them",
    ),
    (
        &["revert", "reset", "rollback", "back"],
        "`workspace restore REVISION` makes a revision head again; `workspace undo --copy NAME` \
         takes back one operation of a copy",
    ),
    (
        &[
            "clone", "pull", "push", "fetch", "remote", "connect", "login",
        ],
        "--remote URL works on a workspace that is served; `workspace export` and `workspace \
         import` bring files from one to another",
    ),
    (
        &["history", "reflog", "tag", "versions"],
        "`workspace log` lists the revisions; `workspace snapshot -m TEXT` records one",
    ),
    (
        &["blame", "annotate"],
        "`workspace operations --copy NAME` lists who changed a copy; `workspace log -p` shows what \
         each revision changed",
    ),
    (
        &["touch", "echo", "create", "upload", "tee"],
        "`workspace put PATH FILE` writes a file, and without FILE what standard input has; \
         `workspace edit PATH` opens one in an editor",
    ),
    (
        &["less", "more", "view", "open", "get", "head", "tail"],
        "`workspace cat PATH` prints a file",
    ),
    (&["ll", "dir", "la"], "`workspace ls -l` lists a directory"),
    (
        &["delete", "del", "unlink", "rmdir"],
        "`workspace rm PATH` removes a file, `rm -r` a directory",
    ),
    (
        &["rename"],
        "`workspace mv FROM TO` moves or renames; `workspace copy rename NAME TO` a copy",
    ),
    (
        &["search", "rg", "ack"],
        "`workspace grep PATTERN` searches contents, `workspace find GLOB` names",
    ),
    (
        &["download", "archive", "backup", "dump"],
        "`workspace export FILE.tar` writes everything into an archive",
    ),
    (
        &["extract", "load", "unpack"],
        "`workspace import FILE.tar` reads an archive",
    ),
    (
        &["follow", "feed"],
        "`workspace watch` tells of changes as they come",
    ),
    (
        &["start", "up", "server", "daemon", "http"],
        "`workspace serve` serves the workspace over HTTP",
    ),
    (
        &["share", "token", "tokens", "invite", "allow", "access"],
        "`workspace grant issue COPY --read GLOB` hands out a token, `workspace preview issue` a URL",
    ),
    (
        &["check", "verify", "doctor", "repair"],
        "`workspace fsck` checks that everything is whole, `fsck --repair` repairs",
    ),
    (
        &["clean", "vacuum", "compact"],
        "`workspace collect` reclaims room",
    ),
    (
        &["config", "whoami", "user"],
        "there are no settings: --actor NAME, or WORKSPACE_ACTOR, says who makes changes",
    ),
    (&["version"], "`workspace --version` tells it"),
    (
        &["info", "show-ref", "where"],
        "`workspace status` tells how it stands",
    ),
];

/// Options of others, by command.
const OPTIONS: &[(&str, &[&str], &str)] = &[
    (
        "find",
        &["-name", "--name", "-n", "-type", "-t", "-path", "-iname"],
        "patterns are given as they are: `workspace find '*.txt'`; --kind names a kind, --below a \
         directory",
    ),
    (
        "ls",
        &["-R", "--recursive"],
        "`workspace tree` shows all that is below, `workspace find` lists it",
    ),
    (
        "fork",
        &["--from", "--base", "-b"],
        "--of COPY forks a copy, --revision NUMBER a revision",
    ),
    (
        "checkout",
        &["-b", "-B", "--branch"],
        "`workspace fork NAME` forks a copy, and `workspace checkout NAME DIR` checks it out",
    ),
    (
        "sync",
        &["--force", "-f", "--delete"],
        "what one side changed or removed goes to the other anyway; --take decides what both changed",
    ),
    (
        "serve",
        &["--port", "-p", "--host", "--bind", "--address"],
        "--listen ADDRESS:PORT",
    ),
    (
        "diff",
        &["--cached", "--staged"],
        "nothing is staged: `workspace diff` compares head with what is recorded of it",
    ),
    ("diff", &["--summary", "--numstat", "--shortstat"], "--stat"),
    (
        "apply",
        &["--message-file", "--all", "-a"],
        "a copy is applied as a whole: `workspace apply COPY -m TEXT`",
    ),
    (
        "put",
        &["--content", "--text", "--data", "-d"],
        "the text comes from standard input",
    ),
    (
        "log",
        &["--graph", "--all", "--stat"],
        "`workspace log -p` shows what each changed",
    ),
    (
        "import",
        &["--force", "-f"],
        "an import writes over what is there anyway",
    ),
];

/// Returns what somebody meant who used the command as another one; takes the guesses of
/// the library, which only knows how words are spelt, from the error.
pub(crate) fn hint(error: &mut clap::Error, arguments: &[OsString]) -> Option<String> {
    let text = |value: &ContextValue| match value {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    };
    let named = |error: &clap::Error, kind| error.get(kind).and_then(text);
    // Global options may come before it.
    let known = Args::command();
    let is_command = |word: &&str| known.find_subcommand(word).is_some();
    let mut words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    let command = words.find(is_command).unwrap_or_default();
    let found = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = named(error, ContextKind::InvalidSubcommand)?;
            match command {
                "copy" => Some(format!(
                    "`workspace fork {word}` forks a copy, `workspace copy show {word}` shows one; \
                     `workspace cp` copies a file"
                )),
                _ => COMMANDS
                    .iter()
                    .find(|(words, _)| words.contains(&&*word))
                    .map(|(_, hint)| (*hint).into()),
            }
        }
        ErrorKind::UnknownArgument => {
            let argument = named(error, ContextKind::InvalidArg)?;
            let meant = OPTIONS
                .iter()
                .find(|(of, options, _)| *of == command && options.contains(&&*argument))
                .map(|(_, _, hint)| (*hint).into());
            if meant.is_none() {
                // That it may be no option, with `--` before it, is not what is wrong.
                error.remove(ContextKind::Suggested);
            }
            meant
        }
        _ => None,
    };
    let guessed = |error: &clap::Error, kind| match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    };
    let guesses = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    let guess = guesses.into_iter().find_map(|kind| guessed(error, kind));
    let found = found.or_else(|| guess.map(|guess| format!("did you mean `{guess}`?")));
    if found.is_some() {
        for guess in [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::Suggested,
        ] {
            error.remove(guess);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is a command here means itself.
    #[test]
    fn words_of_others_are_no_commands_and_hints_name_commands() {
        let command = Args::command();
        let own: BTreeSet<&str> = command
            .get_subcommands()
            .flat_map(|command| command.get_all_aliases().chain([command.get_name()]))
            .collect();
        let mut seen = BTreeSet::new();
        for (words, hint) in COMMANDS {
            for word in *words {
                assert!(!own.contains(word), "{word}");
                assert!(seen.insert(word), "{word} twice");
            }
            for part in hint.split("`workspace ").skip(1) {
                let name = part.split([' ', '`']).next().unwrap();
                assert!(own.contains(name) || name.starts_with("--"), "{hint}");
            }
        }
        for (of, _, _) in OPTIONS {
            assert!(own.contains(of), "{of}");
        }
    }
}
