//! How each record lies in its columns.

use std::collections::BTreeMap;

use bytes::Bytes;
use workspace_core::store::{
    AppliedAs, Budget, CollectionPhase, CollectionRecord, CopyRecord, CopyState, GrantRecord,
    HeadRecord, MemoEntry, MemoRecord, OperationCause, OperationRecord, Purpose, RevisionCause,
    RevisionRecord, Site, Used,
};
use workspace_core::{
    At, BlobKey, CopyId, Event, EventKind, EventRecord, Glob, Grant, GrantId, MemoKey, Name,
    OperationId, Result, RevisionId, Scope, TreeId, TreePath,
};

use crate::row::Row;

pub(crate) fn head(row: &mut Row<'_>) -> Result<HeadRecord> {
    Ok(HeadRecord {
        version: row.number()?,
        tree: row.id()?,
        revision: row.optional_counter()?.map(RevisionId::new),
        recorded: row.optional_id()?,
        modified: row.time()?,
    })
}

/// Reads the key of an object, where there is one.
pub(crate) fn object(row: &mut Row<'_>) -> Result<Option<BlobKey>> {
    match row.optional_text()? {
        Some(key) => blob_key(row, key).map(Some),
        None => Ok(None),
    }
}

/// Reads ids of nodes, one after the other.
pub(crate) fn node_ids(row: &mut Row<'_>) -> Result<Vec<TreeId>> {
    let (ids, rest) = row.bytes()?.as_chunks();
    match rest {
        [] => Ok(ids.iter().map(|id| TreeId::from_bytes(*id)).collect()),
        _ => Err(row.corrupt("not a whole number of ids")),
    }
}

fn blob_key(row: &Row<'_>, key: &str) -> Result<BlobKey> {
    key.parse()
        .map_err(|cause| row.corrupt("not a blob key").with_source(cause))
}

const OPEN: u64 = 0;
const APPLIED: u64 = 1;
const DISCARDED: u64 = 2;
const APPLIED_TO_PARENT: u64 = 3;

/// Returns the code of a state, and the number of the revision or operation.
pub(crate) fn copy_state(state: CopyState) -> (u64, Option<u64>) {
    match state {
        CopyState::Open => (OPEN, None),
        CopyState::Applied(AppliedAs::Revision(id)) => (APPLIED, Some(id.get())),
        CopyState::Applied(AppliedAs::Operation(id)) => (APPLIED_TO_PARENT, Some(id.get())),
        CopyState::Discarded => (DISCARDED, None),
    }
}

pub(crate) fn copy(row: &mut Row<'_>) -> Result<CopyRecord> {
    Ok(CopyRecord {
        id: row.id()?,
        name: row.optional_text()?.map(str::to_owned),
        state: match (row.number()?, row.optional_counter()?) {
            (OPEN, None) => CopyState::Open,
            (APPLIED, Some(id)) => CopyState::Applied(AppliedAs::Revision(RevisionId::new(id))),
            (APPLIED_TO_PARENT, Some(id)) => {
                CopyState::Applied(AppliedAs::Operation(OperationId::new(id)))
            }
            (DISCARDED, None) => CopyState::Discarded,
            other => return Err(row.corrupt(format_args!("copy state {other:?}"))),
        },
        parent: row.optional_id()?,
        top: row.optional_id()?,
        base_version: row.number()?,
        base: row.id()?,
        tree: row.id()?,
        generation: row.number()?,
        operation: row.optional_counter()?.map(OperationId::new),
        created: row.time()?,
        modified: row.time()?,
        expires: row.optional_time()?,
    })
}

const EDIT: u64 = 0;
const IMPORT: u64 = 1;
const REBASE: u64 = 2;
const UNDO: u64 = 3;
const APPLY_OF: u64 = 4;

/// Returns the code of a cause, the number that it refers to, and the copy.
pub(crate) fn operation_cause(cause: &OperationCause) -> (u64, Option<u64>, Option<&CopyId>) {
    match cause {
        OperationCause::Edit => (EDIT, None, None),
        OperationCause::Import => (IMPORT, None, None),
        OperationCause::Rebase(version) => (REBASE, Some(*version), None),
        OperationCause::Undo(operation) => (UNDO, Some(operation.get()), None),
        OperationCause::Apply(copy) => (APPLY_OF, None, Some(copy)),
    }
}

