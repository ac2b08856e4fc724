//! What is answered before any workspace: health, the document, and what a browser asks
//! before a request.

use axum::Router;
use axum::body::Body;
use js_sys::Array;
use tower::ServiceExt as _;
use wasm_bindgen::prelude::*;
use workspace_http::{Origins, absent, problem};

use crate::answer::answer;
use crate::panics;
use crate::request::request;

/// The contract without a workspace: it answers as one that is not there.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Front(Router);

#[wasm_bindgen]
impl Front {
    /// Takes the origins whose pages may ask.
    ///
    /// # Errors
    /// What is no origin.
    #[wasm_bindgen(constructor)]
    pub fn new(origins: Option<String>) -> std::result::Result<Self, JsError> {
        panics::keep_to_places();
        let origins = Origins::new(&origins.unwrap_or_default());
        let origins = origins.map_err(|error| JsError::new(&error.to_string()))?;
        Ok(Self(origins.admit(absent())))
    }

    /// Answers a request without a body. Takes and resolves to what `fetch` of an object
    /// does.
    ///
    /// # Errors
    /// Only what no answer can be made of.
    pub async fn fetch(
        &self,
        method: String,
        target: String,
        headers: String,
    ) -> std::result::Result<Array, JsError> {
        let router = self.0.clone();
        let response = match request(&method, &target, &headers, Body::empty()) {
            Ok(request) => match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Err(error) => problem(error),
        };
        let answered = answer(response).await;
        answered.map_err(|error| JsError::new(error.kind().code()))
    }
}
