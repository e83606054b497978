import { stat } from 'node:fs/promises';
import type { Problem } from '../config/parse.ts';
import { closeCommand, isOpenToOthers } from '../config/read-file.ts';
import { agentCaFile, type Config } from '../config/schema.ts';
import { authorityProblems } from '../lib/authority-variables.ts';
import { readCaFile } from '../lib/ca-file.ts';
import { ExitCode, errorCode, UserError } from '../lib/errors.ts';
import { isLoopback } from '../lib/loopback.ts';
import { shellQuote } from '../lib/shell-quote.ts';
import type { CheckContext } from './check.ts';
import { type Finding, failed, failedWith, passed, warning } from './finding.ts';

/** The file exists, has no errors and no unknown keys, and only its owner can access it. */
export async function checkConfiguration({ readConfig, paths, env }: CheckContext): Promise<readonly Finding[]> {
  const path = paths.configFile;
  const { config, found, problems } = await readConfig();
  const findings = [
    ...problems.map((problem) => findingOf(problem, path)),
    ...(await permissions(path)),
    ...agentAuthorities(config),
    ...modelEndpoints(config),
    ...authorityProblems(env).map(({ variable, message, remedy }) => warning(variable, message, { text: remedy })),
  ];
  if (!found) {
    const create = {
      text: 'Create it, with a token from the server.',
      command: `plan42 runner config -c ${shellQuote(path)}`,
    };
    findings.unshift(warning(path, 'does not exist, using defaults and the environment', create));
  }
  return findings.length === 0 ? [passed(path, 'valid')] : findings;
}

function findingOf({ severity, message, position }: Problem, path: string): Finding {
  const isInEnvironment = message.startsWith('the environment’s ');
  const location = position === undefined ? path : `${path}:${position.line}:${position.column}`;
  const subject = isInEnvironment ? 'environment' : location;
  if (severity === 'warning') return warning(subject, message, { text: `Correct or remove it in ${path}.` });
  const text = isInEnvironment ? 'Correct or unset it.' : `Correct it in ${location}.`;
  return failed(subject, message, { text }, ExitCode.configuration);
}

/** The file that the runner itself needs, network.ca_file, is part of the check of the server. */
function agentAuthorities(config: Config): Finding[] {
  const caFile = agentCaFile(config);
  if (caFile?.setting !== 'jobs.ca_file') return [];
  try {
    readCaFile(caFile.path, caFile.setting);
    return [];
  } catch (error) {
    if (error instanceof UserError) return [failedWith(caFile.setting, error)];
    throw error;
  }
}

/** The key of a model is sent to its endpoint. */
function modelEndpoints({ runner }: Config): Finding[] {
  const settings = { 'runner.openai_endpoint': runner.openaiEndpoint, 'runner.claude_endpoint': runner.claudeEndpoint };
  return Object.entries(settings).flatMap(([name, text]) => {
    const url = URL.parse(text ?? '');
    if (url === null || url.protocol === 'https:' || isLoopback(url.hostname)) return [];
    return [warning(name, 'agents send prompts and keys there without encryption', { text: 'Use an https URL.' })];
  });
}

async function permissions(path: string): Promise<Finding[]> {
  try {
    const found = await stat(path);
    if (!isOpenToOthers(found)) return [];
    const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
    const message = `contains tokens and other users can access it (mode ${mode})`;
    return [warning(path, message, { text: 'Make it private.', command: closeCommand(path, found) })];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
