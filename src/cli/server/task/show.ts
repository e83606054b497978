import { printable, printableLine } from '../../../lib/printable.ts';
import type { AdminTask, AdminTurn } from '../../../plan42/admin-objects.ts';
import { ApiError } from '../../../plan42/errors.ts';
import type { FileClient } from '../../../plan42/file-client.ts';
import { addSummaries, describeUsage, type UsageSummary } from '../../../plan42/provider-usage.ts';
import { describeTurnLimit } from '../../../plan42/turn-network.ts';
import { isUnsent, taskWord, turnWord } from '../../../plan42/turn-status.ts';
import type { CliContext } from '../../context.ts';
import { formatElapsed, formatLocalTime, print, renderJson } from '../../output.ts';
import { waitingReason } from '../../run/service/waiting-reason.ts';
import { createStyle, type Style, statusStyle, wantsColor } from '../../style.ts';
import type { LocationOptions } from '../location.ts';
import { wordsOf } from '../task-words.ts';
import { describeEvents, describeSubAgents } from '../turn/messages.ts';
import { describeNetwork, type ReportedTurn, withReports } from '../turn/network.ts';
import { withLocation } from '../with-location.ts';
import { callServer } from '../with-server.ts';
import { findTask } from './find.ts';

export interface ShowTaskOptions extends LocationOptions {
  json?: boolean;
}

export async function showTask(context: CliContext, id: string, options: ShowTaskOptions): Promise<void> {
  const { stdout, signal } = context;
  const { task, turns, why, fileNames } = await callServer(context, options, async ({ client, files }) => {
    const found = await findTask(client, id, wordsOf(options));
    const listed = await client.listTurns(found.TaskId);
    listed.sort((a, b) => a.TurnIndex - b.TurnIndex);
    const turns = await withReports(client, listed, { allEvents: options.json === true, signal });
    const why = turns.some(isUnsent) && !options.json ? await waitingReason(context, options, signal) : undefined;
    return { task: found, turns, why, fileNames: options.json ? [] : await namesOf(files, found) };
  });
  const usage = addSummaries(turns.map((turn) => turn.Usage));
  if (options.json)
    return print(stdout, renderJson({ Task: task, Turns: turns, ...(usage && { Usage: usage }) }), signal);
  const style = createStyle(wantsColor(stdout, context));
  const note = (turn: AdminTurn) => (isUnsent(turn) ? section('Waiting', why) : '');
  const environment = options.personal === true ? undefined : task.EnvironmentId?.slice(0, 8);
  const asJson = withLocation(`${wordsOf(options).task} show ${task.TaskId} --json`, options);
  const parts = [
    renderTask(task, { usage, fileNames }, style),
    ...turns.map((turn) => renderTurn(turn, style, { task, environment, asJson }) + note(turn)),
  ];
  await print(stdout, parts.join('\n'), signal);
}

/** The names of the task's files, or their IDs if they were removed. */
function namesOf(files: FileClient, { FileIDs, NewFileIDs }: AdminTask): Promise<string[]> {
  const ids = [...new Set([...(FileIDs ?? []), ...(NewFileIDs ?? [])])];
  const nameOf = async (id: string) => {
    const file = await files.get(id).catch(undefinedIfMissing);
    return file === undefined || file.Deleted ? `${file?.Name ?? id} (deleted)` : file.Name;
  };
  return Promise.all(ids.map(nameOf));
}

function undefinedIfMissing(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}

interface TaskExtras {
  usage: UsageSummary | undefined;
  fileNames: readonly string[];
}

function renderTask(task: AdminTask, { usage, fileNames }: TaskExtras, style: Style): string {
  const fields = [
    ['Task', task.TaskId],
    ['Title', task.Title],
    ['State', taskWord(task)],
    ['Created', formatLocalTime(task.CreatedAt, { seconds: true })],
    ['Environment', task.EnvironmentId ?? ''],
    ['Repositories', Object.keys(task.RepoInfo ?? {}).join(', ')],
    ['Files', fileNames.join(', ')],
    ['Models', usage === undefined ? '' : describeUsage(usage)],
  ] as const;
  return fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${style.bold(name.padEnd(12))}  ${printableLine(value)}\n`)
    .join('');
}

interface TurnHints {
  task: AdminTask;
  /** The environment of the task, if the command that changes it is known. */
  environment: string | undefined;
  /** The command that prints everything. */
  asJson: string;
}

function renderTurn(turn: ReportedTurn, style: Style, { task, environment, asJson }: TurnHints): string {
  const { TurnIndex, CreatedAt, CompletedAt, Prompt, OutputMessage, ErrorMessage, Machine, Image } = turn;
  const status = statusStyle(style)(printableLine(turnWord(turn, task)));
  const started = printableLine(formatLocalTime(CreatedAt, { seconds: true }));
  const took = `${CompletedAt ? 'took' : 'for'} ${formatElapsed(CreatedAt, CompletedAt)}`;
  const place = (Machine ? `, on ${printableLine(Machine)}` : '') + (Image ? `, ${printableLine(Image)}` : '');
  const heading = `${style.bold(`Turn ${TurnIndex}`)}  ${status}  ${style.dim(`${started}, ${took}${place}`)}\n`;
  const network = turn.Network && describeNetwork(turn.Network, environment);
  const sections = [section('Prompt', Prompt), section('Output', OutputMessage), section('Error', ErrorMessage)];
  return (
    heading +
    sections.join('') +
    section('Messages', describeMessages(turn, asJson)) +
    section('Sub-agents', turn.SubAgents && describeSubAgents(turn.SubAgents)) +
    section('Limits', turn.Network?.Limits?.map(describeTurnLimit).join('\n')) +
    section('Models', turn.Usage && describeUsage(turn.Usage)) +
    section('Network', network)
  );
}

function describeMessages({ Events, hasEarlierEvents = false, SubAgents = [] }: ReportedTurn, asJson: string) {
  return Events && describeEvents({ events: Events, hasEarlier: hasEarlierEvents }, SubAgents, asJson);
}

// Every line is indented, so that untrusted text cannot imitate the output of this command.
function section(title: string, text: string | null | undefined): string {
  if (!text) return '';
  return `  ${title}:\n${printable(text.trim()).replaceAll(/^/gm, '    ')}\n`;
}
