import type { ServiceDefinition } from './service-manager.ts';
import type { Service } from './services.ts';

// For the rest of a shutdown whose drain timed out.
const endingSeconds = 30;

const forJobs = `# Jobs are processes of this unit and must survive a stop or restart: signal only the runner.
KillMode=process
# A job that runs out of memory must not stop the runner.
OOMPolicy=continue
`;

/** The unit file; docs/decisions/0009-service.md has the reasons. */
export function renderUnit(
  service: Service,
  { command, environment, stopTimeoutMs, version }: ServiceDefinition,
): string {
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}\n`);
  return `# Written by plan42 ${version}. "${service.command} enable" overwrites it; put changes into a drop-in (systemctl --user edit).
[Unit]
Description=Plan42 ${service.noun}
# Restart without limit, so that it starts once its configuration is fixed and all that it needs is running.
StartLimitIntervalSec=0

[Service]
Type=notify
# It notifies systemd through systemd-notify, which is not the main process.
NotifyAccess=all
ExecStart=${commandLine(command)}
${variables.join('')}Restart=always
RestartSec=10
${service.hasJobs ? forJobs : ''}TimeoutStartSec=180
TimeoutStopSec=${Math.ceil(stopTimeoutMs / 1000) + endingSeconds}
WatchdogSec=300
SyslogIdentifier=plan42-${service.noun}

[Install]
WantedBy=default.target
`;
}

// systemd accepts quotes and backslashes in arguments, but not in the path of the program, where a dollar sign is literal.
function commandLine([program, ...args]: readonly [string, ...string[]]): string {
  if (!/["'\\]/.test(program)) return [quote(program), ...args.map(quoteArgument)].join(' ');
  return ['/bin/sh', '-c', 'exec "$0" "$@"', program, ...args].map(quoteArgument).join(' ');
}

function quoteArgument(text: string): string {
  return quote(text).replaceAll('$', '$$$$');
}

/** See systemd.syntax(7) and systemd.unit(5): C escapes inside double quotes, without specifiers. */
function quote(text: string): string {
  const escaped = text
    .replaceAll(/["\\]/g, String.raw`\$&`)
    .replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${escapePercent(escaped)}"`;
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%%');
}
