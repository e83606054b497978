/** How much of its gateway one job may use. */
export interface Limits {
  /** Connections of clients at the same time. Further ones get a 503. */
  maxConnections: number;
  /** Until a client has sent a request, or its ClientHello. */
  headerMs: number;
  /** A connection without a byte in either direction. Models and event streams can be silent for long. */
  idleMs: number;
}

export const defaultLimits: Limits = { maxConnections: 1000, headerMs: 30_000, idleMs: 2 * 60 * 60_000 };

/** Bytes of a request's line and headers, and of a response's. */
export const maxHeaderBytes = 64 * 1024;
