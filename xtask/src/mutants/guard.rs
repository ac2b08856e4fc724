//! Source text with all of its mutants in it, each behind a switch.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Result, bail};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Pat, ReturnType, Signature, Type, TypeParamBound};

use super::constant::Constant;
use super::list::{Genre, Mutant, Place};

/// A file with its mutants in it.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) text: String,
    /// Where in the text mutants are.
    pub(super) parts: Vec<Part>,
    /// The mutants that are not in it, and why.
    pub(super) left_out: BTreeMap<usize, LeftOut>,
}

/// A part of the text that mutants made.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    pub(super) mutants: Vec<usize>,
    /// Tells whether that is what a mutant runs, rather than what its switch chooses from.
    pub(super) mutated: bool,
}

/// Why a mutant is not in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// It does not parse.
    Unparsable,
    /// It is in what the compiler computes, where nothing can be switched.
    Constant,
    /// A function's type is that of its body, and the mutant's is another.
    Opaque,
}

/// Puts mutants into the text of a file, and what mutants make of constants in their place.
///
/// # Errors
/// For a file that does not parse, and for a mutant whose place is not found in it.
pub(super) fn guard(source: &str, mutants: &[&Mutant], constants: &[&Constant]) -> Result<Guarded> {
    let file = syn::parse_file(source)?;
    let lines = Lines::of(source);
    let mut wanted: BTreeMap<(usize, Genre), Vec<Wanted>> = BTreeMap::new();
    for mutant in mutants {
        let range = lines.offset(mutant.start)..lines.offset(mutant.end);
        let key = (range.start, mutant.genre);
        wanted.entry(key).or_default().push(Wanted {
            number: mutant.number,
            range,
            replacement: mutant.replacement.clone(),
        });
    }
    let mut writer = Writer {
        source,
        wanted,
        constants,
        chain: None,
        beside_let: false,
        constant: 0,
        alternatives: BTreeMap::new(),
        insertions: Vec::new(),
        left_out: BTreeMap::new(),
    };
    writer.visit_file(&file);
    let lost = writer.wanted.values().flatten().next();
    if let Some(lost) = lost {
        let mutant = mutants.iter().find(|mutant| mutant.number == lost.number);
        let name = mutant.map_or("", |mutant| &mutant.name);
        bail!("{name}: nothing of that kind is there");
    }
    Ok(writer.write())
}

/// A mutant by its place.
struct Wanted {
    number: usize,
    range: Range<usize>,
    replacement: String,
}

/// Where the lines of a text begin.
pub(super) struct Lines<'s> {
    source: &'s str,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    pub(super) fn of(source: &'s str) -> Self {
        let ends = source.match_indices('\n').map(|(end, _)| end + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { source, starts }
    }

    /// Returns where a place is, in bytes; the end of the text for one behind it.
    pub(super) fn offset(&self, place: Place) -> usize {
        let Some(&start) = self.starts.get(place.line - 1) else {
            return self.source.len();
        };
        let mut characters = self.source[start..].char_indices();
        let found = characters.nth(place.column - 1);
        found.map_or(self.source.len(), |(at, _)| start + at)
    }
}

/// A text to be put in at a place.
struct Insertion {
    at: usize,
    /// Which of several at one place is first.
    order: Order,
    pieces: Vec<Piece>,
}

/// What ends at a place comes first, the innermost first of all; what begins there last,
/// the outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// The end of what is as long, and, of two equally long, the inner.
    End(usize, bool),
    Statement,
    /// The beginning of what is as much shorter than anything can be.
    Start(usize, bool),
}

struct Piece {
    text: String,
    mutant: Option<usize>,
    /// Tells whether a switch begins with it (and with which mutants), or ends.
    switch: Option<Switch>,
}

enum Switch {
    Begins(Vec<usize>),
    Ends,
}

impl Piece {
    fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            mutant: None,
            switch: None,
        }
    }

    fn mutated(mutant: usize, text: impl Into<String>) -> Self {
        Self {
            mutant: Some(mutant),
            ..Self::plain(text)
        }
    }
}

