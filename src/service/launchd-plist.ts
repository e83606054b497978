import type { ServiceDefinition } from './service-manager.ts';
import type { Service } from './services.ts';

type Value = string | number | boolean | readonly string[] | { [key: string]: Value };

// launchd's default of a few seconds would kill the runner while it drains.
const minExitTimeoutSeconds = 300;

/** The LaunchAgent, an XML property list. */
export function renderPlist(service: Service, definition: ServiceDefinition): string {
  const { command, environment, stopTimeoutMs, errorFile, version } = definition;
  const agent = {
    Label: service.label,
    // The service rotates its own log file; launchd does not rotate standard error.
    ProgramArguments: [...command, '--quiet'],
    EnvironmentVariables: environment,
    RunAtLoad: true,
    KeepAlive: true,
    ExitTimeOut: Math.max(minExitTimeoutSeconds, Math.ceil(stopTimeoutMs / 1000)),
    // Jobs are children in process groups of their own, and continue when the runner exits.
    AbandonProcessGroup: service.hasJobs,
    StandardErrorPath: errorFile,
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by plan42 ${version}. "${service.command} enable" overwrites it. -->
<plist version="1.0">
${render(agent, '')}
</plist>
`;
}

function render(value: Value, indent: string): string {
  if (typeof value === 'string') return `${indent}<string>${escapeText(value)}</string>`;
  if (typeof value === 'number') return `${indent}<integer>${value}</integer>`;
  if (typeof value === 'boolean') return `${indent}<${value}/>`;
  const deeper = `${indent}  `;
  if (isList(value)) {
    return [`${indent}<array>`, ...value.map((item) => render(item, deeper)), `${indent}</array>`].join('\n');
  }
  const entries = Object.entries(value).map(
    ([key, item]) => `${deeper}<key>${escapeText(key)}</key>\n${render(item, deeper)}`,
  );
  return [`${indent}<dict>`, ...entries, `${indent}</dict>`].join('\n');
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
