// How long a condition may take before it counts as failed. Generous: machines differ, and a
// passing wait costs nothing. Only the bars of the project itself are stated as times, in the tests.

/** Milliseconds. */
export const limit = {
  /** A window's first paint, with the extension host's cold start. */
  start: 180_000,
  /** Something the editor does by itself. */
  editor: 30_000,
  /** The sidecar's cold start from the bundle, or a request that needs no model. */
  sidecar: 60_000,
  /** An answer of the model, its loading included. */
  model: 180_000,
  /** A whole step. */
  step: 300_000,
  /** The preparation of a run; a first one downloads the engine and the model. */
  install: 900_000,
} as const;
