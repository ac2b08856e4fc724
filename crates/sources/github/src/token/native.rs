//! Signatures by ring.

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use crate::error::{Error, Result};

/// Signs by RSASSA-PKCS1-v1_5 with SHA-256; the key is PKCS #8.
pub(super) async fn rs256(key: &[u8], said: &[u8]) -> Result<Vec<u8>> {
    let failed = |_| Error::invalid("sign", "the key is none of RSA, or too short");
    let pair = RsaKeyPair::from_pkcs8(key)
        .map_err(|error| Error::invalid("sign", format!("the key: {error}")))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        said,
        &mut signature,
    )
    .map_err(failed)?;
    Ok(signature)
}
