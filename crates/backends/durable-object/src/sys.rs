//! The calls of the platform that `worker` does not have, or lets throw through Rust.
//! Each that can throw is caught here, so that no exception ever passes through Rust.

use js_sys::{Array, ArrayBuffer, Iterator, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `crypto.getRandomValues`, which cannot fail for so few bytes. `worker` has none.
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub(crate) fn get_random_values(into: &mut [u8]);
}

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`, as far as `worker` does not know it; that one cannot be
    /// cloned either.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Storage;

    /// Throws where the class has no SQLite database, which `worker` does not catch.
    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn sql(this: &Storage) -> Result<Sql, JsValue>;
    /// Commits what `body` wrote, or rolls it back where `body` throws. `worker` has only
    /// the transactions that wait.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    pub(crate) fn transaction_sync(
        this: &Storage,
        body: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<(), JsValue>;

    /// `SqlStorage`: that of `worker` takes each statement as text of Rust's, which is
    /// copied in every call.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Sql;

    #[wasm_bindgen(method, catch, variadic)]
    pub(crate) fn exec(this: &Sql, sql: &JsString, params: &Array) -> Result<Cursor, JsValue>;

    /// `SqlStorageCursor`: a statement that fails while its rows are read throws, which
    /// `worker` does not catch.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Cursor;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn raw(this: &Cursor) -> Result<Iterator, JsValue>;
    #[wasm_bindgen(method, catch, getter, js_name = rowsWritten)]
    pub(crate) fn rows_written(this: &Cursor) -> Result<f64, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// `ReadableStream`: that of web-sys lets `getReader` throw, and cannot read into a
    /// buffer.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Readable;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    pub(crate) fn get_reader(this: &Readable) -> Result<Reader, JsValue>;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    pub(crate) fn get_reader_of(this: &Readable, options: &JsValue) -> Result<Reader, JsValue>;

    /// `ReadableStreamDefaultReader`, or `ReadableStreamBYOBReader`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug)]
    pub(crate) type Reader;

    #[wasm_bindgen(method, catch)]
    pub(crate) async fn read(this: &Reader) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = read)]
    pub(crate) async fn read_into(this: &Reader, view: &Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn cancel(this: &Reader) -> Result<js_sys::Promise, JsValue>;

    /// What `read` resolves to.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Chunk;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn done(this: &Chunk) -> Result<bool, JsValue>;
    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn value(this: &Chunk) -> Result<Uint8Array, JsValue>;

    /// Collects what an iterator has, in one call from here.
    #[wasm_bindgen(catch, js_namespace = Array, js_name = from)]
    pub(crate) fn collected(iterator: &JsValue) -> Result<Array, JsValue>;
}

/// Copies a blob that the database handed out.
pub(crate) fn bytes_of(value: &JsValue) -> Option<Vec<u8>> {
    let buffer = value.dyn_ref::<ArrayBuffer>()?;
    Some(Uint8Array::new(buffer).to_vec())
}
