//! The methods as the declarations, the world, the prelude and the table have them: with the
//! same parameters, the same options, and the same fields of what they answer.

use std::collections::BTreeMap;

use wit_parser::{Resolve, Type, TypeDefKind};

use super::{Does, Kind, METHODS, kind_of};

/// What something is made of, in what TypeScript and WIT have in common.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Nothing,
    Text,
    Number,
    Yes,
    Bytes,
    List(Box<Shape>),
    Record(Fields),
    /// One of several, by their `kind`.
    Either(BTreeMap<String, Shape>),
    /// A text that is always the same.
    Mark(String),
}

/// Fields by their names, and whether one may be missing.
type Fields = BTreeMap<String, (bool, Shape)>;

/// A method's parameters, its options among them, and what it answers.
type Methods = BTreeMap<String, (Fields, Shape)>;

/// Reads the declarations of `guest.d.ts`, which have no more of TypeScript than this.
struct Reader<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    named: BTreeMap<&'a str, Shape>,
    methods: Methods,
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let size = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap(),
            '/' => rest.find("*/").unwrap() + 2,
            '"' => rest[1..].find('"').unwrap() + 2,
            it if it.is_alphanumeric() => {
                let end = rest.find(|it: char| !it.is_alphanumeric());
                end.unwrap_or(rest.len())
            }
            it => it.len_utf8(),
        };
        if first != '/' {
            tokens.push(&rest[..size]);
        }
        rest = rest[size..].trim_start();
    }
    tokens
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> &'a str {
        self.at += 1;
        self.tokens[self.at - 1]
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.tokens.get(self.at) == Some(&token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &str) {
        let near = &self.tokens[self.at.saturating_sub(5)..self.at];
        assert_eq!(self.tokens.get(self.at), Some(&token), "after {near:?}");
        self.at += 1;
    }

    fn all(&mut self) {
        while self.takes("export") {
            match self.next() {
                "type" => {
                    let name = self.next();
                    // What is made of a result is its value.
                    let generic = self.takes("<").then(|| self.at += 2).is_some();
                    self.expect("=");
                    let shape = self.one_of_several();
                    self.expect(";");
                    if !generic {
                        self.named.insert(name, shape);
                    }
                }
                "interface" => {
                    let name = self.next();
                    self.expect("{");
                    let fields = self.members();
                    self.named.insert(name, Shape::Record(fields));
                }
                other => panic!("`export {other}`"),
            }
        }
        assert_eq!(self.at, self.tokens.len());
    }

    /// Reads members up to a closing brace.
    fn members(&mut self) -> Fields {
        let mut fields = Fields::new();
        while !self.takes("}") {
            let name = self.next().to_owned();
            if self.takes("(") {
                let parameters = self.parameters();
                self.expect(":");
                let answer = self.one_of_several();
                self.methods.insert(name, (parameters, answer));
            } else {
                fields.insert(name, self.rest_of_field());
            }
            self.takes(";");
        }
        fields
    }

    fn rest_of_field(&mut self) -> (bool, Shape) {
        let may_be_missing = self.takes("?");
        self.expect(":");
        (may_be_missing, self.one_of_several())
    }

    fn parameters(&mut self) -> Fields {
        let mut all = Fields::new();
        while !self.takes(")") {
            let name = self.next().to_owned();
            let field = self.rest_of_field();
            match (&*name, field) {
                ("options", (true, Shape::Record(options))) => {
                    assert!(options.values().all(|(may_be_missing, _)| *may_be_missing));
                    all.extend(options);
                }
                (_, field) => drop(all.insert(name, field)),
            }
            self.takes(",");
        }
        all
    }

    fn one_of_several(&mut self) -> Shape {
        self.takes("|");
        let mut all = vec![self.one_of_all()];
        while self.takes("|") {
            all.push(self.one_of_all());
        }
        if all.len() == 1 {
            return all.remove(0);
        }
        let kinds = all.into_iter().map(|one| match one {
            Shape::Record(mut fields) => match fields.remove("kind").or(fields.remove("status")) {
                Some((false, Shape::Mark(kind))) => (kind, Shape::Record(fields)),
                other => panic!("{other:?}"),
            },
            // The ways to say bytes.
            other => (String::new(), other),
        });
        let kinds: BTreeMap<String, Shape> = kinds.collect();
        match kinds.contains_key("") {
            true => Shape::Bytes,
            false => Shape::Either(kinds),
        }
    }

    fn one_of_all(&mut self) -> Shape {
        let mut first = self.one();
        while self.takes("&") {
            let (Shape::Record(fields), Shape::Record(more)) = (&mut first, self.one()) else {
                panic!("what is put together has fields");
            };
            fields.extend(more);
        }
        first
    }

    fn one(&mut self) -> Shape {
        let mut shape = match self.next() {
            "{" => Shape::Record(self.members()),
            "string" => Shape::Text,
            "number" => Shape::Number,
            "boolean" => Shape::Yes,
            "null" | "T" => Shape::Nothing,
            "Uint8Array" | "ArrayBuffer" | "ArrayBufferView" => Shape::Bytes,
            "Promise" | "Result" => {
                self.expect("<");
                let inner = self.one_of_several();
                self.expect(">");
                inner
            }
            text if text.starts_with('"') => Shape::Mark(text.trim_matches('"').into()),
            name => match self.named.get(name) {
                Some(shape) => shape.clone(),
                // That of the result, which is read before it.
                None if name == "Failure" => Shape::Nothing,
                None => panic!("`{name}` is not known"),
            },
        };
        while self.takes("[") {
            self.expect("]");
            shape = Shape::List(Box::new(shape));
        }
        shape
    }
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |name, part| {
        name + &part[..1].to_uppercase() + &part[1..]
    })
}

