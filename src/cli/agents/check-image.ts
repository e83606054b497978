/** Checks in a container that a built image can run its agent. */
import { UserError } from '../../lib/errors.ts';
import { shellQuote } from '../../lib/shell-quote.ts';
import type { BuildEngine } from './build-engine.ts';
import type { ChosenAgent } from './choose-agent.ts';

const startSeconds = 60;

/**
 * An edited Dockerfile may have lost what the agent needs, and a package may install a program that is not in PATH or does
 * not start.
 * @returns a note for the user if a program is missing that this program has not installed. Empty if there is none
 * @throws UserError
 */
export async function checkImage(
  image: string,
  { engine, agent, dockerfile }: { engine: BuildEngine; agent: ChosenAgent; dockerfile: string },
): Promise<string> {
  const args = ['run', '--rm', '--pull', 'never', '--network', 'none', '--entrypoint', '/bin/sh', image, '-c'];
  const { exitCode, stdout, error } = await engine.run([...args, scriptFor(agent)]);
  const node = Number(/^v(\d+)/.exec(stdout)?.[1] ?? 0);
  const cannot = `the image ${image} cannot run the agent`;
  if (exitCode !== 0 || node < 22) {
    const reason = exitCode === 0 ? `its Node.js is ${stdout.split('\n')[0]}` : error;
    throw new UserError(`${cannot}: ${reason || 'a program is missing'}`, {
      remedy: `It needs Node.js 22 or newer, git and /usr/bin/agent-wrapper: correct ${dockerfile}.`,
    });
  }
  const problem = findProblem(stdout, { agent, dockerfile });
  if (problem === undefined) return '';
  const { reason, remedy } = problem;
  // A setup script may install it, or the repository may contain it.
  if (!agent.isInstalled) return `${image}: ${reason}, unless a setup script installs it.`;
  throw new UserError(`${cannot}: ${reason}`, { remedy });
}

/** Prints the first program that is found, and how its start ended; otherwise the folder in which npm has installed it. */
function scriptFor({ programs, isOurs }: ChosenAgent): string {
  // Without a request the wrapper fails, but a shell reports 126 or 127 if it cannot run.
  const wrapper = '{ /usr/bin/agent-wrapper </dev/null >/dev/null 2>&1; test $? -lt 126; }';
  const names = programs.map(shellQuote).join(' ');
  const start = `output=$($limit "$each" --version </dev/null 2>&1); echo "exit $?"; echo "$output" | tail -n 1`;
  return `node --version && git --version && ${wrapper} || exit
command -v timeout >/dev/null 2>&1 && limit='timeout ${startSeconds}'
for each in ${names}; do
  command -v "$each" >/dev/null 2>&1 || continue
  echo "found $each"
  ${isOurs ? start : ':'}
  exit 0
done
prefix=$(npm prefix --global 2>/dev/null)
for each in ${names}; do [ ! -x "$prefix/bin/$each" ] || echo "outside $prefix/bin"; done`;
}

interface Problem {
  reason: string;
  remedy: string;
}

/** Reads the output of the script. Undefined if the agent can start, or nothing is known of its program. */
function findProblem(
  output: string,
  { agent: { programs }, dockerfile }: { agent: ChosenAgent; dockerfile: string },
): Problem | undefined {
  if (programs.length === 0) return undefined;
  const [, found] = /^found (.*)$/m.exec(output) ?? [];
  if (found === undefined) {
    const reason = `${programs.join(' or ')} is not in PATH`;
    const [, folder] = /^outside (.*)$/m.exec(output) ?? [];
    if (folder === undefined) return { reason, remedy: `Install it in ${dockerfile}.` };
    return { reason: `${reason}, but in ${folder}`, remedy: `Add "ENV PATH=${folder}:$PATH" to ${dockerfile}.` };
  }
  const [, code = '0', last = ''] = /^exit (\d+)\n(.*)/m.exec(output) ?? [];
  // Programs that only speak the protocol read the end of standard input, or wait for it.
  if (Number(code) === 0 || Number(code) === 124) return undefined;
  const reason = `"${found} --version" exits with ${code}${last === '' ? '' : `: ${last}`}`;
  return { reason, remedy: `Install what it needs in ${dockerfile}, or choose another base.` };
}
