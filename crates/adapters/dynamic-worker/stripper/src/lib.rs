//! Strips the types of a module of TypeScript: what they were is blank, so that every line and
//! column stays where it was. The same WebAssembly on every host of delegated code, which hands
//! over text and takes text: it asks for nothing.
//!
//! A host takes an instance of its own for a program: [`take`] makes room for the text of a
//! module, and [`strip`] returns where the answer is.

use std::alloc::{Layout, alloc};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::rc::Rc;

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{BytePos, SourceMap};
use swc_ecma_parser::TsSyntax;
use swc_ts_fast_strip::{Mode, Options, operate};

/// Makes room for so many bytes, and returns where; 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn take(size: u32) -> u32 {
    let Ok(layout) = Layout::array::<u8>(size.max(1) as usize) else {
        return 0;
    };
    // SAFETY: the layout has a size, of one byte at least.
    let room = unsafe { alloc(layout) };
    // An address has 32 bits there.
    room as usize as u32
}

/// Strips the text of `size` bytes that is at `at`, in room that was taken. Returns where the
/// answer is in the upper 32 bits, and in the lower ones its size. It begins with `+`, and what
/// the text became; or with `-`, the line, the column, and what is wrong there, with spaces
/// between.
#[unsafe(no_mangle)]
pub extern "C" fn strip(at: u32, size: u32) -> u64 {
    // SAFETY: the host has written so many bytes of UTF-8 to room that it took, of which
    // nothing else knows.
    let text = unsafe {
        let (at, size) = (at as usize as *mut u8, size as usize);
        String::from_raw_parts(at, size, size.max(1))
    };
    // What was answered before is of no use any more, and makes room.
    ANSWER.take();
    let mut answer = match stripped(text) {
        Ok(mut code) => {
            code.insert(0, '+');
            code
        }
        Err(Wrong { line, column, why }) => format!("-{line} {column} {why}"),
    };
    answer.shrink_to_fit();
    let at = (answer.as_ptr() as usize as u64) << 32 | answer.len() as u64;
    ANSWER.set(answer);
    at
}

thread_local! {
    /// What was answered last, until something is asked again.
    static ANSWER: Cell<String> = const { Cell::new(String::new()) };
}

/// What cannot be stripped.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    /// Counted from 1.
    line: usize,
    /// As above.
    column: usize,
    why: String,
}

/// The errors that were told, and where.
type Told = Rc<RefCell<Vec<(Option<BytePos>, String)>>>;

struct Keeps(Told);

impl Emitter for Keeps {
    fn emit(&mut self, told: &mut DiagnosticBuilder<'_>) {
        let at = told.span.primary_span().map(|span| span.lo);
        self.0.borrow_mut().push((at, told.message()));
    }
}

fn stripped(text: String) -> Result<String, Wrong> {
    let types = TsSyntax::default;
    let has = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    let mut more = Vec::new();
    if has(&["</", "/>"]) {
        more.push((
            TsSyntax {
                tsx: true,
                ..types()
            },
            "JSX is",
        ));
    }
    if has(&["@"]) {
        let decorators = true;
        more.push((
            TsSyntax {
                decorators,
                ..types()
            },
            "decorators are",
        ));
    }
    let again = if more.is_empty() {
        String::new()
    } else {
        text.clone()
    };
    let wrong = match strip_by(text, types()) {
        Ok(code) => return Ok(code),
        Err(wrong) => wrong,
    };
    // What is right as something else, and wrong as it is, is that.
    let is = |syntax| strip_by(again.clone(), syntax).is_ok();
    let found = more.into_iter().find(|(syntax, _)| is(*syntax));
    Err(match found {
        Some((_, what)) => Wrong {
            why: format!("{what} not supported in strip-only mode"),
            ..wrong
        },
        None => wrong,
    })
}

fn strip_by(text: String, parser: TsSyntax) -> Result<String, Wrong> {
    let map: Lrc<SourceMap> = Lrc::default();
    let told = Told::default();
    let handler = Handler::with_emitter(false, false, Box::new(Keeps(Rc::clone(&told))));
    let options = Options {
        module: Some(true),
        mode: Mode::StripOnly,
        deprecated_ts_module_as_error: Some(true),
        parser,
        ..Options::default()
    };
    let error = match operate(&map, &handler, text, options) {
        Ok(output) => return Ok(output.code),
        Err(error) => error,
    };
    let told = told.borrow();
    // The first in the text, of what there are several.
    let first = told
        .iter()
        .min_by_key(|(at, _)| at.unwrap_or(BytePos(u32::MAX)));
    let (at, mut why) = match first {
        Some((at, why)) => (*at, why.clone()),
        None => (None, error.message),
    };
    why.retain(|letter| !letter.is_control());
    let (line, column) = at.map_or((1, 1), |at| {
        let place = map.lookup_char_pos(at);
        (place.line, place.col.0 + 1)
    });
    if told.len() > 1 {
        // Cannot fail: it is text.
        let _ = write!(why, " (and {} more)", told.len() - 1);
    }
    Err(Wrong { line, column, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stripped_stays_where_it_was() {
        let text = "type A = string;\nexport default (a: A): number => a!.length as number;\n";
        let code = stripped(text.into()).unwrap();
        assert_eq!(code.len(), text.len());
        assert_eq!(code.find("=> a"), text.find("=> a"));
        assert!(!code.contains("number"));
    }

    #[test]
    fn what_has_code_of_its_own_is_named_with_its_place() {
        for (text, line, why) in [
            (
                "\nenum A { B }",
                2,
                "TypeScript enum is not supported in strip-only mode",
            ),
            (
                "namespace A { export const b = 1 }",
                1,
                "TypeScript namespace declaration is not supported in strip-only mode",
            ),
            (
                "class A { constructor(private b: number) {} }",
                1,
                "TypeScript parameter property is not supported in strip-only mode",
            ),
            (
                "\n\nexport default () => <a>b</a>",
                3,
                "JSX is not supported in strip-only mode",
            ),
            (
                "@a class B {}",
                1,
                "decorators are not supported in strip-only mode",
            ),
        ] {
            let wrong = stripped(text.into()).unwrap_err();
            assert_eq!((wrong.line, &*wrong.why), (line, why), "{text}");
        }
    }
}
