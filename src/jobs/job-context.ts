/** The things that the steps of one job share. */
import type { GithubConnections } from '../github/connections.ts';
import type { Slots } from '../lib/slots.ts';
import type { InvokeAgentRequest } from '../plan42/messages.ts';
import type { JobClaim } from './claims/claim.ts';
import type { CredentialSource } from './credentials/credential-source.ts';
import type { Mirrors } from './mirrors/mirrors.ts';
import type { NetworkReports } from './network-reports.ts';
import type { UsageReports } from './usage-reports.ts';
import type { AgentContext } from './watch-agent.ts';

export interface JobContext extends AgentContext {
  slots: Slots;
  /** Turns to create a container. */
  starts: Slots;
  /** Proves that the job is still this runner's. */
  claim: JobClaim;
  github: GithubConnections;
  credentials: CredentialSource;
  /** Undefined if agents get no git mirrors. */
  mirrors: Mirrors | undefined;
  networks: NetworkReports;
  usages: UsageReports;
  /** The request, if it is readable. */
  invocation: InvokeAgentRequest | undefined;
  /** Called when the job has to wait for anything but a slot; disposed of when it no longer waits. */
  noteWaiting: () => Disposable;
  /** Called when the job begins to start; disposed of when it has started or failed to. */
  noteStarting: () => Disposable;
  /** Called when the agent runs. */
  noteRunning: () => void;
}
