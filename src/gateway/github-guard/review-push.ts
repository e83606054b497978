/** Decides about a push: it passes unchanged if each of its changes is allowed, and is rejected as a whole otherwise. */
import { valuesOf } from '../headers.ts';
import type { InterceptedRequest, Respond, Verdict } from '../intercept/hooks.ts';
import { drain, MalformedBody, once, readStart } from './body.ts';
import { flush } from './pkt-line.ts';
import { MalformedPush, type PushCommand, type PushHead, PushHeadReader } from './push-head.ts';
import { notOfTask, onlyTaskBranch, quote, refuseAsText, sentence } from './refuse.ts';
import { rejectionReport } from './report-status.ts';
import { type GithubRules, mayPushRef, type TaskRepository, taskRepository } from './rules.ts';

type PushRequest = Pick<InterceptedRequest, 'rawHeaders' | 'body'>;

/** @param name of the repository, canonical */
export async function reviewPush(request: PushRequest, name: string, rules: GithubRules): Promise<Verdict> {
  const { body } = request;
  const encoding = encodingOf(request);
  if (encoding === undefined) {
    await drain(body);
    return malformed('its Content-Encoding is neither "gzip" nor absent', 415);
  }
  const reader = new PushHeadReader();
  try {
    const { isComplete, whole } = await readStart(body, reader, encoding === 'gzip');
    if (isComplete && reader.head !== undefined) return await decide({ head: reader.head, whole, name, rules });
    return malformed('it ends within its list of refs');
  } catch (error) {
    if (error instanceof MalformedPush || error instanceof MalformedBody) return malformed(error.message);
    throw error;
  }
}

interface ReadPush {
  head: PushHead;
  whole: AsyncIterable<Uint8Array>;
  name: string;
  rules: GithubRules;
}

async function decide({ head, whole, name, rules }: ReadPush): Promise<Verdict> {
  const repository = taskRepository(rules, name);
  if (head.commands.length === 0) return await passProbe(whole, repository !== undefined);
  const faults = new Map(head.commands.map((command) => [command, faultOf(command, head, repository, rules)]));
  if ([...faults.values()].every((reason) => reason === undefined)) return { kind: 'pass', body: whole };
  const refused =
    repository === undefined
      ? notOfTask(name)
      : onlyTaskBranch(rules, repository, `a push to ${name}: ${describe(faults)}`);
  const together = 'rejected with the other refs of this push';
  const report = rejectionReport(head, (command) => faults.get(command) ?? together, `plan42: ${sentence(refused)}`);
  await drain(whole);
  if (report === undefined) return refuseAsText(refused);
  const headers = ['Content-Type', 'application/x-git-receive-pack-result', 'Cache-Control', 'no-cache'];
  return { kind: 'respond', status: 200, headers, body: report, refused };
}

/** Returns a short reason, as git shows it beside the ref. */
function faultOf(
  { ref, isDeletion }: PushCommand,
  { isSigned, capabilities }: PushHead,
  repository: TaskRepository | undefined,
  rules: GithubRules,
): string | undefined {
  if (repository === undefined) return 'not a repository of the task';
  if (rules.push === 'any') return undefined;
  if (!mayPushRef(rules, repository, ref)) return 'not the branch of the task';
  if (isDeletion) return 'the branch of the task must not be deleted';
  // Some servers change settings of a repository by them, or merge.
  if (capabilities.has('push-options')) return 'push options are not allowed';
  return isSigned ? 'signed pushes are not allowed' : undefined;
}

function describe(faults: ReadonlyMap<PushCommand, string | undefined>): string {
  const bad = [...faults].flatMap(([{ ref }, reason]) =>
    reason === undefined ? [] : [`${quote(Buffer.from(ref, 'latin1').toString())} (${reason})`],
  );
  return bad.length > 1 ? `${bad[0]} and ${bad.length - 1} more` : (bad[0] ?? '');
}

/** A flush alone, to find out whether the server accepts the credentials. */
async function passProbe(whole: AsyncIterable<Uint8Array>, isOfTask: boolean): Promise<Verdict> {
  let length = 0;
  for await (const chunk of whole) length += chunk.length;
  const refused = { what: 'a push without changes', remedy: 'Name a branch to push.' };
  if (!isOfTask || length !== flush.length) return refuseAsText(refused);
  return { kind: 'pass', body: once(flush), bodyLength: flush.length };
}

function malformed(why: string, status = 400): Respond {
  return refuseAsText({ what: `a push cannot be read: ${why}`, remedy: 'Push with git.' }, status);
}

/** Exactly what git sends: servers differ in how they read others. */
function encodingOf({ rawHeaders }: PushRequest): 'gzip' | 'identity' | undefined {
  const encodings = valuesOf(rawHeaders, 'content-encoding');
  if (encodings.length === 0) return 'identity';
  return encodings.length === 1 && encodings[0] === 'gzip' ? 'gzip' : undefined;
}
