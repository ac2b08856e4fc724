//! Where something was thrown, as stacks tell it.

/// Returns the module and the line of the first frame of a stack that is in one of the
/// program's modules. Reads the stacks of V8 and of QuickJS; `heading` is what V8 puts before
/// the frames, `Name: message`.
pub(crate) fn place<'a>(
    stack: &str,
    heading: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<(&'a str, u32)> {
    let frames = stack.strip_prefix(heading).unwrap_or(stack);
    frames.lines().find_map(|line| {
        let frame = line.trim().strip_prefix("at ")?;
        let (module, line) = location(frame)?;
        let name = names.clone().find(|name| *name == module)?;
        Some((name, line))
    })
}

/// Returns the module and the line of a frame: `f (main.js:3:5)`, `main.js:3:5`, with or
/// without the column, and with `async` or a scheme as V8 has them.
fn location(frame: &str) -> Option<(&str, u32)> {
    let inner = frame.strip_suffix(')').and_then(|frame| {
        let (_, inner) = frame.rsplit_once(" (")?;
        Some(inner)
    });
    let inner = inner.unwrap_or_else(|| frame.strip_prefix("async ").unwrap_or(frame));
    let (before, last) = inner.rsplit_once(':')?;
    let last = last.parse::<u32>().ok()?;
    let (module, line) = match before.rsplit_once(':') {
        Some((module, line)) => match line.parse() {
            Ok(line) => (module, line),
            Err(_) => (before, last),
        },
        None => (before, last),
    };
    let module = module.split_once("://").map_or(module, |(_, path)| path);
    Some((module.trim_start_matches('/'), line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_frame_in_the_program_is_found() {
        let names = ["main.js", "lib/a.js", "a (1).js", "c:d.js"];
        let cases = [
            // QuickJS.
            (
                "    at f (lib/a.js:3:5)\n    at <anonymous> (main.js:9:1)\n",
                Some(("lib/a.js", 3)),
            ),
            (
                "    at parse (native)\n    at <anonymous> (main.js:2:14)\n",
                Some(("main.js", 2)),
            ),
            ("    at main.js:7\n", Some(("main.js", 7))),
            ("    at main.js:7:11\n", Some(("main.js", 7))),
            (
                "    at run (workspace:prelude:160:20)\n    at f (main.js:1)\n",
                Some(("main.js", 1)),
            ),
            ("    at f (a (1).js:4:1)\n", None),
            ("    at a (1).js:4:1\n", Some(("a (1).js", 4))),
            ("    at f (c:d.js:4:1)\n", Some(("c:d.js", 4))),
            // V8.
            ("E: m\n    at f (main.js:3:5)", Some(("main.js", 3))),
            (
                "E: m\n    at async f (file:///lib/a.js:3:5)",
                Some(("lib/a.js", 3)),
            ),
            ("E: m\n    at async main.js:3:5", Some(("main.js", 3))),
            ("E: m\n    at file:///main.js:8:2", Some(("main.js", 8))),
            ("E: m\n    at new X (main.js:12:9)", Some(("main.js", 12))),
            (
                "E: m\n    at async Promise.all (index 0)\n    at g (main.js:2:2)",
                Some(("main.js", 2)),
            ),
            // Neither.
            ("", None),
            ("E: m", None),
            ("    at f (other.js:3:5)", None),
            ("    at f (main.js:x:y)", None),
            ("    at f (main.js:99999999999:1)", None),
            ("    at f (b/main.js:1:1)", None),
            ("at )(", None),
            ("at :", None),
        ];
        for (stack, expected) in cases {
            assert_eq!(place(stack, "E: m", names.into_iter()), expected, "{stack}");
        }
    }

    #[test]
    fn a_message_is_no_frame() {
        let heading = "Error: x\n    at main.js:99:1";
        let stack = format!("{heading}\n    at f (main.js:3:5)");
        let found = place(&stack, heading, ["main.js"].into_iter());
        assert_eq!(found, Some(("main.js", 3)));
    }
}
