/** What `launchctl print` says of a service: for people, so that only its most stable lines are read. */
export interface PrintedService {
  /** `running`, `not running`, `spawn scheduled`, … */
  state: string;
  pid: number | undefined;
  /** Undefined when it never ended, or by a signal. */
  lastExitCode: number | undefined;
  lastSignal: string | undefined;
}

export function parsePrintedService(text: string): PrintedService {
  // Its own properties are indented by one tab; those of its parts (endpoints, event triggers) by more.
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
