// What goes over HTTP.

import type { components } from "../dist/wire.js";

type Schemas = components["schemas"];

export type Conflict = Schemas["ConflictDto"];
export type Copy = Schemas["CopyDto"];
export type CopyPage = Schemas["CopyPage"];
export type Difference = Schemas["DifferenceDto"];
export type EntryPage = Schemas["EntryPage"];
export type Event = Schemas["EventDto"];
export type ForkOptions = Schemas["ForkDto"];
export type Head = Schemas["HeadDto"];
export type IssuedPreview = Schemas["IssuedPreviewDto"];
export type Published = Schemas["PublishedDto"];
export type Revision = Schemas["RevisionDto"];
export type RevisionPage = Schemas["RevisionPage"];
export type Status = Schemas["StatusDto"];
