import { printable, printableLine } from '../../../lib/printable.ts';
import type { AdminEnvironment } from '../../../plan42/admin-objects.ts';
import type { CliContext } from '../../context.ts';
import { print, renderJson } from '../../output.ts';
import { mask } from '../../runner/config/setting-value.ts';
import { createStyle, type Style, wantsColor } from '../../style.ts';
import type { LocationOptions } from '../location.ts';
import { callServer } from '../with-server.ts';
import { findEnvironment } from './find.ts';

export interface ShowEnvironmentOptions extends LocationOptions {
  json?: boolean;
}

export async function showEnvironment(context: CliContext, name: string, options: ShowEnvironmentOptions) {
  const { stdout, signal } = context;
  const { environment, names } = await callServer(context, options, async ({ client }) => {
    const found = await findEnvironment(client, name);
    const [tenant, connections, runners] = await Promise.all([
      client.getTenant(),
      client.listConnections(),
      client.listRunners(),
    ]);
    const chosen = (id: string | null | undefined, fallback: string | null | undefined) =>
      !id || id === 'default' ? { id: fallback ?? '', suffix: ' (default)' } : { id, suffix: '' };
    const connection = chosen(found.GithubConnectionId, tenant.DefaultGithubConnectionID);
    const runner = chosen(found.RunnerId, tenant.DefaultRunnerID);
    const known = {
      connection: connections.find(({ ConnectionID }) => ConnectionID === connection.id)?.Name,
      runner: runners.find(({ RunnerId }) => RunnerId === runner.id)?.Name,
    };
    const shown = (what: { id: string; suffix: string }, text: string | null | undefined) =>
      what.id === '' ? '' : `${text ?? what.id}${what.suffix}`;
    return {
      environment: found,
      names: { connection: shown(connection, known.connection), runner: shown(runner, known.runner) },
    };
  });
  if (options.json) return print(stdout, renderJson(environment), signal);
  const style = createStyle(wantsColor(stdout, context));
  await print(stdout, renderEnvironment(environment, names, style), signal);
}

const notLimited = 'not limited by this environment';

function renderEnvironment(
  environment: AdminEnvironment,
  { connection, runner }: { connection: string; runner: string },
  style: Style,
): string {
  const { EnvironmentId, Name, Description, DockerImage, Repos, AllowedHosts, EnvVars } = environment;
  const fields: [string, string][] = [
    ['Environment', EnvironmentId],
    ['Name', Name ?? ''],
    ['Description', Description ?? ''],
    ['Image', DockerImage ?? ''],
    ['Repositories', (Repos ?? []).join(', ')],
    ['Hosts', (AllowedHosts ?? []).join(', ') || notLimited],
    ['Connection', connection],
    ['Runner', runner],
  ];
  const lines = fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${style.bold(name.padEnd(12))}  ${printableLine(value)}\n`);
  const variables = (EnvVars ?? []).map(({ Name: name, Value, IsSecret }) => `${name}=${IsSecret ? mask : Value}`);
  return [
    ...lines,
    section(style, 'Variables', variables.join('\n')),
    section(style, 'Setup script', environment.SetupScript),
    section(style, 'Context', environment.Context),
  ].join('');
}

// Every line is indented, so that the text cannot imitate the output of this command.
function section(style: Style, title: string, text: string | null | undefined): string {
  if (!text) return '';
  return `${style.bold(title)}\n${printable(text.trimEnd()).replaceAll(/^/gm, '  ')}\n`;
}
