//! Signatures by the platform.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    async fn import_key(
        format: &str,
        key: &Uint8Array,
        algorithm: &Object,
        extractable: bool,
        uses: &Array,
    ) -> std::result::Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    async fn sign(
        algorithm: &str,
        key: &JsValue,
        said: &Uint8Array,
    ) -> std::result::Result<JsValue, JsValue>;
}

/// What GitHub takes.
const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

/// Signs by RSASSA-PKCS1-v1_5 with SHA-256; the key is PKCS #8.
pub(super) async fn rs256(key: &[u8], said: &[u8]) -> Result<Vec<u8>> {
    let (key, said) = (Uint8Array::from(key), Uint8Array::from(said));
    let signed = SendWrapper::new(signed(key, said)).await;
    signed.map_err(|_| Error::invalid("sign", "the platform does not take the key"))
}

async fn signed(key: Uint8Array, said: Uint8Array) -> std::result::Result<Vec<u8>, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &ALGORITHM.into())?;
    Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let uses = Array::of1(&"sign".into());
    let key = import_key("pkcs8", &key, &algorithm, false, &uses).await?;
    let signature: ArrayBuffer = sign(ALGORITHM, &key, &said).await?.dyn_into()?;
    Ok(Uint8Array::new(&signature).to_vec())
}
