import type { ServiceStatus } from './service-manager.ts';

/** What is asked of a unit, by systemd's names. */
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

/** Reads what `systemctl show` prints; what this systemd does not know is empty. */
export function parseUnitState(text: string): UnitState {
  const values = new Map(
    text.split('\n').map((line) => {
      const end = line.indexOf('=');
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  return Object.fromEntries(unitProperties.map((name) => [name, values.get(name) ?? ''])) as UnitState;
}

/** As in sigchld's `si_code`, and so in ExecMainCode. */
const exitedByItself = '1';

export function statusOfUnit(state: UnitState): ServiceStatus {
  const pid = Number(state.MainPID);
  const running = pid > 0;
  const since = running ? parseTimestamp(state.ExecMainStartTimestamp) : undefined;
  const ended = !running && state.ExecMainExitTimestamp !== '' && state.ExecMainCode === exitedByItself;
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
  if (!running && exitCode !== undefined && exitCode !== 0) words.push(`the last run ended with exit code ${exitCode}`);
  else if (!running && !['success', ''].includes(state.Result)) words.push(`the last run ended with: ${state.Result}`);
  return words.join(', ');
}

/** systemctl was told to use UTC and the C locale: `Sun 2026-11-22 20:21:08 UTC`. */
function parseTimestamp(text: string): Date | undefined {
  const match = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(text);
  return match ? new Date(`${match[1]}T${match[2]}Z`) : undefined;
}
