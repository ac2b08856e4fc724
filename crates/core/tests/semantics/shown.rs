//! What values show of themselves, to logs and in errors.

use futures::executor::block_on;
use workspace_core::{At, CopyId, Options, RevisionId, RevisionMessage, TreeId};

use crate::support::{Fixture, path};

#[test]
fn each_target_shows_which_it_is() {
    let copy = CopyId::from_bytes([7; 16]);
    let tree = TreeId::from_bytes([9; 32]);
    for (at, shown) in [
        (At::Head, "head".to_string()),
        (At::Copy(copy), format!("copy {}", "07".repeat(16))),
        (At::Revision(RevisionId::new(12)), "revision 12".into()),
        (At::Tree(tree), format!("tree {}", "09".repeat(32))),
    ] {
        assert_eq!(at.to_string(), shown);
    }
}

#[test]
fn a_handle_shows_how_it_was_opened() {
    let options = Options::default().inline_limit(123).keep_events(45);
    let fixture = Fixture::with(options);
    assert_eq!(*fixture.workspace.options(), options);
    let shown = format!("{:?}", fixture.workspace);
    assert!(shown.starts_with("Workspace"), "{shown}");
    assert!(shown.contains("inline_limit: 123"), "{shown}");
}

#[test]
fn what_is_being_read_shows_where_it_is_and_no_bytes() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/d/secret", "hidden text");
    let view = fixture.workspace.files(At::Head);
    let opened = block_on(view.open(&path("/d/secret"), None)).unwrap();
    let walk = view.walk(&path("/d")).unwrap();
    let export = view.export(&path("/d")).unwrap();
    let reserved = fixture.workspace.reserve();
    let key = format!("Reserved({:?})", reserved.key());
    let body = Box::pin(futures::stream::iter([Ok("hidden text".into())]));
    let stored = block_on(fixture.workspace.store(body)).unwrap();
    let content = format!("Stored({:?}, 11)", stored.id());
    for (shown, contains) in [
        (format!("{reserved:?}"), &*key),
        (format!("{stored:?}"), &*content),
        (format!("{opened:?}"), "Opened { file: File"),
        (format!("{walk:?}"), "Walk { view: View"),
        (format!("{export:?}"), "Export"),
    ] {
        assert!(shown.contains(contains), "{shown}");
        assert!(!shown.contains("hidden text"), "{shown}");
    }
}

/// A revision's message may be given as any text.
#[test]
fn a_text_becomes_the_message() {
    let expected = RevisionMessage::default().message("why");
    assert_eq!(RevisionMessage::from("why"), expected);
    assert_eq!(RevisionMessage::from("why".to_string()), expected);
}