pub(crate) fn operation(row: &mut Row<'_>) -> Result<OperationRecord> {
    Ok(OperationRecord {
        id: OperationId::new(row.counter()?),
        cause: match (row.number()?, row.optional_number()?, row.optional_id()?) {
            (EDIT, None, None) => OperationCause::Edit,
            (IMPORT, None, None) => OperationCause::Import,
            (REBASE, Some(version), None) => OperationCause::Rebase(version),
            (UNDO, Some(id), None) if id > 0 => OperationCause::Undo(OperationId::new(id)),
            (APPLY_OF, None, Some(copy)) => OperationCause::Apply(copy),
            other => return Err(row.corrupt(format_args!("operation cause {other:?}"))),
        },
        actor: row.text()?.to_owned(),
        note: row.text()?.to_owned(),
        at: row.time()?,
        before: row.id()?,
        after: row.id()?,
    })
}

const APPLY: u64 = 0;
const SNAPSHOT: u64 = 1;
const RESTORE: u64 = 2;
const APPLY_IN_PART: u64 = 3;

pub(crate) fn revision_cause(cause: &RevisionCause) -> (u64, Option<&CopyId>, Option<RevisionId>) {
    match cause {
        RevisionCause::Apply(copy) => (APPLY, Some(copy), None),
        RevisionCause::ApplyInPart(copy) => (APPLY_IN_PART, Some(copy), None),
        RevisionCause::Snapshot => (SNAPSHOT, None, None),
        RevisionCause::Restore(revision) => (RESTORE, None, Some(*revision)),
    }
}

pub(crate) fn revision(row: &mut Row<'_>) -> Result<RevisionRecord> {
    Ok(RevisionRecord {
        id: RevisionId::new(row.counter()?),
        parent: row.optional_counter()?.map(RevisionId::new),
        tree: row.id()?,
        version: row.number()?,
        cause: match (row.number()?, row.optional_id()?, row.optional_counter()?) {
            (APPLY, Some(copy), None) => RevisionCause::Apply(copy),
            (APPLY_IN_PART, Some(copy), None) => RevisionCause::ApplyInPart(copy),
            (SNAPSHOT, None, None) => RevisionCause::Snapshot,
            (RESTORE, None, Some(id)) => RevisionCause::Restore(RevisionId::new(id)),
            other => return Err(row.corrupt(format_args!("revision cause {other:?}"))),
        },
        actor: row.text()?.to_owned(),
        message: row.text()?.to_owned(),
        at: row.time()?,
        metadata: match row.optional_bytes()? {
            None => BTreeMap::new(),
            Some(bytes) => {
                decode_metadata(bytes).ok_or_else(|| row.corrupt("metadata does not decode"))?
            }
        },
    })
}

/// Each key and each value as its length (4 bytes, big-endian) and its bytes;
/// `None` for no metadata.
pub(crate) fn encode_metadata(metadata: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let mut encoded = Vec::new();
    for text in metadata.iter().flat_map(|(key, value)| [key, value]) {
        put_text(&mut encoded, text);
    }
    (!encoded.is_empty()).then_some(encoded)
}

fn decode_metadata(mut encoded: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut metadata = BTreeMap::new();
    while !encoded.is_empty() {
        let key = take_text(&mut encoded)?.to_owned();
        metadata.insert(key, take_text(&mut encoded)?.to_owned());
    }
    Some(metadata)
}

fn put_length(encoded: &mut Vec<u8>, length: usize) {
    // A length beyond 32 bits is beyond the row limit, which refuses it whole.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    encoded.extend_from_slice(&length.to_be_bytes());
}

fn put_text(encoded: &mut Vec<u8>, text: &str) {
    put_length(encoded, text.len());
    encoded.extend_from_slice(text.as_bytes());
}

fn take_length(encoded: &mut &[u8]) -> Option<usize> {
    let (length, rest) = encoded.split_first_chunk()?;
    *encoded = rest;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn take_text<'e>(encoded: &mut &'e [u8]) -> Option<&'e str> {
    let length = take_length(encoded)?;
    let (text, rest) = encoded.split_at_checked(length)?;
    *encoded = rest;
    str::from_utf8(text).ok()
}

