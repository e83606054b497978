/** The authenticated caller of a request. */
export type Principal = { tenantId: string; expiresAt: Date } & (
  | { kind: 'tenant'; pageToken?: string }
  | { kind: 'runner'; runnerId: string; tokenId: string }
  /** The holder of a sign-in link, who may only start a session. */
  | { kind: 'signIn' }
  | { kind: 'agent'; taskId: string; turnIndex: number; turnFinished: boolean }
);
