//! Every fault at every request of an import and of an export: it is completed, or there is an
//! error that says what to do, and for what passes, when to ask again. Never half of it.

use std::sync::Arc;
use std::time::Duration;

use workspace_core::{EntriesOptions, ErrorKind, Failure, Snapshot as _};
use workspace_github::git::ObjectId;
use workspace_github::{GitHub, Kind, NewPull, Retries, Transfer};
use workspace_github_double::{Fault, Repo, Route, What};

use crate::push::{change, push_at};
use crate::support::{Commit, Hasty, Place, Read, TOKEN, assert_exact, drain, options, read};

/// What passes: once is made good without anybody noticing.
fn passing() -> Vec<What> {
    vec![
        What::UsedUp(30),
        What::TooFast(Some(7)),
        What::TooFast(None),
        What::TooMany(Some(3)),
        What::TooMany(None),
        What::Status(500),
        What::Status(502),
        What::Busy(5),
        What::NoAnswer,
        What::CutBody,
        What::ShortBody,
        What::AlteredBody,
        What::DoneUnsaid,
        What::RedirectLoop,
        What::Page,
        What::LacksTree,
    ]
}

fn sample(place: &Place, name: &str) -> Repo {
    let repo = place.double.create(name);
    let mut commit = Commit::on("main", "first").file(".gitattributes", "*.c ident\n");
    for at in 0..300 {
        commit = commit.file(format!("d/{at}"), format!("file {at}\n"));
    }
    commit.file("a.c", "$Id$\n").link("l", "d").make(&repo);
    Commit::on("main", "second")
        .after("refs/heads/main")
        .file("new", "new\n")
        .make(&repo);
    repo
}

fn is_clear(error: &workspace_core::Error, what: &What) {
    let passes = matches!(
        error.failure(),
        Some(Failure::RateLimited | Failure::Upstream | Failure::Truncated | Failure::Altered)
    );
    let told = passes && error.retry_at().is_some();
    let final_ = matches!(error.failure(), Some(Failure::Denied))
        || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::LimitExceeded);
    assert!(told || final_, "{what:?}: {error} {error:?}");
}

/// What an import asks for: refs, directories, where the archive is, the archive, and the file
/// that it alters.
const IMPORT: [Route; 5] = [
    Route::Refs,
    Route::Fetch,
    Route::Tarball,
    Route::Load,
    Route::Fetch,
];

async fn import(place: &Place) -> workspace_core::Result<Read> {
    let retries = Retries {
        attempts: 3,
        wait: Duration::from_secs(120),
    };
    let github = place.asked(options().transfer(Transfer::Archive).retries(retries));
    let snapshot = github.open(&"github:octo/in".parse().unwrap()).await?;
    read(&snapshot).await
}

#[tokio::test]
async fn an_import_is_made_good_whatever_fails_once() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/in");
    import(&place).await.unwrap();
    assert_eq!(place.routes(), IMPORT);
    for what in passing() {
        for at in 0..IMPORT.len() {
            place.double.fault(Fault::once(what.clone()).after(at));
            match import(&place).await {
                Ok(found) => assert_exact(&repo, "main", &found, &[]),
                Err(error) => panic!("{what:?} once at {at} of {IMPORT:?}: {error}"),
            }
            place.double.heal();
        }
    }
}

#[tokio::test]
async fn an_import_is_whole_or_an_error_whatever_fails() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/in");
    for what in passing().into_iter().chain([What::Expired, What::Missing]) {
        for at in 0..IMPORT.len() {
            place.double.fault(Fault::always(what.clone()).after(at));
            match import(&place).await {
                Ok(found) => assert_exact(&repo, "main", &found, &[]),
                Err(error) => is_clear(&error, &what),
            }
            place.double.heal();
        }
    }
}

#[tokio::test]
async fn an_export_is_whole_or_nothing_whatever_fails() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/out");
    let mut number = 0;
    for (every, faults) in [
        (false, passing()),
        (true, passing()),
        (true, vec![What::Expired, What::Missing]),
    ] {
        for what in faults {
            for at in 0..2 {
                number += 1;
                let before = repo.rev("main");
                let old = ObjectId::parse(&before);
                let changes = [change("new", &format!("{number}\n"))];
                let fault = match every {
                    false => Fault::once(what.clone()),
                    true => Fault::always(what.clone()),
                };
                place.double.fault(fault.after(at));
                let done = push_at(&place, &repo, "main", old, old, &changes).await;
                place.double.heal();
                let now = repo.rev("main");
                match done {
                    Ok(done) => {
                        assert_eq!(now, done.commit.to_string(), "{what:?} at {at}");
                        assert_eq!(repo.rev("main^"), before);
                    }
                    Err(error) => {
                        assert!(every, "{what:?} once at {at}: {error}");
                        // What was done and never said was done.
                        if what != What::DoneUnsaid
                            && !matches!(what, What::CutBody | What::ShortBody | What::AlteredBody)
                        {
                            assert_eq!(now, before, "{what:?} at {at}: {error}");
                        }
                        is_clear(&error.into(), &what);
                    }
                }
                repo.git(&["fsck", "--strict", "--full", "--connectivity-only"]);
            }
        }
    }
}

