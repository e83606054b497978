/** Who makes a call, as its token proves. */
export type Principal = { tenantId: string; expiresAt: Date } & (
  | { kind: 'tenant' }
  | { kind: 'runner'; runnerId: string; tokenId: string }
  | { kind: 'agent'; taskId: string; turnIndex: number; turnIsOver: boolean }
);
