import type { ServiceStatus } from './service-manager.ts';

/** The properties to query of a unit. */
export const unitProperties = [
  'LoadState',
  'UnitFileState',
  'FragmentPath',
  'ActiveState',
  'SubState',
  'StatusText',
  'Result',
  'MainPID',
  'ExecMainStartTimestamp',
  'ExecMainExitTimestamp',
  'ExecMainCode',
  'ExecMainStatus',
] as const;

export type UnitState = Record<(typeof unitProperties)[number], string>;

/** Parses the output of `systemctl show`. Properties unknown to this systemd are empty. */
export function parseUnitState(text: string): UnitState {
  const values = new Map(
    text.split('\n').map((line) => {
      const end = line.indexOf('=');
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  return Object.fromEntries(unitProperties.map((name) => [name, values.get(name) ?? ''])) as UnitState;
}

/** CLD_EXITED, the `si_code` of SIGCHLD, in ExecMainCode. */
const exited = '1';

export function statusOfUnit(state: UnitState): ServiceStatus {
  const pid = Number(state.MainPID);
  const running = pid > 0;
  const since = running ? parseTimestamp(state.ExecMainStartTimestamp) : undefined;
  const ended = !running && state.ExecMainExitTimestamp !== '' && state.ExecMainCode === exited;
  const status = {
    installed: state.LoadState !== 'not-found' && state.LoadState !== '',
    enabled: state.UnitFileState === 'enabled',
    running,
    ...(running ? { pid } : {}),
    ...(since === undefined ? {} : { since }),
    ...(ended ? { exitCode: Number(state.ExecMainStatus) } : {}),
  };
  return { ...status, detail: describe(state, status) };
}

function describe(state: UnitState, { installed, running, exitCode }: Omit<ServiceStatus, 'detail'>): string {
  if (!installed) return 'Not Installed';
  const words = [`${state.ActiveState} (${state.SubState})`];
  if (running && state.StatusText !== '') words.push(state.StatusText);
  if (!running && exitCode !== undefined && exitCode !== 0) words.push(`last run: exit code ${exitCode}`);
  else if (!running && !['success', ''].includes(state.Result)) words.push(`last run: ${state.Result}`);
  return words.join(', ');
}

/** systemctl runs with UTC and the C locale: `Sun 2026-11-22 20:21:08 UTC`. */
function parseTimestamp(text: string): Date | undefined {
  const match = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text);
  return match ? new Date(`${match[1]}T${match[2]}Z`) : undefined;
}
