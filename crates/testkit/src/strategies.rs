//! Proptest strategies for what goes into a workspace.
//!
//! Names come from a small alphabet mostly, so that things collide: the same
//! path twice, a file where a directory was, names that order differently as
//! names and as parts of paths.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use workspace_core::{
    ContentId, Directory, Entry, File, Glob, MAX_NAME, MAX_TARGET, Name, Summary, Symlink, Text,
    Timestamp, TreeId, TreePath, WriteOptions,
};

use crate::model::{Edit, Files};

/// Returns names: few, long, or of any characters.
pub fn name() -> impl Strategy<Value = Name> {
    let few =
        proptest::sample::select(&["a", "b", "c", "a-b", "a.b", "A", "é", "...", "..a", ".-"][..]);
    let long = (0..40u8).prop_map(|n| format!("{n:x<MAX_NAME$}"));
    prop_oneof![
        8 => few.prop_map(String::from),
        1 => long,
        1 => "\\PC{1,12}",
    ]
    .prop_filter_map("a name", |name| Name::new(&name).ok())
}

/// Returns paths of up to `depth` names, `/` among them.
pub fn path(depth: usize) -> impl Strategy<Value = TreePath> {
    vec(name(), 0..=depth).prop_filter_map("a path", |names| {
        let root = TreePath::root();
        names
            .iter()
            .try_fold(root, |path, name| path.join(name))
            .ok()
    })
}

const KNOWN: &[&str] = &[
    "",
    "/",
    "//",
    "a",
    "/a/",
    "/a//b",
    "/.",
    "/..",
    "/a/../b",
    "/a/./b",
    "/a\0",
    "\0",
    "/ ",
    "/~",
    "C:\\a",
    "\\\\host\\a",
    "/con",
    "/a\u{202e}b",
    "/\u{feff}",
    "/a\nb",
    "%2e%2e",
    "/é",
    "/e\u{301}",
];

/// Returns texts that are no path, or nearly none, for parsers to refuse or keep.
pub fn hostile_text() -> impl Strategy<Value = String> {
    let segments = vec(
        prop_oneof![Just("..".to_string()), Just(String::new()), any::<String>()],
        0..6,
    );
    prop_oneof![
        2 => proptest::sample::select(KNOWN).prop_map(String::from),
        2 => any::<String>(),
        2 => segments.prop_map(|segments| format!("/{}", segments.join("/"))),
        1 => (0..5_000usize).prop_map(|n| format!("/{}", "x".repeat(n))),
        1 => (0..3_000usize).prop_map(|n| "/x".repeat(n)),
    ]
}

/// Returns contents: none, few small ones that recur, and some around `limit` bytes.
pub fn content(limit: usize) -> impl Strategy<Value = Bytes> {
    let around = limit.saturating_sub(1)..=limit + 1;
    prop_oneof![
        1 => Just(Bytes::new()),
        5 => (b'a'..=b'c', 1..4usize).prop_map(|(fill, size)| vec![fill; size].into()),
        2 => (any::<u8>(), around).prop_map(|(fill, size)| vec![fill; size].into()),
        1 => vec(any::<u8>(), 0..50).prop_map(Bytes::from),
    ]
}

/// Returns times of either sign, at the limits too.
pub fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), -10..10i64].prop_map(Timestamp::from_millis)
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    "\\PC{1,20}".prop_filter_map("a text", |text| Text::new(&text).ok())
}

/// Returns entries of every kind with every field, as a store or a wire carries
/// them. Nothing stands behind their ids.
pub fn entry() -> impl Strategy<Value = Entry> {
    let max = Timestamp::MAX_MILLIS as u64;
    let file = (
        any::<[u8; 32]>(),
        0..=max,
        any::<bool>(),
        time(),
        option::of(text()),
        option::of(text()),
    );
    let file = file.prop_map(|(id, size, executable, modified, media_type, provenance)| {
        Entry::File(File {
            content: ContentId::from_bytes(id),
            size,
            executable,
            modified,
            media_type,
            provenance,
        })
    });
    let symlink = (text::<MAX_TARGET>(), time());
    let symlink =
        symlink.prop_map(|(target, modified)| Entry::Symlink(Symlink { target, modified }));
    let directory = (any::<[u8; 32]>(), 0..=max, 0..=max, 0..=max, 0..4096u64);
    let directory = directory.prop_map(|(id, files, directories, bytes, longest)| {
        Entry::Directory(Directory {
            tree: TreeId::from_bytes(id),
            summary: Summary {
                files,
                directories,
                bytes,
                longest,
            },
        })
    });
    prop_oneof![file, symlink, directory]
}

/// Returns edits that put something: files with every option, directories and
/// symlinks. They make what is missing above them.
pub fn put() -> impl Strategy<Value = Edit> {
    let media_type = "[a-z]{1,5}/[a-z0-9.+-]{1,8}(; [a-z]{1,3}=(\"[ a-zü;=]{0,4}\"|[a-z]{1,3}))?";
    let media_type = media_type.prop_filter_map("a text", |text| Text::new(&text).ok());
    let options = (
        option::of(any::<bool>()),
        time(),
        option::of(media_type),
        option::of(text()),
    );
    let options = options.prop_map(|(executable, modified, media_type, provenance)| {
        WriteOptions::default()
            .create_parents(true)
            .executable(executable)
            .modified(modified)
            .media_type(media_type)
            .provenance(provenance)
    });
    let write = (path(4), content(64), options);
    prop_oneof![
        6 => write.prop_map(|(path, bytes, options)| Edit::Write(path, bytes, options)),
        1 => path(4).prop_map(|path| Edit::Mkdir(path, true)),
        1 => (path(4), text()).prop_map(|(path, target)| Edit::Symlink(path, target, true)),
    ]
}

/// Returns trees, each with edits that make it from nothing in any order: of
/// `puts`, those that fit together.
pub fn tree(puts: usize) -> impl Strategy<Value = (Files, Vec<Edit>)> {
    vec(put(), 0..=puts).prop_map(|puts| {
        let mut files = Files::default();
        let mut kept: Vec<Edit> = Vec::new();
        let mut written: Vec<TreePath> = Vec::new();
        for edit in puts {
            let at = match &edit {
                Edit::Write(path, ..) | Edit::Mkdir(path, _) | Edit::Symlink(path, ..) => {
                    path.clone()
                }
                _ => continue,
            };
            // A second file at a path would make the order matter.
            let fresh = !written.contains(&at);
            if fresh && files.edit(&edit, Timestamp::default()).is_ok() {
                written.push(at);
                kept.push(edit);
            }
        }
        (files, kept)
    })
}

/// Returns globs over the names of [`name`].
pub fn glob() -> impl Strategy<Value = Glob> {
    let segment = prop_oneof![
        3 => name().prop_map(|name| name.to_string()),
        1 => proptest::sample::select(
            &["*", "?", "a*", "*b", "[a-c]", "[!a]", "a?b", "\\a", "*.*"][..],
        )
        .prop_map(String::from),
        2 => Just("**".to_string()),
    ];
    (any::<bool>(), vec(segment, 1..5)).prop_filter_map("a glob", |(anchored, segments)| {
        let root = if anchored { "/" } else { "" };
        Glob::new(&format!("{root}{}", segments.join("/"))).ok()
    })
}
