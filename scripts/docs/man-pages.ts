/** Renders the man pages of the three programs from the definitions of their help. */

import { allSettings } from '../../src/config/find-setting.ts';
import { environmentVariable } from '../../src/config/schema.ts';
import { renderValue } from '../../src/config/toml/render.ts';
import { type CommandDescription, describeCommand, type Item, withSubcommands } from './describe.ts';
import { type File, files, variables } from './files-and-variables.ts';
import { isSettings, type Note } from './notes.ts';
import { loadPrograms } from './programs.ts';
import { bold, header, item, lines, paragraph, plain, section, subsection, term } from './roff.ts';

interface Build {
  version: string;
  date: Date;
}

/** Returns each page by its file name. */
export function renderManPages(build: Build): Map<string, string> {
  const { plan42, runner, configScreen } = loadPrograms();
  const names = [plan42, runner, configScreen].map((program) => program.name());
  const render = (program: typeof plan42, extra: string) => {
    const description = describeCommand(program);
    const others = names.filter((name) => name !== description.path);
    return [`${description.path}.1`, renderPage(description, build, extra, others)] as const;
  };
  return new Map([
    render(plan42, renderCommands(describeCommand(plan42))),
    render(runner, section('SETTINGS', renderSettings())),
    render(configScreen, ''),
  ]);
}

function renderPage(program: CommandDescription, build: Build, extra: string, others: readonly string[]): string {
  const { path, about, usage, options } = program;
  // Settings have their own section.
  const notes = program.notes.filter((note) => !isSettings(note));
  const isOfThis = ({ of }: { of: readonly string[] }) => of.includes(path);
  return [
    header(path, build.date, `plan42 ${build.version}`),
    section('NAME', `${plain(path)} \\- ${plain(lowerCase(about))}\n`),
    section('SYNOPSIS', `${term(usage)}\n`),
    section(
      'DESCRIPTION',
      paragraph(about) +
        notes
          .filter((note) => !inSection(note))
          .map(renderNote)
          .join(''),
    ),
    section('OPTIONS', renderItems(options)),
    extra,
    ...notes.filter(inSection).map((note) => section(sectionOf(note), renderBody(note))),
    section('ENVIRONMENT', renderItems(variables.filter(isOfThis))),
    section('FILES', files.filter(isOfThis).map(renderFile).join('')),
    section('SEE ALSO', `${others.map((name) => `${bold(name)}(1)`).join(',\n')}\n`),
  ].join('');
}

function lowerCase(about: string): string {
  return about.slice(0, 1).toLowerCase() + about.slice(1).replace(/\.$/, '');
}

const sections: Record<string, string> = { 'Examples:': 'EXAMPLES', 'Exit codes:': 'EXIT STATUS' };

function sectionOf(note: Note): string {
  return (note.kind === 'text' ? undefined : sections[note.title]) ?? '';
}

function inSection(note: Note): boolean {
  return sectionOf(note) !== '';
}

function renderCommands(program: CommandDescription): string {
  const commands = withSubcommands(program).filter(
    (command) =>
      command !== program &&
      (command.subcommands.length === 0 || command.options.length > 0 || command.notes.length > 0),
  );
  return section('COMMANDS', commands.map(renderCommand).join(''));
}

function renderCommand({ path, usage, about, options, notes, ...command }: CommandDescription): string {
  const body = [
    `${term(usage)}\n`,
    paragraph(about),
    renderItems(command.arguments),
    renderItems(options),
    ...notes.map(renderNote),
  ];
  return subsection(path, body.join(''));
}

function renderItems(items: readonly Item[]): string {
  return items.map(({ term: text, about }) => item(term(text), capitalise(about))).join('');
}

function capitalise(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function renderNote(note: Note): string {
  return note.kind === 'text' ? paragraph(note.text) : paragraph(note.title) + renderBody(note);
}

function renderBody(note: Note): string {
  if (note.kind === 'text') return paragraph(note.text);
  if (note.kind === 'list') return note.items.map((text) => item('\\(bu', text)).join('');
  return lines(note.lines);
}

function renderSettings(): string {
  const rows = allSettings({}).map(({ name, field, table }) => {
    const fallback = field.default === undefined ? '' : ` Default: ${renderValue(field.kind.show(field.default))}.`;
    const variable = table === undefined ? '' : ` Environment: ${environmentVariable(table, field.key)}.`;
    return item(bold(name), `${capitalise(field.about)} Value: ${field.kind.notation}.${fallback}${variable}`);
  });
  return rows.join('');
}

function renderFile({ about, linux, macos }: File): string {
  const same = macos === linux ? '' : item(bold(macos), 'The same on macOS.');
  return item(bold(linux), capitalise(about)) + same;
}
