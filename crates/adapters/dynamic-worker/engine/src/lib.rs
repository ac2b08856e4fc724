//! JavaScript as a component: QuickJS over the world `engine` of `../wit/guest.wit`. What
//! code finds around it comes from `../guest/prelude.js`, as on every host, and from
//! `surroundings.js`, for what V8 has and QuickJS has not.
//!
//! [`engine`] is made once, by `init`, before the snapshot; [`run`] drives a program; what it
//! waits for is in [`events`]; [`modules`] finds what it imports.

mod clock;
mod engine;
mod events;
mod modules;
mod natives;
mod random;
mod run;
mod stack;

/// What wit-bindgen makes of the world.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::undocumented_unsafe_blocks,
    clippy::all
)]
mod world {
    use super::Exports;

    wit_bindgen::generate!({ path: "../wit", world: "engine" });
    export!(Exports);
}

/// What the component exports.
struct Exports;

impl world::Guest for Exports {
    fn init() {
        engine::make();
    }

    async fn run(modules: Vec<world::Module>, input: String) -> String {
        let top = stack::top();
        let ended = run::run(modules, input).await;
        let mark = if stack::came_to_its_end(top) { '!' } else { '+' };
        format!("{mark}{ended}")
    }
}
