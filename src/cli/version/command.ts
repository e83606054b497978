import type { Command } from 'commander';
import { commit, isNewer, repository, version } from '../../lib/version.ts';
import type { CliContext } from '../context.ts';

const examples = `
Examples:
  plan42 version
  plan42 version --check`;

interface Options {
  check?: boolean;
  json?: boolean;
}

/** `plan42 version` */
export function addVersionCommand(program: Command, context: CliContext): void {
  program
    .command('version')
    .description('print the version; --check looks for a newer release')
    .option('--check', 'check for a newer release; never installs it')
    .option('--json', 'print JSON')
    .addHelpText('after', examples)
    .action((options: Options) => printVersion(options, context));
}

async function printVersion({ check = false, json = false }: Options, context: CliContext): Promise<void> {
  const { stdout, versionText } = context;
  const newest = check ? await askForNewest(context) : undefined;
  if (json) {
    const { platform, arch, versions } = process;
    const build = { version, commit, platform: `${platform}-${arch}`, node: versions.node };
    stdout.write(`${JSON.stringify({ ...build, ...(newest === undefined ? {} : { newest }) }, undefined, 2)}\n`);
    return;
  }
  stdout.write(`plan42 ${versionText}\n`);
  if (newest?.isNewer) stdout.write(`Version ${newest.version} is available: ${newest.url}\n`);
  else if (newest !== undefined) stdout.write('This is the newest release.\n');
}

async function askForNewest({ env, signal }: CliContext) {
  const url =
    env['PLAN42_RELEASES_URL'] || (repository && `https://api.github.com/repos/${repository}/releases/latest`);
  if (!url) return undefined;
  const [{ createTransport }, { findNewestRelease }] = await Promise.all([
    import('../../plan42/transport.ts'),
    import('./releases.ts'),
  ]);
  const transport = createTransport({ env });
  await using _close = { [Symbol.asyncDispose]: () => transport.destroy() };
  const newest = await findNewestRelease(url, { transport, signal });
  return newest === undefined ? undefined : { ...newest, isNewer: isNewer(newest.version, version) };
}
