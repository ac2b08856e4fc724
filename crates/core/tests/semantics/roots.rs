//! What the holder of a grant is answered, wherever its root is.

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use workspace_core::store::Budget;
use workspace_core::{
    At, BatchSize, Change, EntrySource, Error, ErrorKind, Grant, GrantOptions, ImportOptions,
    Issued, Result, Scope, SourceEntry, View,
};

use crate::support::{Entries, Fixture, change, path, source_directory, source_file, write};

/// Roots of several lengths and depths; that the holder sees the same is the test.
fn roots() -> [String; 3] {
    let deep = format!("{}/{}", "/d".repeat(40), "r".repeat(200));
    ["/".into(), "/clients/acme".into(), deep]
}

fn scope(root: &str, globs: &[String]) -> Scope {
    let globs = || globs.iter().map(|glob| glob.parse().unwrap()).collect();
    Scope {
        root: path(root),
        read: globs(),
        write: globs(),
        delete: true,
    }
}

/// Files of everything below a root, by 20 globs; nothing may be done at `/denied`.
struct Holder {
    fixture: Fixture,
    issued: Issued,
}

impl Holder {
    fn below(root: &str) -> Self {
        let fixture = Fixture::new();
        let copy = fixture.fork();
        if root != "/" {
            let made = Change::mkdir(root).unwrap().with_parents();
            change(&fixture.workspace.files(At::Copy(copy)), vec![made]).unwrap();
        }
        let mut globs: Vec<String> = (0..9).map(|n| format!("/no{n}/*")).collect();
        globs.push("/[!d]*".into());
        let grant = Grant::all().attenuate(scope(root, &globs));
        let options = GrantOptions::default();
        let issued = fixture
            .workspace
            .issue_grant(At::Copy(copy), grant, options)
            .unwrap();
        Self { fixture, issued }
    }

    fn view(&self) -> View {
        self.fixture.workspace.view_of(&self.issued.grant).unwrap()
    }

    fn import(&self, source: &mut dyn EntrySource, into: &str) -> Result<()> {
        let options = ImportOptions::default().into(path(into));
        block_on(self.view().import(source, options)).map(drop)
    }

    fn narrow(&self, bytes: usize) -> Result<()> {
        let globs = |bytes: usize| {
            let mut globs = Vec::new();
            let mut left = bytes;
            while left > 0 {
                let glob = left.min(1000);
                globs.push(format!("/{}", "g".repeat(glob)));
                left -= glob;
            }
            globs
        };
        let scope = Scope {
            write: Vec::new(),
            ..scope("/", &globs(bytes))
        };
        let token = &self.issued.token;
        let made = self
            .fixture
            .workspace
            .attenuate_grant(token, scope, None, Budget::default());
        made.map(drop)
    }
}

/// A source that refuses an entry by the path that it has there.
struct Refuses(&'static str);

impl EntrySource for Refuses {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            Err(Error::new(ErrorKind::Source, "read archive")
                .at(self.0)
                .because("it is a device"))
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async { Ok(None) }.boxed()
    }
}

/// What is answered to the same requests.
type Asked<'a> = (&'a str, Box<dyn Fn(&Holder) -> Result<()> + 'a>);

fn same_answers(asked: &[Asked<'_>]) {
    for (what, ask) in asked {
        let answers = roots().map(|root| match ask(&Holder::below(&root)) {
            Ok(()) => "made".to_string(),
            Err(error) => format!("{error} {:?}", error.reason()),
        });
        for (root, answer) in roots().iter().zip(&answers) {
            assert_eq!(*answer, answers[0], "{what}, below {root}");
        }
    }
}

/// > No answer tells the holder of a grant where its root is: not how long, how deep or named how.
///
/// The length of a root was what was missing of a path's longest, of a batch's most
/// bytes of paths, and of a grant's size; its depth what was missing of the directories
/// of a batch; and its name was told by guessing it in an archive.
#[test]
fn no_answer_tells_where_the_root_is() {
    let long = |bytes: usize| format!("/{}", "n/".repeat(bytes))[..bytes].to_string();
    let mut asked: Vec<Asked<'_>> = Vec::new();
    for bytes in [1022, 1024, 1026, 3700, 4080, 4096] {
        for into in ["/", "/x/y"] {
            let ask = move |holder: &Holder| {
                let mut one = Entries::new(vec![source_file(&long(bytes), "")]);
                holder.import(&mut one, into)
            };
            asked.push(("a long path in an archive", Box::new(ask)));
            let ask = move |holder: &Holder| {
                let mut one = Entries::new(vec![source_directory(&long(bytes))]);
                holder.import(&mut one, into)
            };
            asked.push(("a long directory in an archive", Box::new(ask)));
        }
        let ask =
            move |holder: &Holder| change(&holder.view(), vec![write(&long(bytes), "")]).map(drop);
        asked.push(("a long path in a batch", Box::new(ask)));
    }
    for named in ["/dev", "/clients/acme/dev", "/r/dev", "/x/dev"] {
        let ask = move |holder: &Holder| holder.import(&mut Refuses(named), "/");
        asked.push(("what an archive's own path is refused for", Box::new(ask)));
    }
    for bytes in [3_000, 4_000, 4_090, 4_091, 4_092, 5_000, 15_000] {
        let ask = move |holder: &Holder| holder.narrow(bytes);
        asked.push(("how many globs can be added", Box::new(ask)));
    }
    same_answers(&asked);
}

/// Where a batch of an import ended showed how long the root is: each moves the copy.
#[test]
fn the_batches_of_an_import_do_not_tell_how_long_the_root_is() {
    for (size, batches) in [
        (BatchSize::default().paths(100), 2),
        (BatchSize::default().paths(101), 1),
    ] {
        for root in roots() {
            let holder = Holder::below(&root);
            let generation = || {
                let At::Copy(copy) = holder.issued.grant.at else {
                    panic!("a copy");
                };
                holder.fixture.workspace.copy(copy).unwrap().generation
            };
            let before = generation();
            let names = (10..31).map(|n| source_file(&format!("/a/{n}"), ""));
            let options = ImportOptions::default().batch(size);
            let mut source = Entries::new(names.collect());
            block_on(holder.view().import(&mut source, options)).unwrap();
            assert_eq!(generation() - before, batches, "below {root}");
        }
    }
}

/// As many directories as a batch may go through, below the root.
#[test]
fn the_directories_of_a_batch_do_not_tell_how_deep_the_root_is() {
    let batch = |more: usize| {
        let deep = |n: usize, depth: usize| {
            let made = Change::mkdir(format!("/{n}{}", "/a".repeat(depth - 1)));
            made.unwrap().with_parents()
        };
        let mut changes: Vec<_> = (0..131).map(|n| deep(n, 500)).collect();
        changes.push(deep(131, more));
        changes.push(Change::remove("/x").unwrap());
        changes
    };
    let fail = |more: usize, kind: ErrorKind| {
        let ask = move |holder: &Holder| {
            let changed = change(&holder.view(), batch(more)).map(drop);
            assert_eq!(changed.as_ref().unwrap_err().kind(), kind, "{more}");
            changed
        };
        let asked: Asked<'_> = ("how many directories a batch has", Box::new(ask));
        same_answers(&[asked]);
    };
    // With the root they are 65,536.
    fail(35, ErrorKind::NotFound);
    fail(36, ErrorKind::LimitExceeded);
}