pub(crate) fn grant(row: &mut Row<'_>) -> Result<GrantRecord> {
    let (id, token) = (row.id()?, row.id()?);
    let at = match (
        row.optional_id()?,
        row.optional_counter()?,
        row.optional_id()?,
    ) {
        (None, None, None) => At::Head,
        (Some(copy), None, None) => At::Copy(copy),
        (None, Some(revision), None) => At::Revision(RevisionId::new(revision)),
        (None, None, Some(tree)) => At::Tree(tree),
        _ => return Err(row.corrupt("a grant to several files")),
    };
    let scopes = row.optional_bytes()?;
    let [root, index, fallback] = [
        row.optional_text()?,
        row.optional_text()?,
        row.optional_text()?,
    ];
    let how: u64 = row.number()?;
    if how > HIDDEN | APP {
        return Err(row.corrupt("not how a site is shown"));
    }
    let purpose = match (scopes, root, index, fallback) {
        (Some(scopes), None, None, None) => {
            decode_grant(scopes).ok_or_else(|| row.corrupt("scopes do not decode"))?
        }
        // Before version 4 each was of all files.
        (None, root, Some(index), fallback) => site(root.unwrap_or("/"), index, fallback, how)
            .ok_or_else(|| row.corrupt("not the paths of a site"))?,
        _ => return Err(row.corrupt("not exactly one of scopes and page")),
    };
    Ok(GrantRecord {
        id,
        token,
        at,
        purpose,
        label: row.text()?.to_owned(),
        actor: row.text()?.to_owned(),
        parent: row.optional_id()?,
        top: row.optional_id()?,
        budget: Budget {
            max_bytes: row.optional_number()?,
            max_entries: row.optional_number()?,
        },
        used: Used {
            bytes: row.number()?,
            entries: row.number()?,
        },
        created: row.time()?,
        expires: row.optional_time()?,
    })
}

/// How a site is shown, in the column `hidden`: with hidden names; as an application.
const HIDDEN: u64 = 1;
const APP: u64 = 2;

/// Says how a site is shown.
pub(crate) fn how(site: &Site) -> u64 {
    let bit = |is: bool, bit| if is { bit } else { 0 };
    bit(site.hidden, HIDDEN) | bit(site.app, APP)
}

fn site(root: &str, index: &str, fallback: Option<&str>, how: u64) -> Option<Purpose> {
    Some(Purpose::Site(Site {
        root: TreePath::new(root).ok()?,
        hidden: how & HIDDEN != 0,
        app: how & APP != 0,
        index: Name::new(index).ok()?,
        fallback: match fallback {
            Some(path) => Some(TreePath::new(path).ok()?),
            None => None,
        },
    }))
}

/// The first byte of encoded scopes: without it a row that lost its bytes would be
/// full authority.
const SCOPES: u8 = 1;

/// A byte for the version, then each scope as its root, a byte for `delete`, and
/// its read and its write globs, each list with its length before it.
pub(crate) fn encode_grant(grant: &Grant) -> Vec<u8> {
    let mut encoded = vec![SCOPES];
    for scope in grant.scopes() {
        put_text(&mut encoded, scope.root.as_str());
        encoded.push(scope.delete.into());
        for globs in [&scope.read, &scope.write] {
            put_length(&mut encoded, globs.len());
            for glob in globs {
                put_text(&mut encoded, glob.as_str());
            }
        }
    }
    encoded
}

fn decode_grant(encoded: &[u8]) -> Option<Purpose> {
    fn globs(encoded: &mut &[u8]) -> Option<Vec<Glob>> {
        let count = take_length(encoded)?;
        let mut globs = Vec::new();
        for _ in 0..count {
            // One that exceeds the limits of globs, which may have been stored before
            // there were any, grants nothing.
            globs.extend(Glob::new(take_text(encoded)?).ok());
        }
        Some(globs)
    }
    let mut encoded = encoded.strip_prefix(&[SCOPES])?;
    let mut grant = Grant::all();
    while !encoded.is_empty() {
        let root = TreePath::new(take_text(&mut encoded)?).ok()?;
        let (delete, rest) = encoded.split_first()?;
        encoded = rest;
        grant = grant.attenuate(Scope {
            root,
            delete: match delete {
                0 => false,
                1 => true,
                _ => return None,
            },
            read: globs(&mut encoded)?,
            write: globs(&mut encoded)?,
        });
    }
    Some(Purpose::Files(grant))
}

/// The code of each kind; a new kind gets a new one.
pub(crate) fn event_kind(kind: EventKind) -> u64 {
    match kind {
        EventKind::HeadMoved => 0,
        EventKind::Forked => 1,
        EventKind::Renamed => 2,
        EventKind::Changed => 3,
        EventKind::Rebased => 4,
        EventKind::Undone => 5,
        EventKind::Applied => 6,
        EventKind::Discarded => 7,
        EventKind::Expired => 8,
        EventKind::Recorded => 9,
        EventKind::Restored => 10,
        EventKind::Pruned => 11,
        EventKind::AppliedToParent => 12,
        EventKind::Reparented => 13,
        EventKind::AppliedInPart => 14,
    }
}

pub(crate) fn event(row: &mut Row<'_>) -> Result<EventRecord> {
    let sequence = row.counter()?;
    let code = row.number()?;
    let kind = EventKind::ALL
        .into_iter()
        .find(|kind| event_kind(*kind) == code);
    Ok(EventRecord {
        sequence,
        event: Event {
            kind: kind.ok_or_else(|| row.corrupt(format_args!("event kind {code}")))?,
            copy: row.optional_id()?,
            generation: row.optional_number()?,
            version: row.optional_number()?,
            tree: row.optional_id()?,
            revision: row.optional_counter()?.map(RevisionId::new),
            actor: row.optional_text()?.unwrap_or_default().to_owned(),
            at: row.time()?,
        },
    })
}