#[tokio::test]
async fn a_pull_request_is_opened_once_whatever_fails() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/pulls");
    let old = ObjectId::parse(repo.rev("main"));
    for (number, what) in passing().into_iter().enumerate() {
        if what == What::LacksTree {
            continue;
        }
        let branch = format!("b{number}");
        let changes = [change("new", &branch)];
        push_at(&place, &repo, &branch, None, old, &changes)
            .await
            .unwrap();
        place
            .double
            .fault(Fault::once(what.clone()).on(Route::Pulls));
        let new = NewPull {
            head: &branch,
            base: Some("main"),
            title: "New",
            body: "",
            draft: false,
        };
        let pull = place.repository(&repo).open_pull(&new).await;
        let pull = pull.unwrap_or_else(|error| panic!("{what:?}: {error}"));
        assert_eq!(pull.number, number as u64 + 1, "{what:?}");
        assert_eq!(place.double.pulls().len(), number + 1, "{what:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_says_until_when() {
    let place = Place::new().await;
    sample(&place, "octo/limit");
    place
        .double
        .fault(Fault::always(What::UsedUp(3600)).on(Route::Refs));
    let error = place.open("github:octo/limit").await.unwrap_err();
    assert_eq!(error.kind(), Kind::RateLimited);
    // Nobody waits for an hour.
    assert!(place.transport.waited().is_empty());
    let core: workspace_core::Error = error.into();
    let time = core.retry_at().unwrap().as_millis();
    let now = workspace_github::Transport::now(&*place.transport).as_millis();
    assert!(
        (3_500_000..3_700_000).contains(&(time - now)),
        "{time} {now}"
    );
    place.double.heal();
    place
        .double
        .fault(Fault::once(What::TooFast(Some(20))).on(Route::Refs));
    place.open("github:octo/limit").await.unwrap();
    assert_eq!(place.transport.waited(), [Duration::from_secs(20)]);
}

#[tokio::test]
async fn a_limit_that_is_over_already_by_our_clock_is_no_hurry() {
    let place = Place::new().await;
    sample(&place, "octo/limit");
    let now = || workspace_github::Transport::now(&*place.transport);
    for (what, waited) in [
        (What::TooFast(Some(0)), [1, 2, 4, 8].as_slice()),
        (What::Busy(0), &[1, 2, 4, 8]),
        // Its clock, and with it when that is, is behind ours.
        (What::UsedUp(0), &[60, 60]),
    ] {
        let before = place.transport.waited().len();
        place
            .double
            .fault(Fault::always(what.clone()).on(Route::Refs));
        let error = place.open("github:octo/limit").await.unwrap_err();
        assert!(error.retry_at().unwrap() > now(), "{error}");
        let seconds: Vec<u64> = place.transport.waited()[before..]
            .iter()
            .map(Duration::as_secs)
            .collect();
        assert_eq!(seconds, waited, "{what:?}");
        place.double.heal();
    }
}

#[tokio::test]
async fn a_server_that_is_behind_is_asked_again() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/behind");
    // It does not have the commit that another has told of.
    place.double.fault(Fault {
        times: 2,
        ..Fault::once(What::Behind).on(Route::Fetch)
    });
    let snapshot = place.open("github:octo/behind").await.unwrap();
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    // It tells of the commit before, once it has refused what was to follow that.
    let first = ObjectId::parse(repo.rev("main^"));
    let newest = ObjectId::parse(repo.rev("main"));
    let changes = [change("new", "mine")];
    for times in [1, 2] {
        place.double.fault(Fault {
            times,
            ..Fault::once(What::Behind).on(Route::Refs)
        });
        let error = push_at(&place, &repo, "main", first, first, &changes)
            .await
            .unwrap_err();
        assert_eq!(error.as_moved().unwrap().found, newest, "{error}");
        place.double.heal();
    }
    place
        .double
        .fault(Fault::always(What::Behind).on(Route::Refs));
    let error = push_at(&place, &repo, "main", first, first, &changes)
        .await
        .unwrap_err();
    assert!(
        error.kind() == Kind::Upstream && error.retry_at().is_some(),
        "{error}"
    );
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_found_below_what_followed_it() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/lost");
    let old = ObjectId::parse(repo.rev("main"));
    // Somebody goes on from ours before we look.
    let hook = repo.path.join("hooks/post-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = "#!/bin/sh\nexport GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=a \
                  GIT_COMMITTER_EMAIL=a@x\nc=$(git commit-tree -p main -m more main^{tree})\n\
                  git update-ref refs/heads/main $c\n";
    std::fs::write(&hook, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    place
        .double
        .fault(Fault::once(What::DoneUnsaid).on(Route::Push));
    let changes = [change("new", "mine")];
    let done = push_at(&place, &repo, "main", old, old, &changes)
        .await
        .unwrap();
    assert_eq!(repo.rev("main^"), done.commit.to_string());
}

#[tokio::test]
async fn a_renamed_repository_is_found_by_its_old_name() {
    let place = Place::new().await;
    sample(&place, "octo/old");
    let repo = place.double.rename("octo/old", "octo/new");
    let snapshot = place.open("github:octo/old").await.unwrap();
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    let old = ObjectId::parse(repo.rev("main"));
    let named = Repo {
        name: "octo/old".into(),
        path: repo.path.clone(),
    };
    let changes = [change("new", "mine")];
    let done = push_at(&place, &named, "main", old, old, &changes)
        .await
        .unwrap();
    assert_eq!(repo.rev("main"), done.commit.to_string());
    let other = [change("new", "another")];
    push_at(&place, &named, "b", None, old, &other)
        .await
        .unwrap();
    let new = NewPull {
        head: "b",
        base: Some("main"),
        title: "t",
        body: "",
        draft: false,
    };
    place.repository(&named).open_pull(&new).await.unwrap();
    let address = format!("github:octo/old@{}", &done.commit.to_string()[..8]);
    assert_eq!(place.open(&address).await.unwrap().commit(), done.commit);
}

#[tokio::test]
async fn a_token_goes_to_no_other_host() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/private");
    place.double.hide("octo/private");
    let github = place.asked(options().transfer(Transfer::Archive));
    let address = "github:octo/private".parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
    for seen in place.double.seen() {
        let shown = seen.authorization.is_some();
        assert_eq!(shown, seen.route != Route::Load, "{seen:?}");
        assert!(
            seen.authorization
                .is_none_or(|shown| !shown.starts_with("Bearer"))
        );
    }
    // Another server would like to have it.
    let thief = Place::new().await;
    let to = format!("{}/steal", thief.double.url());
    for route in [Route::Refs, Route::Fetch, Route::Tarball, Route::Push] {
        place
            .double
            .fault(Fault::always(What::RedirectAway(to.clone())).on(route));
    }
    let error = github.open(&address).await.unwrap_err();
    assert!(error.to_string().contains("another host"), "{error}");
    place.double.heal();
    let snapshot = github.open(&address).await.unwrap();
    snapshot.tree().await.unwrap();
    place
        .double
        .fault(Fault::always(What::RedirectAway(to)).on(Route::Tarball));
    let mut entries = snapshot.entries(EntriesOptions::default()).await.unwrap();
    assert_exact(&repo, "main", &drain(&mut *entries).await.unwrap(), &[]);
    let stolen = thief.double.seen();
    assert!(!stolen.is_empty());
    assert!(
        stolen.iter().all(|seen| seen.authorization.is_none()),
        "{stolen:?}"
    );
    assert!(
        stolen
            .iter()
            .all(|seen| !format!("{seen:?}").contains(TOKEN))
    );
}

#[tokio::test]
async fn an_answer_that_stalls_is_broken_off() {
    let place = Place::new().await;
    let repo = sample(&place, "octo/slow");
    place
        .double
        .fault(Fault::once(What::Stall).on(Route::Fetch));
    let options = options().url(Some(place.double.url().into()));
    let hasty = Arc::new(Hasty::idle(Duration::from_secs(2)));
    let github = GitHub::new(hasty, options).unwrap();
    let address = "github:octo/slow".parse().unwrap();
    let snapshot = github.open(&address).await.unwrap();
    assert_exact(&repo, "main", &read(&snapshot).await.unwrap(), &[]);
}
