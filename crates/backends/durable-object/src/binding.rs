//! The calls of the platform that this crate makes. Each that can throw is
//! caught, so that no exception ever passes through Rust.

use js_sys::{Array, ArrayBuffer, Iterator, JsString, Object, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `crypto.getRandomValues`, which cannot fail for so few bytes.
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub(crate) fn get_random_values(into: &mut [u8]);
}

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`, with a SQLite database.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Storage;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn sql(this: &Storage) -> Result<Sql, JsValue>;
    /// Commits what `body` wrote, or rolls it back where `body` throws.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    pub(crate) fn transaction_sync(
        this: &Storage,
        body: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<(), JsValue>;

    /// `SqlStorage`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Sql;

    #[wasm_bindgen(method, catch, variadic)]
    pub(crate) fn exec(this: &Sql, sql: &JsString, params: &Array) -> Result<Cursor, JsValue>;

    /// `SqlStorageCursor`.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Cursor;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn raw(this: &Cursor) -> Result<Iterator, JsValue>;
    #[wasm_bindgen(method, catch, getter, js_name = rowsWritten)]
    pub(crate) fn rows_written(this: &Cursor) -> Result<f64, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// `R2Bucket`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug, Clone)]
    pub(crate) type Bucket;

    #[wasm_bindgen(method, catch)]
    pub(crate) async fn head(this: &Bucket, key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn get(
        this: &Bucket,
        key: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn put(
        this: &Bucket,
        key: &str,
        value: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn delete(this: &Bucket, keys: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn list(this: &Bucket, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createMultipartUpload)]
    pub(crate) async fn create_multipart_upload(
        this: &Bucket,
        key: &str,
    ) -> Result<JsValue, JsValue>;

    /// `R2MultipartUpload`.
    #[wasm_bindgen(extends = Object)]
    #[derive(Debug)]
    pub(crate) type Upload;

    #[wasm_bindgen(method, catch, js_name = uploadPart)]
    pub(crate) async fn upload_part(
        this: &Upload,
        number: u32,
        value: &Uint8Array,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn complete(this: &Upload, parts: &Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) async fn abort(this: &Upload) -> Result<JsValue, JsValue>;

    /// `R2Objects`, a page of a listing.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Page;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn objects(this: &Page) -> Result<Vec<Head>, JsValue>;
    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn truncated(this: &Page) -> Result<bool, JsValue>;

    /// `R2Object`.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Head;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn key(this: &Head) -> Result<String, JsValue>;
    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn size(this: &Head) -> Result<f64, JsValue>;

    /// `R2ObjectBody`.
    #[wasm_bindgen(extends = Object)]
    pub(crate) type Found;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn size(this: &Found) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, catch, getter)]
    pub(crate) fn body(this: &Found) -> Result<Readable, JsValue>;

    /// `ReadableStream`.
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