struct Writer<'s> {
    source: &'s str,
    /// What is still to be found.
    wanted: BTreeMap<(usize, Genre), Vec<Wanted>>,
    /// What mutants change wherever it is used.
    constants: &'s [&'s Constant],
    /// The whole of operands and operators that we are in, which another operator may
    /// divide in another way.
    chain: Option<Range<usize>>,
    /// Tells whether what comes is joined by `&&` to what binds variables.
    beside_let: bool,
    /// How many constants we are in.
    constant: usize,
    /// Expressions, and what mutants make of them.
    alternatives: BTreeMap<(usize, usize), Vec<(usize, String)>>,
    insertions: Vec<Insertion>,
    left_out: BTreeMap<usize, LeftOut>,
}

pub(super) fn range_of(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// Tells whether an expression binds variables that what follows may use.
fn binds(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => binds(&binary.left) || binds(&binary.right),
        _ => false,
    }
}

fn switch(number: usize) -> String {
    format!("crate::mutant::on({number})")
}

/// Tells whether a type is that of any iterator.
fn is_iterator(of: &syn::TypeImplTrait) -> bool {
    of.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last();
            last.is_some_and(|last| last.ident == "Iterator")
        }
        _ => false,
    })
}

impl Writer<'_> {
    /// Takes what is wanted at a place, unless nothing can be switched here.
    fn take(&mut self, at: usize, genre: Genre) -> Vec<Wanted> {
        let found = self.wanted.remove(&(at, genre)).unwrap_or_default();
        if self.constant == 0 {
            return found;
        }
        for wanted in found {
            self.left_out.insert(wanted.number, LeftOut::Constant);
        }
        Vec::new()
    }

    fn insert(&mut self, at: usize, order: Order, pieces: Vec<Piece>) {
        self.insertions.push(Insertion { at, order, pieces });
    }

    /// Puts text around an expression; `outer` is outside what is around the same.
    fn wrap(&mut self, range: &Range<usize>, outer: bool, before: Vec<Piece>, after: Vec<Piece>) {
        let length = range.len();
        self.insert(
            range.start,
            Order::Start(usize::MAX - length, !outer),
            before,
        );
        self.insert(range.end, Order::End(length, outer), after);
    }

    /// Notes that a mutant makes `text` of the expression at `range`.
    fn alternative(&mut self, number: usize, range: &Range<usize>, text: String) {
        if syn::parse_str::<Expr>(&text).is_err() {
            self.left_out.insert(number, LeftOut::Unparsable);
            return;
        }
        let alternatives = self.alternatives.entry((range.start, range.end));
        alternatives.or_default().push((number, text));
    }

    /// Returns the text of `range` with `replacement` in the place of `part`.
    fn replaced(&self, range: &Range<usize>, part: &Range<usize>, replacement: &str) -> String {
        let before = &self.source[range.start..part.start];
        let after = &self.source[part.end..range.end];
        format!("{before}{replacement}{after}")
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let Some(first) = block.stmts.first() else {
            return;
        };
        let at = range_of(first).start;
        let found = self.take(at, Genre::FnValue);
        if found.is_empty() {
            return;
        }
        let opaque = match &signature.output {
            ReturnType::Type(_, output) => match &**output {
                Type::ImplTrait(output) => Some(output),
                _ => None,
            },
            ReturnType::Default => None,
        };
        let left_out = match (signature.constness.is_some(), opaque) {
            (true, _) => Some(LeftOut::Constant),
            (false, Some(output)) if !is_iterator(output) => Some(LeftOut::Opaque),
            (false, _) => None,
        };
        if let Some(why) = left_out {
            let numbers = found.into_iter().map(|wanted| (wanted.number, why));
            self.left_out.extend(numbers);
            return;
        }
        let mut pieces = Vec::new();
        // An opaque type is one, so values of several types are variants of it: the body is
        // the last, in as many layers as there are mutants.
        let mut layers = String::new();
        for Wanted {
            number,
            replacement,
            ..
        } in found
        {
            let value = match opaque {
                Some(_) => {
                    let value = format!("{layers}crate::mutant::Either::This({replacement}");
                    layers.push_str("crate::mutant::Either::That(");
                    value + &")".repeat(layers.matches('(').count())
                }
                None => replacement,
            };
            let text = format!("if {} {{ return {value}; }} ", switch(number));
            pieces.push(Piece::mutated(number, text));
        }
        if let Some(output) = opaque
            && let Some(last) = pieces.iter().filter_map(|piece| piece.mutant).next_back()
        {
            // Of a value that is no such iterator the compiler complains here. Which one
            // it is it does not say: the plainest is the first.
            let before = Piece {
                switch: Some(Switch::Begins(vec![last])),
                ..Piece::plain("")
            };
            let after = Piece {
                switch: Some(Switch::Ends),
                ..Piece::plain("")
            };
            self.wrap(&range_of(output), true, vec![before], vec![after]);
        }
        if let (Some(_), Some(last)) = (opaque, block.stmts.last()) {
            let close = ")".repeat(layers.matches('(').count());
            pieces.push(Piece::plain(layers + "{ "));
            let end = vec![Piece::plain(format!(" }}{close}"))];
            self.insert(range_of(last).end, Order::Statement, end);
        }
        self.insert(at, Order::Statement, pieces);
    }

    fn in_constant(&mut self, look: impl FnOnce(&mut Self)) {
        self.constant += 1;
        look(self);
        self.constant -= 1;
    }

    /// Looks at an operand, which is in the same chain where it is two operands itself.
    fn operand(&mut self, operand: &Expr, chain: Option<&Range<usize>>) {
        self.chain = match operand {
            Expr::Binary(_) => chain.cloned(),
            _ => None,
        };
        self.visit_expr(operand);
        self.chain = None;
    }

    fn write(mut self) -> Guarded {
        for ((start, end), alternatives) in std::mem::take(&mut self.alternatives) {
            let numbers = alternatives.iter().map(|(number, _)| *number).collect();
            let mut before = vec![Piece {
                switch: Some(Switch::Begins(numbers)),
                ..Piece::plain("(")
            }];
            for (number, text) in alternatives {
                before.push(Piece::plain(format!("if {} {{ (", switch(number))));
                before.push(Piece::mutated(number, text));
                before.push(Piece::plain(") } else "));
            }
            before.push(Piece::plain("{ ("));
            let after = Piece {
                switch: Some(Switch::Ends),
                ..Piece::plain(") })")
            };
            self.wrap(&(start..end), false, before, vec![after]);
        }
        self.insertions
            .sort_by_key(|insertion| (insertion.at, insertion.order));
        let (mut text, mut parts) = (String::new(), Vec::new());
        let (mut written, mut open) = (0, Vec::new());
        for insertion in self.insertions {
            text.push_str(&self.source[written..insertion.at]);
            written = insertion.at;
            for piece in insertion.pieces {
                let start = text.len();
                text.push_str(&piece.text);
                if let Some(mutant) = piece.mutant {
                    parts.push(Part {
                        range: start..text.len(),
                        mutants: vec![mutant],
                        mutated: true,
                    });
                }
                match piece.switch {
                    None => {}
                    Some(Switch::Begins(mutants)) => open.push((start, mutants)),
                    Some(Switch::Ends) => {
                        let (start, mutants) = open.pop().unwrap_or_default();
                        parts.push(Part {
                            range: start..text.len(),
                            mutants,
                            mutated: false,
                        });
                    }
                }
            }
        }
        text.push_str(&self.source[written..]);
        Guarded {
            text,
            parts,
            left_out: self.left_out,
        }
    }
}