/// Returns whether it may be missing, and what it is.
fn of_wit(resolve: &Resolve, ty: &Type) -> (bool, Shape) {
    let inner = |ty: &Type| of_wit(resolve, ty).1;
    let shape = match ty {
        Type::Bool => Shape::Yes,
        Type::String => Shape::Text,
        Type::U32 | Type::U64 | Type::S64 => Shape::Number,
        Type::Id(id) => match &resolve.types[*id].kind {
            TypeDefKind::Option(ty) => return (true, inner(ty)),
            TypeDefKind::Type(ty) => inner(ty),
            TypeDefKind::List(Type::U8) => Shape::Bytes,
            TypeDefKind::List(ty) => Shape::List(Box::new(inner(ty))),
            TypeDefKind::Result(result) => result.ok.as_ref().map_or(Shape::Nothing, inner),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|it| (camel(&it.name), of_wit(resolve, &it.ty)));
                Shape::Record(fields.collect())
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|it| (it.name.clone(), inner(it.ty.as_ref().unwrap())));
                Shape::Either(cases.collect())
            }
            other => panic!("{}", other.as_str()),
        },
        other => panic!("{other:?}"),
    };
    (false, shape)
}

fn declared() -> (Methods, BTreeMap<&'static str, Shape>) {
    let mut reader = Reader {
        tokens: tokens(include_str!("../../guest/guest.d.ts")),
        at: 0,
        named: BTreeMap::new(),
        methods: Methods::new(),
    };
    reader.all();
    (reader.methods, reader.named)
}

fn world() -> (Methods, Shape) {
    let mut resolve = Resolve::default();
    let text = include_str!("../../wit/guest.wit");
    resolve.push_source("guest.wit", text).unwrap();
    let mut all = resolve.interfaces.iter();
    let (_, files) = all
        .find(|(_, it)| it.name.as_deref() == Some("files"))
        .unwrap();
    let methods = files.functions.values().map(|function| {
        let mut parameters = Fields::new();
        for parameter in &function.params {
            let field = of_wit(&resolve, &parameter.ty);
            match (&*parameter.name, field) {
                ("options" | "paging", (false, Shape::Record(options))) => {
                    parameters.extend(options);
                }
                (name, field) => drop(parameters.insert(camel(name), field)),
            }
        }
        let (_, answer) = of_wit(&resolve, &function.result.unwrap());
        (camel(&function.name), (parameters, answer))
    });
    let failure = Type::Id(files.types["failure"]);
    (methods.collect(), of_wit(&resolve, &failure).1)
}

#[test]
fn the_world_has_what_the_declarations_have() {
    let ((declared, named), (world, failure)) = (declared(), world());
    let names = |methods: &Methods| -> Vec<String> { methods.keys().cloned().collect() };
    assert_eq!(names(&declared), names(&world));
    for (name, (parameters, answer)) in &declared {
        assert_eq!(*parameters, world[name].0, "the parameters of `{name}`");
        assert_eq!(*answer, world[name].1, "the answer of `{name}`");
    }
    assert_eq!(named["Failure"], failure);
}

#[test]
fn the_table_takes_what_the_declarations_say() {
    let (mut declared, _) = declared();
    for method in &METHODS {
        let (mut parameters, _) = declared.remove(method.name).unwrap();
        // What is written comes beside the arguments.
        let contents = parameters.remove("contents");
        assert_eq!(
            contents.is_some(),
            method.does == Does::Write,
            "{}",
            method.name
        );
        let needs = method.needs.iter().map(|name| (*name, false));
        let takes = method.takes.iter().map(|name| (*name, true));
        let all = needs.chain(takes).map(|(name, may_be_missing)| {
            let shape = match kind_of(name) {
                Kind::Text => Shape::Text,
                Kind::Yes => Shape::Yes,
                Kind::Limit => Shape::Number,
                Kind::Other => parameters[name].1.clone(),
            };
            (name.to_owned(), (may_be_missing, shape))
        });
        assert_eq!(all.collect::<Fields>(), parameters, "{}", method.name);
    }
    assert!(declared.is_empty(), "{declared:?}");
}

#[test]
fn the_prelude_takes_first_what_the_declarations_have_before_options() {
    let prelude = include_str!("../../guest/prelude.js");
    let declared = include_str!("../../guest/guest.d.ts");
    let start = prelude.find("METHODS = {").unwrap() + "METHODS = {".len();
    let end = start + prelude[start..].find("};").unwrap();
    let mut count = 0;
    for line in prelude[start..end]
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let (name, names) = line.trim().split_once(": ").unwrap();
        let names: Vec<String> = serde_json::from_str(names.trim_end_matches(',')).unwrap();
        let from = declared.find(&format!("\n  {name}(")).unwrap() + name.len() + 4;
        let to = from + declared[from..].find("): Promise").unwrap();
        let said = tokens(&declared[from..to]);
        // A name that is followed by a type, outside of braces.
        let mut depth = 0;
        let mut found = Vec::new();
        for (at, token) in said.iter().enumerate() {
            match *token {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let follows = said.get(at + 1..).unwrap_or_default();
            let is_named = matches!(follows, [":", ..] | ["?", ":", ..]);
            if depth == 0 && is_named && !["options", "contents", "?"].contains(token) {
                found.push((*token).to_owned());
            }
        }
        assert_eq!(names, found, "{name}");
        count += 1;
    }
    assert_eq!(count, METHODS.len());
}
