import type { LineEvent } from '../adapter.ts';

const usageLine = /^Tokens: ([\d.]+)(k?) sent,.* ([\d.]+)(k?) received\..*$/gm;
// The last line of its greeting.
const greeting = /^Repo-map: .*\n/m;
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
  const answer = output.slice(start === null ? 0 : start.index + start[0].length);
  const message = answer
    .replaceAll(edits, '')
    .replaceAll(usageLine, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
  return [{ type: 'result', message, usage: { inputTokens: sum(1), outputTokens: sum(3) } }];
}
