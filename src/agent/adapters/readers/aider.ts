import type { LineEvent } from '../adapter.ts';

const usageLine = /^Tokens: ([\d.]+)(k?) sent,.* ([\d.]+)(k?) received\..*$/gm;
// The last line of its greeting.
const greeting = /^Repo-map: .*\n/m;
// Its own words, which do not belong into the reply to a comment.
const applied = /^Applied edit to .*$/gm;
const edits = /^\S.*\n```.*\n<<<<<<< SEARCH\n[\s\S]*?\n?>>>>>>> REPLACE\n```\n?/gm;

/** Reads the output of Aider, which exits with 0 after a failure too: each response of the model ends with its tokens. */
export function readAider(output: string): LineEvent[] {
  const used = [...output.matchAll(usageLine)];
  const last = used.at(-1);
  const rest = output.slice(last === undefined ? 0 : last.index + last[0].length);
  const error = rest.split('\n').findLast((line) => /^litellm\.\w/.test(line));
  if (last === undefined || error !== undefined) return [{ type: 'failure', text: error ?? rest }];
  const sum = (number: 1 | 3) =>
    used.reduce((total, line) => total + Number(line[number]) * (line[number + 1] === 'k' ? 1000 : 1), 0);
  const start = greeting.exec(output);
  const whole = withoutEdits(output.slice(start === null ? 0 : start.index + start[0].length));
  // It asks again after it has added files to the conversation, whose names it prints then.
  const before = used.at(-2);
  const again = before === undefined ? '' : output.slice(before.index + before[0].length).trimStart();
  const message = tidy(withoutEdits(withoutFiles(again)).replaceAll(applied, ''));
  const texts = [message, tidy(whole.replaceAll(applied, '')), tidy(whole)];
  return [
    {
      type: 'result',
      message: texts.find((text) => text !== '') ?? '',
      usage: { inputTokens: sum(1), outputTokens: sum(3) },
    },
  ];
}

/** Without lines at the begin that are paths. */
function withoutFiles(text: string): string {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => /\s/.test(line) || !/[./]/.test(line) || line.endsWith('.'));
  return lines.slice(first).join('\n');
}

function withoutEdits(text: string): string {
  return text.replaceAll(edits, '').replaceAll(usageLine, '');
}

function tidy(text: string): string {
  return text.replaceAll(/\n{3,}/g, '\n\n').trim();
}
