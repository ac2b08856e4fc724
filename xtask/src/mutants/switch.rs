/// Which mutant is on: one, of all that this crate was built with.
#[doc(hidden)]
// It is put into crates whose lints are not its own.
#[allow(warnings, clippy::all)]
pub(crate) mod mutant {
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    static CHOSEN: LazyLock<usize> = LazyLock::new(|| {
        let chosen = std::env::var("MUTANT").ok();
        chosen.map_or(usize::MAX, |chosen| chosen.parse().unwrap())
    });
    /// Where each mutant that is met is noted.
    static MET: LazyLock<Option<File>> = LazyLock::new(|| {
        let path = std::env::var_os("MUTANTS_MET")?;
        Some(
            File::options()
                .append(true)
                .create(true)
                .open(path)
                .unwrap(),
        )
    });
    static NOTED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

    pub(crate) fn on(number: usize) -> bool {
        if let Some(mut met) = MET.as_ref()
            && !NOTED[number].swap(true, Ordering::Relaxed)
        {
            met.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        *CHOSEN == number
    }

    /// One of two iterators, where a function returns what is one type.
    pub(crate) enum Either<A, B> {
        This(A),
        That(B),
    }

    impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
        type Item = A::Item;

        fn next(&mut self) -> Option<A::Item> {
            match self {
                Self::This(this) => this.next(),
                Self::That(that) => that.next(),
            }
        }
    }
}
