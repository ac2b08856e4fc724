//! Archives in which others find something else than the sources do, each with its reason.

/// Returns the name of the exception that an archive is; `None` where it is none. `others`
/// are those who find something else, of `readers` that read it.
pub(crate) fn name(
    kind: &str,
    bytes: &[u8],
    others: &[&str],
    readers: usize,
) -> Option<&'static str> {
    let _ = (kind, bytes, others, readers);
    None
}
