//! What is written down of a panic.

use std::sync::Once;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// Has panics say where they were, and not what of: a message may hold what it was about.
/// `worker` would write down all of it.
pub(crate) fn keep_to_places() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string);
            let at = at.unwrap_or_default();
            console_error(&format!(
                r#"{{"level":"error","message":"panic","at":"{}"}}"#,
                at.escape_default()
            ));
        }));
    });
}
