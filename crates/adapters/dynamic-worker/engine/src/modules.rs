//! The modules of a program: what an import finds, which is nothing outside of it.

use std::cell::RefCell;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declarations, Declared, Exports, ModuleDef};
use rquickjs::{Ctx, Error, Exception, Module, Result};

use crate::world::Module as Given;

thread_local! {
    static PROGRAM: RefCell<Vec<Given>> = const { RefCell::new(Vec::new()) };
}

/// Sets the modules of this run, and returns the specifier of the first.
pub(crate) fn start(modules: Vec<Given>) -> Option<String> {
    let first = modules.first().map(|module| format!("./{}", module.name));
    PROGRAM.set(modules);
    first
}

/// Finds the modules of the program, for imports of relative paths.
pub(crate) struct Program;

fn exists(name: &str) -> bool {
    PROGRAM.with_borrow(|program| program.iter().any(|module| module.name == name))
}

fn source(name: &str) -> Option<String> {
    PROGRAM.with_borrow(|program| {
        let found = program.iter().find(|module| module.name == name)?;
        Some(found.source.clone())
    })
}

/// Returns the path that a relative specifier names, or `None` outside of the program.
fn joined(base: &str, specifier: &str) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            "" => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl Resolver for Program {
    fn resolve<'js>(
        &mut self,
        cx: &Ctx<'js>,
        base: &str,
        specifier: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        let relative = specifier.starts_with("./") || specifier.starts_with("../");
        if !relative {
            let why = format!("no module \"{specifier}\": a run has those of its program only");
            return Err(Exception::throw_message(cx, &why));
        }
        let path = joined(base, specifier);
        let Some(found) = path.filter(|path| exists(path)) else {
            let why = format!("no module \"{specifier}\" in the program, imported by \"{base}\"");
            return Err(Exception::throw_message(cx, &why));
        };
        if let Some(attributes) = attributes {
            for key in attributes.keys() {
                let key = key?;
                let value = attributes.get(&key)?.unwrap_or_default();
                if key != "type" || value != "json" || !found.ends_with(".json") {
                    let why = format!("\"{specifier}\" cannot be imported with {key}: \"{value}\"");
                    return Err(Exception::throw_type(cx, &why));
                }
            }
        }
        Ok(found)
    }
}

impl Loader for Program {
    fn load<'js>(
        &mut self,
        cx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if name.ends_with(".json") {
            return Module::declare_def::<Json, _>(cx.clone(), name);
        }
        if name.ends_with(".txt") {
            return Module::declare_def::<Text, _>(cx.clone(), name);
        }
        let source = source(name).ok_or_else(|| Error::new_loading(name))?;
        Module::declare(cx.clone(), name, source)
    }
}

/// A module that is text, which is the default export.
struct Text;

impl ModuleDef for Text {
    fn declare(declarations: &Declarations) -> Result<()> {
        declarations.declare("default")?;
        Ok(())
    }

    fn evaluate<'js>(_: &Ctx<'js>, exports: &Exports<'js>) -> Result<()> {
        let name: String = exports.module().name()?;
        let source = source(&name).ok_or_else(|| Error::new_loading(&*name))?;
        exports.export("default", source)?;
        Ok(())
    }
}

/// A module that is JSON; its value is the default export.
struct Json;

impl ModuleDef for Json {
    fn declare(declarations: &Declarations) -> Result<()> {
        declarations.declare("default")?;
        Ok(())
    }

    fn evaluate<'js>(cx: &Ctx<'js>, exports: &Exports<'js>) -> Result<()> {
        let name: String = exports.module().name()?;
        let source = source(&name).ok_or_else(|| Error::new_loading(&*name))?;
        let value = cx.json_parse(source)?;
        exports.export("default", value)?;
        Ok(())
    }
}
