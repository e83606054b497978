/** Who makes a call, as its token proves. */
export type Principal = { tenantId: string; expiresAt: Date } & (
  | { kind: 'tenant'; pageToken?: string }
  | { kind: 'runner'; runnerId: string; tokenId: string }
  /** Somebody at the web page, who may only begin a session. */
  | { kind: 'signIn' }
  | { kind: 'agent'; taskId: string; turnIndex: number; turnIsOver: boolean }
);
