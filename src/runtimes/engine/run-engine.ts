import type { CommandResult } from '../../lib/run-command.ts';

/** Runs an engine's command with these arguments, to its end. */
export type RunEngine = (
  args: readonly string[],
  options?: { signal?: AbortSignal | undefined; timeoutMs?: number; exitWithParent?: boolean },
) => Promise<CommandResult>;
