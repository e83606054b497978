/** Renders docs/reference/commands.md from the command definitions of the programs. */
import { type CommandDescription, describeCommand, type Item, withSubcommands } from './describe.ts';
import { anchor, code, fence, generatedNote, plain, table } from './markdown.ts';
import { isSettings, type Note } from './notes.ts';
import { loadPrograms } from './programs.ts';

export function renderCommandsPage(): string {
  const { plan42, runner, configScreen } = loadPrograms();
  const programs = [plan42, runner, configScreen].map((program) => withSubcommands(describeCommand(program)));
  const all = programs.flat();
  const runnable = all.filter(({ subcommands, path }) => subcommands.length === 0 || path === 'plan42 runner config');
  return `# Commands

${generatedNote}
Every command has \`--help\`. Put options after the command: \`plan42 runner status --json\`.
[JSON output](../json-output.md) describes the documents of \`--json\`, [Configuration](configuration.md) the settings.

${table(
  ['command', 'description'],
  runnable.map(({ path, about }) => [`[${code(path)}](#${anchor(path)})`, plain(about)]),
)}
${programs.map((commands) => commands.map((command, index) => renderCommand(command, index === 0 ? 2 : 3)).join('\n')).join('\n')}`;
}

function renderCommand(command: CommandDescription, level: number): string {
  const { path, about, usage } = command;
  const parts = [
    `${'#'.repeat(level)} ${path}\n`,
    `${plain(about)}\n`,
    fence('text', [usage]),
    ...(command.subcommands.length > 0 ? [renderItems('command', subcommandItems(command))] : []),
    ...(command.arguments.length > 0 ? [renderItems('argument', command.arguments)] : []),
    ...(command.options.length > 0 ? [renderItems('option', command.options)] : []),
    ...command.notes.filter((note) => !isSettings(note)).map((note) => renderNote(note, marks[path])),
  ];
  return parts.join('\n');
}

function subcommandItems({ subcommands, path }: CommandDescription): Item[] {
  return subcommands.map((subcommand) => ({ term: subcommand.path.slice(path.length + 1), about: subcommand.about }));
}

function renderItems(kind: string, items: readonly Item[]): string {
  return table(
    [kind, 'description'],
    items.map(({ term, about }) => [code(term), plain(about)]),
  );
}

const bySystemd = 'run by: test/systemd.test.ts';
/** For examples that do not run with the others of the page: see test/docs.test.ts. */
const marks: Readonly<Record<string, string>> = {
  'plan42 runner enable': bySystemd,
  'plan42 runner disable': bySystemd,
  'plan42 runner stop': bySystemd,
  'plan42 server enable': bySystemd,
  'plan42 server disable': bySystemd,
  'plan42 server stop': bySystemd,
  'plan42 version': 'not run: it asks GitHub for the newest release',
};

function renderNote(note: Note, mark: string | undefined): string {
  if (note.kind === 'text') return `${plain(note.text)}\n`;
  const title = `${plain(note.title)}\n\n`;
  if (note.kind === 'list') return title + note.items.map((item) => `- ${plain(item)}\n`).join('');
  const comment = note.isShell && mark !== undefined ? `<!-- ${mark} -->\n` : '';
  return title + comment + fence(note.isShell ? 'sh' : 'text', note.lines);
}
