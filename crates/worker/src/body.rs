//! Bodies on their way in.

use axum::body::Body;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::Result;
use workspace_durable_object::chunks;

/// Returns the body that JavaScript hands over: nothing, bytes, or a stream.
///
/// # Errors
/// `Unavailable` for what is none of these.
pub(crate) fn incoming(body: &JsValue) -> Result<Body> {
    if body.is_undefined() || body.is_null() {
        return Ok(Body::empty());
    }
    match body.dyn_ref::<Uint8Array>() {
        Some(bytes) => Ok(Body::from(bytes.to_vec())),
        None => Ok(Body::from_stream(chunks(body)?)),
    }
}
