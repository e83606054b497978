/** The output of `launchctl print`. It is not meant for programs, so only its most stable lines are parsed. */
export interface PrintedService {
  /** `running`, `not running`, `spawn scheduled`, … */
  state: string;
  pid: number | undefined;
  /** Undefined if it never exited, or a signal ended it. */
  lastExitCode: number | undefined;
  lastSignal: string | undefined;
}

export function parsePrintedService(text: string): PrintedService {
  // Properties of the service are indented by one tab; those of endpoints and event triggers by more.
  // oxlint-disable-next-line plan42/linear-regex -- one attempt for each line
  const value = (name: string) => new RegExp(`^\\t${name} = (.*)$`, 'm').exec(text)?.[1]?.trim();
  const number = (written: string | undefined) =>
    /^\d+/.test(written ?? '') ? Number.parseInt(written ?? '', 10) : undefined;
  return {
    state: value('state') ?? 'unknown',
    pid: number(value('pid')),
    lastExitCode: number(value('last exit code')),
    lastSignal: value('last terminating signal'),
  };
}