pub(crate) fn memo(row: &mut Row<'_>) -> Result<MemoRecord> {
    Ok(MemoRecord {
        holder: holder(row)?,
        key: memo_key(row)?,
        request: row.id()?,
        at: row.time()?,
        answer: Bytes::copy_from_slice(row.bytes()?),
    })
}

pub(crate) fn memo_entry(row: &mut Row<'_>) -> Result<MemoEntry> {
    Ok(MemoEntry {
        number: row.counter()?,
        holder: holder(row)?,
        key: memo_key(row)?,
        request: row.id()?,
        at: row.time()?,
        size: row.number()?,
    })
}

/// Reads whose a memo is: that of no grant is empty.
fn holder(row: &mut Row<'_>) -> Result<Option<GrantId>> {
    match row.bytes()? {
        [] => Ok(None),
        id => Ok(Some(GrantId::try_from(id)?)),
    }
}

fn memo_key(row: &mut Row<'_>) -> Result<MemoKey> {
    MemoKey::new(row.text()?).map_err(|cause| row.corrupt("not a key").with_source(cause))
}

const CLEAR: u64 = 0;
const REVISIONS: u64 = 1;
const COPIES: u64 = 2;
const OPERATIONS: u64 = 3;
const SCAN: u64 = 4;
const SWEEP: u64 = 11;
const SWEEP_OBJECTS: u64 = 7;
const EVENTS: u64 = 8;
const DONE: u64 = 9;
const GRANTS: u64 = 10;

pub(crate) fn collection_phase(phase: &CollectionPhase) -> (u64, Option<u64>, Option<&[u8]>) {
    use CollectionPhase as Phase;
    let cursor: Option<&[u8]> = match phase {
        Phase::Grants(after) => after.as_ref().map(|id| &id.as_bytes()[..]),
        Phase::Copies(after) => after.as_ref().map(|id| &id.as_bytes()[..]),
        Phase::Operations(copy, _) => Some(copy.as_bytes()),
        Phase::SweepObjects(after) => after.as_ref().map(|key| key.as_str().as_bytes()),
        Phase::Done
        | Phase::Clear
        | Phase::Events
        | Phase::Revisions(_)
        | Phase::Scan
        | Phase::Sweep(_) => None,
    };
    let (code, number) = match phase {
        Phase::Done => (DONE, None),
        Phase::Clear => (CLEAR, None),
        Phase::Events => (EVENTS, None),
        Phase::Grants(_) => (GRANTS, None),
        Phase::Revisions(after) => (REVISIONS, after.map(RevisionId::get)),
        Phase::Copies(_) => (COPIES, None),
        Phase::Operations(_, after) => (OPERATIONS, after.map(OperationId::get)),
        Phase::Scan => (SCAN, None),
        Phase::Sweep(after) => (SWEEP, Some(*after)),
        Phase::SweepObjects(_) => (SWEEP_OBJECTS, None),
    };
    (code, number, cursor)
}

pub(crate) fn collection(row: &mut Row<'_>) -> Result<CollectionRecord> {
    use CollectionPhase as Phase;
    let columns = (row.number()?, row.optional_number()?, row.optional_bytes()?);
    let phase = match columns {
        (DONE, None, None) => Phase::Done,
        (CLEAR, None, None) => Phase::Clear,
        (EVENTS, None, None) => Phase::Events,
        (GRANTS, None, after) => Phase::Grants(after.map(GrantId::try_from).transpose()?),
        (REVISIONS, after, None) if after != Some(0) => {
            Phase::Revisions(after.map(RevisionId::new))
        }
        (COPIES, None, after) => Phase::Copies(after.map(CopyId::try_from).transpose()?),
        (OPERATIONS, after, Some(copy)) if after != Some(0) => {
            Phase::Operations(CopyId::try_from(copy)?, after.map(OperationId::new))
        }
        (SCAN, None, None) => Phase::Scan,
        (SWEEP, Some(after), None) => Phase::Sweep(after),
        (SWEEP_OBJECTS, None, after) => Phase::SweepObjects(match after {
            None => None,
            Some(key) => Some(blob_key(row, &String::from_utf8_lossy(key))?),
        }),
        other => return Err(row.corrupt(format_args!("collection phase {other:?}"))),
    };
    Ok(CollectionRecord {
        phase,
        began: row.number()?,
        nodes: row.number()?,
        contents: row.number()?,
    })
}
