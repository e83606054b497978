import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { resolvedPath, withColorOption } from '../options.ts';
import type { BuildOptions } from './build.ts';
import type { ListAgentsOptions } from './list.ts';

const buildHelp = `
The image is built with your Docker or Podman from a Dockerfile that you may
edit: the next build uses your version. Runners on this machine use the image
without a registry. Push it to a registry for runners elsewhere.

Examples:
  plan42 agent build --agent claude
  plan42 agent build --agent codex --base docker.io/library/rust:1 \\
    --with "jq cmake"
  plan42 agent build --agent gemini \\
    --devcontainer .devcontainer/devcontainer.json
  plan42 agent build --agent custom --command '["my-agent", "--fast"]' \\
    --base my-image
  plan42 agent build --agent ./my-adapter.mjs --dry-run`;

/** `plan42 agent …` */
export function addAgentCommands(program: Command, context: CliContext): void {
  const agent = program.command('agent').description('build and list images of agents');
  withColorOption(agent.command('build'))
    .description('build an image with an agent, for runners on this machine')
    .requiredOption('--agent <name>', 'a name of "plan42 agent list", "custom", or the file of an adapter (.mjs)')
    .option('--base <image>', 'image with the tools of your repositories; default: Node.js on Debian')
    .option('--with <packages>', 'more packages of the system to install, separated by spaces')
    .option('--devcontainer <file>', 'take the base from this devcontainer.json', resolvedPath)
    .option('--tag <image>', 'name of the image; default: localhost/plan42-agent-NAME')
    .option('--command <command>', 'with --agent custom: the command, as words or as a JSON array')
    .option('--protocol <name>', 'with --agent custom: "acp" (Agent Client Protocol) or "command"')
    .option('--engine <name>', '"docker" or "podman"; default: the one that the runner uses')
    .option('--ca-file <file>', 'PEM file of certificate authorities that the build trusts too', resolvedPath)
    .option('--dry-run', 'print the Dockerfile and build nothing')
    .option('--reset', 'replace a Dockerfile that you have edited')
    .option('--no-cache', 'install everything again, with the newest version of the agent')
    .addHelpText('after', buildHelp)
    .action(async (options: BuildOptions) => (await import('./build.ts')).buildCommand(context, options));
  withColorOption(agent.command('list'))
    .description('list the agents that images can be built for')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  plan42 agent list')
    .action(async (options: ListAgentsOptions) => (await import('./list.ts')).listAgents(context, options));
}
