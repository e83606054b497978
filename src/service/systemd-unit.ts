import type { ServiceDefinition } from './service-manager.ts';

export const unitName = 'plan42-runner.service';

// What may follow when a drain is given up.
const endingSeconds = 30;

/** The unit file; docs/decisions/0009-service.md has the reasons. */
export function renderUnit({ command, environment, stopTimeoutMs, version }: ServiceDefinition): string {
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}\n`);
  return `# Written by plan42 ${version}. "plan42 runner enable" writes it anew; put changes into a drop-in (systemctl --user edit).
[Unit]
Description=Plan42 runner
# It never gives up: a configuration that is put right, or an engine that is started, is all that it takes.
StartLimitIntervalSec=0

[Service]
Type=notify
# systemd-notify speaks for the runner, and is not the main process.
NotifyAccess=all
ExecStart=${commandLine(command)}
${variables.join('')}Restart=always
RestartSec=10
# Jobs are processes of this unit and go on when it stops or restarts: only the runner gets signals.
KillMode=process
# A job that runs out of memory must not take the runner with it.
OOMPolicy=continue
TimeoutStartSec=180
TimeoutStopSec=${Math.ceil(stopTimeoutMs / 1000) + endingSeconds}
WatchdogSec=300
SyslogIdentifier=plan42-runner

[Install]
WantedBy=default.target
`;
}

// systemd takes no program with quotes or backslashes in its path, but hands them over in arguments. In the path, a dollar
// sign stands for itself.
function commandLine([program, ...args]: readonly [string, ...string[]]): string {
  if (!/["'\\]/.test(program)) return [quote(program), ...args.map(quoteArgument)].join(' ');
  return ['/bin/sh', '-c', 'exec "$0" "$@"', program, ...args].map(quoteArgument).join(' ');
}

function quoteArgument(text: string): string {
  return quote(text).replaceAll('$', '$$$$');
}

/** As systemd.syntax(7) and systemd.unit(5) have it: C escapes inside double quotes, and no specifiers. */
function quote(text: string): string {
  const escaped = text
    .replaceAll(/["\\]/g, String.raw`\$&`)
    .replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escapePercent(escaped)}"`;
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%%');
}
