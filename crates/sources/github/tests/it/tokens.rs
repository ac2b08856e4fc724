//! In whose name it is asked.

use workspace_github::{App, GitHubOptions, Kind, Token};
use workspace_github_double::{Fault, Repo, Route, What};

use crate::support::{Commit, Place, TOKEN, read};

const KEY: &str = include_str!("app.pem");
const PUBLIC: &[u8] = include_bytes!("app.der");

fn sample(place: &Place) -> Repo {
    let repo = place.double.create("octo/private");
    Commit::on("main", "first").file("a", "a").make(&repo);
    place.double.hide("octo/private");
    repo
}

#[tokio::test]
async fn an_app_asks_for_a_token_when_it_needs_one_and_again_when_it_is_refused() {
    let place = Place::new().await;
    sample(&place);
    place.double.install(7, "Iv1.app", PUBLIC);
    let app = App::new("Iv1.app", KEY, 7).unwrap();
    let github = place.asked(GitHubOptions::default().token(Token::App(app)));
    let address = "github:octo/private".parse().unwrap();
    let open = async || read(&github.open(&address).await?).await;
    assert_eq!(open().await.unwrap().len(), 1);
    assert_eq!(
        place.routes(),
        [Route::Token, Route::Refs, Route::Fetch, Route::Fetch]
    );
    assert_eq!(open().await.unwrap().len(), 1);
    assert_eq!(place.routes(), [Route::Refs, Route::Fetch, Route::Fetch]);
    place.double.revoke("ghs_7_1");
    assert_eq!(open().await.unwrap().len(), 1);
    let again = [
        Route::Refs,
        Route::Token,
        Route::Refs,
        Route::Fetch,
        Route::Fetch,
    ];
    assert_eq!(place.routes(), again);
    // The key of another App.
    let other = App::new("Iv1.other", KEY, 7).unwrap();
    let github = place.asked(GitHubOptions::default().token(Token::App(other)));
    assert_eq!(
        github.open(&address).await.unwrap_err().kind(),
        Kind::Denied
    );
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let place = Place::new().await;
    let repo = sample(&place);
    let address = "github:octo/private".parse().unwrap();
    let nobody = place.asked(GitHubOptions::default());
    assert_eq!(
        nobody.open(&address).await.unwrap_err().kind(),
        Kind::Denied
    );
    let wrong = Token::personal("ghp_wrong").unwrap();
    let wrong = place.asked(GitHubOptions::default().token(wrong));
    assert_eq!(wrong.open(&address).await.unwrap_err().kind(), Kind::Denied);
    assert!(place.open("github:octo/private").await.is_ok());
    // It expires in between.
    let snapshot = place.open("github:octo/private").await.unwrap();
    place.double.revoke(TOKEN);
    let error = snapshot.tree().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(!format!("{error} {error:?} {place:?}", place = place.github).contains(TOKEN));
    place.double.allow(TOKEN);
    place
        .double
        .fault(Fault::always(What::Expired).on(Route::Push));
    let base = repo.rev("main");
    let changes = [crate::push::change("a", "b")];
    let error = crate::push::pushed(&place, &repo, "main", &base, &changes)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert_eq!(repo.rev("main"), base);
}
