//! Two writers on one branch: nothing that was told to be there is lost. `RACES=500` makes as
//! many.

use workspace_github::git::ObjectId;
use workspace_github::{Kind, Moved};

use crate::push::{change, push_at};
use crate::support::{Commit, Place};

#[tokio::test]
async fn of_two_writers_on_one_branch_none_loses_anything() {
    let place = Place::new().await;
    let repo = place.double.create("octo/race");
    Commit::on("main", "first").file("a", "0").make(&repo);
    let races: u32 = std::env::var("RACES").map_or(8, |races| races.parse().unwrap());
    for race in 0..races {
        let old = ObjectId::parse(repo.rev("main"));
        let one = [change("a", &format!("one {race}"))];
        let two = [change("b", &format!("two {race}"))];
        let (one, two) = futures::join!(
            push_at(&place, &repo, "main", old, old, &one),
            push_at(&place, &repo, "main", old, old, &two),
        );
        let (won, lost) = match (one, two) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            other => panic!("{other:?}"),
        };
        assert_eq!(repo.rev("main"), won.commit.to_string());
        assert_eq!(lost.kind(), Kind::Moved, "{lost}");
        let found = Some(won.commit);
        assert_eq!(
            lost.as_moved(),
            Some(Moved {
                expected: old,
                found
            })
        );
        // And the one that lost goes on from there.
        let third = [change("c", &format!("three {race}"))];
        push_at(&place, &repo, "main", found, found, &third)
            .await
            .unwrap();
    }
    assert_eq!(
        repo.git(&["rev-list", "--count", "main"]),
        (1 + 2 * races).to_string()
    );
}