impl<'ast> Visit<'ast> for Writer<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        let constant = usize::from(item.sig.constness.is_some());
        self.constant += constant;
        visit::visit_item_fn(self, item);
        self.constant -= constant;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        let constant = usize::from(item.sig.constness.is_some());
        self.constant += constant;
        visit::visit_impl_item_fn(self, item);
        self.constant -= constant;
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.in_constant(|this| visit::visit_item_const(this, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.in_constant(|this| visit::visit_impl_item_const(this, item));
    }

    fn visit_trait_item_const(&mut self, item: &'ast syn::TraitItemConst) {
        self.in_constant(|this| visit::visit_trait_item_const(this, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.in_constant(|this| visit::visit_item_static(this, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.in_constant(|this| visit::visit_item_enum(this, item));
    }

    fn visit_type(&mut self, of: &'ast Type) {
        self.in_constant(|this| visit::visit_type(this, of));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.in_constant(|this| visit::visit_generic_argument(this, argument));
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let name = path.path.segments.last().map(|segment| &segment.ident);
        let used = self
            .constants
            .iter()
            .find(|known| name.is_some_and(|name| *name == known.name));
        let range = range_of(path);
        for (number, text) in used.into_iter().flat_map(|used| &used.alternatives) {
            match self.constant {
                0 => self.alternative(*number, &range, text.clone()),
                _ => {
                    self.left_out.insert(*number, LeftOut::Constant);
                }
            }
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.in_constant(|this| visit::visit_expr_const(this, block));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.in_constant(|this| this.visit_expr(&repeat.len));
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let chain = self.chain.take();
        let found = self.take(range_of(&binary.op).start, Genre::BinaryOperator);
        let binds = binds(&binary.left) || binds(&binary.right);
        let beside_let = std::mem::take(&mut self.beside_let);
        if binds || (beside_let && matches!(binary.op, BinOp::And(_))) {
            // `let` can be joined by `&&` only.
            let numbers = found.iter().map(|wanted| wanted.number);
            let numbers = numbers.map(|number| (number, LeftOut::Unparsable));
            self.left_out.extend(numbers);
            for operand in [&binary.left, &binary.right] {
                self.beside_let = matches!(**operand, Expr::Binary(_));
                self.operand(operand, None);
                self.beside_let = false;
            }
            return;
        }
        let chain = chain.unwrap_or_else(|| range_of(binary));
        for wanted in found {
            let text = self.replaced(&chain, &wanted.range, &wanted.replacement);
            self.alternative(wanted.number, &chain, text);
        }
        self.operand(&binary.left, Some(&chain));
        self.operand(&binary.right, Some(&chain));
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let (range, operand) = (range_of(unary), range_of(&*unary.expr));
        for wanted in self.take(range_of(&unary.op).start, Genre::UnaryOperator) {
            let text = self.source[operand.clone()].to_string();
            self.alternative(wanted.number, &range, text);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, of: &'ast syn::ExprMatch) {
        let catches_all = |arm: &syn::Arm| arm.guard.is_none() && matches!(arm.pat, Pat::Wild(_));
        let exhaustive = of.arms.iter().any(catches_all);
        for arm in &of.arms {
            for wanted in self.take(range_of(arm).start, Genre::MatchArm) {
                if !exhaustive {
                    // Each alone may go, though not all of them.
                    let whole = range_of(of);
                    let text = self.replaced(&whole, &wanted.range, "");
                    self.alternative(wanted.number, &whole, text);
                    continue;
                }
                let text = format!(" if !{}", switch(wanted.number));
                let piece = Piece::mutated(wanted.number, text);
                self.insert(range_of(&arm.pat).end, Order::Statement, vec![piece]);
            }
            let Some((_, condition)) = &arm.guard else {
                continue;
            };
            let range = range_of(&**condition);
            let (mut before, mut after) = (String::new(), String::new());
            let mut numbers = Vec::new();
            for wanted in self.take(range.start, Genre::MatchArmGuard) {
                let on = switch(wanted.number);
                match (wanted.replacement.as_str(), binds(condition)) {
                    ("true", true) => {
                        self.left_out.insert(wanted.number, LeftOut::Unparsable);
                        continue;
                    }
                    ("true", false) => {
                        before = format!("({on} || ({before}");
                        after.push_str("))");
                    }
                    (_, true) => before = format!("!{on} && {before}"),
                    (_, false) => {
                        before.push_str(&format!("!{on} && ("));
                        after.insert(0, ')');
                    }
                }
                numbers.push(wanted.number);
            }
            if !numbers.is_empty() {
                let before = Piece {
                    switch: Some(Switch::Begins(numbers)),
                    ..Piece::plain(before)
                };
                let after = Piece {
                    switch: Some(Switch::Ends),
                    ..Piece::plain(after)
                };
                self.wrap(&range, true, vec![before], vec![after]);
            }
        }
        visit::visit_expr_match(self, of);
    }

    fn visit_expr_struct(&mut self, of: &'ast syn::ExprStruct) {
        let range = range_of(of);
        for field in &of.fields {
            for wanted in self.take(range_of(field).start, Genre::StructField) {
                let text = self.replaced(&range, &wanted.range, "");
                self.alternative(wanted.number, &range, text);
            }
        }
        visit::visit_expr_struct(self, of);
    }
}

#[cfg(test)]
mod tests {
    use super::super::constant::constants;
    use super::*;

    /// Makes a mutant of what is first at `part` in the text.
    fn mutant(source: &str, number: usize, genre: Genre, part: &str, replacement: &str) -> Mutant {
        let at = source.find(part).unwrap();
        let place = |at: usize| {
            let before = &source[..at];
            let line = before.rsplit('\n').next().unwrap();
            Place {
                line: before.matches('\n').count() + 1,
                column: line.chars().count() + 1,
            }
        };
        Mutant {
            number,
            file: "a.rs".into(),
            name: String::new(),
            genre,
            replacement: replacement.into(),
            start: place(at),
            end: place(at + part.len()),
        }
    }

    /// Returns the text with one mutant, numbered 7.
    fn guarded(source: &str, genre: Genre, part: &str, replacement: &str) -> String {
        let mutant = mutant(source, 7, genre, part, replacement);
        let guarded = guard(source, &[&mutant], &[]).unwrap();
        syn::parse_file(&guarded.text).unwrap();
        match guarded.left_out.get(&7) {
            Some(why) => format!("{why:?}"),
            None => guarded.text.replace("crate::mutant::on(7)", "on"),
        }
    }

    #[test]
    fn a_body_has_a_way_out_before_it() {
        let text = guarded("fn f() -> u8 { g(); 3 }", Genre::FnValue, "g(); 3", "1");
        assert_eq!(text, "fn f() -> u8 { if on { return 1; } g(); 3 }");
        let opaque = "fn f() -> impl Iterator<Item = u8> { g() }";
        let text = guarded(opaque, Genre::FnValue, "g()", "::std::iter::once(1)");
        let text = text.replace("crate::mutant::", "");
        let expected = "fn f() -> impl Iterator<Item = u8> { if on { return \
                        Either::This(::std::iter::once(1)); } Either::That({ g() }) }";
        assert_eq!(text, expected);
        assert_eq!(
            guarded("fn f() -> impl Fn() { g() }", Genre::FnValue, "g()", "1"),
            "Opaque"
        );
        assert_eq!(
            guarded("const fn f() -> u8 { 3 }", Genre::FnValue, "3", "1"),
            "Constant"
        );
    }

    #[test]
    fn an_operator_divides_its_chain_as_the_text_would() {
        for (source, part, replacement, expected) in [
            ("a + b", "+", "-", "(if on { (a - b) } else { (a + b) })"),
            // Written so, it is another order: a + (b * c).
            (
                "a + b + c",
                "+ c",
                "* c",
                "(if on { (a + b * c) } else { (a + b + c) })",
            ),
            (
                "a == (b + c)",
                "+",
                "-",
                "a == ((if on { (b - c) } else { (b + c) }))",
            ),
            (
                "f(a < b) == c",
                "<",
                ">",
                "f((if on { (a > b) } else { (a < b) })) == c",
            ),
            (
                "a += b - c",
                "-",
                "+",
                "(if on { (a += b + c) } else { (a += b - c) })",
            ),
            // A type before it makes `<` the beginning of generics.
            ("a as u8 > b", ">", "<", "Unparsable"),
        ] {
            let whole = |inner: &str| format!("fn f() {{ {inner} }}");
            let text = guarded(&whole(source), Genre::BinaryOperator, part, replacement);
            match expected {
                "Unparsable" => assert_eq!(text, expected),
                _ => assert_eq!(text, whole(expected)),
            }
        }
    }

    #[test]
    fn what_binds_is_not_put_behind_a_switch() {
        let source = "fn f() { if let Some(x) = y && x == z && w {} }";
        let text = guarded(source, Genre::BinaryOperator, "==", "!=");
        let expected =
            "fn f() { if let Some(x) = y && (if on { (x != z) } else { (x == z) }) && w {} }";
        assert_eq!(text, expected);
        assert_eq!(
            guarded(source, Genre::BinaryOperator, "&& w", "|| w"),
            "Unparsable"
        );
        let source = "fn f() { if a && b && let Some(x) = y {} }";
        assert_eq!(
            guarded(source, Genre::BinaryOperator, "&& b", "|| b"),
            "Unparsable"
        );
    }

    #[test]
    fn an_operand_stands_without_its_operator() {
        let text = guarded("fn f() { !a.b() == c }", Genre::UnaryOperator, "!", "");
        assert_eq!(
            text,
            "fn f() { (if on { (a.b()) } else { (!a.b()) }) == c }"
        );
    }

    #[test]
    fn arms_and_their_conditions_are_switched() {
        let source = "fn f() { match a { 1 => b, 2 if c == d => e, _ => g } }";
        let text = guarded(source, Genre::MatchArm, "1 => b,", "");
        let expected = "fn f() { match a { 1 if !on => b, 2 if c == d => e, _ => g } }";
        assert_eq!(text, expected);
        let partial = "fn f() { match a { A => b, B => c, _ if d => e } }";
        let text = guarded(partial, Genre::MatchArm, "A => b,", "");
        let expected = "fn f() { (if on { (match a {  B => c, _ if d => e }) } \
                        else { (match a { A => b, B => c, _ if d => e }) }) }";
        assert_eq!(text, expected);
        let text = guarded(source, Genre::MatchArmGuard, "c == d", "false");
        assert!(text.contains("2 if !on && (c == d) => e"), "{text}");

        let mutants = [
            mutant(source, 1, Genre::MatchArmGuard, "c == d", "true"),
            mutant(source, 2, Genre::MatchArmGuard, "c == d", "false"),
            mutant(source, 3, Genre::BinaryOperator, "==", "!="),
        ];
        let text = guard(source, &mutants.each_ref(), &[]).unwrap().text;
        let text = text.replace("crate::mutant::", "");
        let inner = "(if on(3) { (c != d) } else { (c == d) })";
        let whole = format!("2 if (on(1) || (!on(2) && ({inner}))) => e");
        assert!(text.contains(&whole), "{text}");
    }

    #[test]
    fn a_field_comes_from_the_base() {
        let source = "fn f() -> S { S { a: 1, b: 2, ..c } }";
        let text = guarded(source, Genre::StructField, "a: 1,", "");
        let expected =
            "fn f() -> S { (if on { (S {  b: 2, ..c }) } else { (S { a: 1, b: 2, ..c }) }) }";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_constant_is_switched_where_it_is_used() {
        let source = "const A: u8 = 1 << 2; const B: u8 = 3; fn f() { a(A, B) }";
        let mutant = mutant(source, 7, Genre::BinaryOperator, "<<", ">>");
        let found = constants(source, &[&mutant]).unwrap();
        let text = guard(source, &[], &[&found[0]]).unwrap().text;
        let used = "(if crate::mutant::on(7) { ({ const MUTANT: u8 = 1 >> 2; MUTANT }) } \
                    else { (A) })";
        let expected = source.replace("a(A, B)", &format!("a({used}, B)"));
        assert_eq!(text, expected);

        let computed = "const C: u8 = A + 1;";
        let guarded = guard(computed, &[], &[&found[0]]).unwrap();
        assert_eq!(guarded.left_out.get(&7), Some(&LeftOut::Constant));
    }

    #[test]
    fn parts_tell_whose_text_is_where() {
        let source = "fn é() { a + b }";
        let mutant = mutant(source, 7, Genre::BinaryOperator, "+", "-");
        let guarded = guard(source, &[&mutant], &[]).unwrap();
        let parts = guarded.parts.iter();
        let parts: Vec<_> = parts
            .map(|part| (&guarded.text[part.range.clone()], part.mutated))
            .collect();
        let choice = "(if crate::mutant::on(7) { (a - b) } else { (a + b) })";
        assert_eq!(parts, [("a - b", true), (choice, false)]);
    }

    #[test]
    fn a_mutant_that_is_nowhere_is_an_error() {
        let source = "fn f() { a + b }";
        let mutant = mutant(source, 7, Genre::UnaryOperator, "+", "");
        assert!(guard(source, &[&mutant], &[]).is_err());
    }
}
