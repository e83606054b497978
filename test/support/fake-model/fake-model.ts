import type { ServerResponse } from 'node:http';
import { type SeenRequest, sendJson, startTestServer, type TestServer } from '../http-server.ts';
import { anthropic } from './anthropic.ts';
import { chat } from './chat.ts';
import { gemini } from './gemini.ts';
import type { ModelApi, ModelRequest, Move, ToolDefinition } from './model-api.ts';
import { responses } from './responses.ts';

export interface FakeModel extends TestServer {
  /** The requests with tools, so without those for titles and summaries. */
  asked: ModelRequest[];
  /** The shell commands that the model calls for, one after the other; then it sends `text`. */
  script: { commands: string[]; text: string };
  /** The response to every request, instead of a move. */
  failure: { status: number; body: unknown } | undefined;
}

const apis: readonly ModelApi[] = [anthropic, responses, chat, gemini];
const shellTools = /^(bash|shell|exec_command|shell_command|run_shell_command|local_shell)$/i;

/** A model server that speaks the APIs of Anthropic, OpenAI and Google, and follows a script. */
export async function startFakeModel(script: FakeModel['script']): Promise<FakeModel> {
  const server = await startTestServer((response, seen) => respond(response, seen));
  // A resumed conversation begins with the results of earlier scripts.
  const earlier = new WeakMap<FakeModel['script'], number>();
  const model: FakeModel = Object.assign(server, { asked: [], script, failure: undefined });
  return model;

  function respond(response: ServerResponse, { method, url, headers, body }: SeenRequest): void {
    const path = url.replace(/\?.*/, '');
    const api = apis.find((api) => method === 'POST' && api.matches(path));
    if (api === undefined) sendJson(response, 404, { error: { message: `no ${method} ${path}` } });
    else if (model.failure !== undefined) sendJson(response, model.failure.status, model.failure.body);
    else {
      const request: ModelRequest = { ...api.read(path, JSON.parse(body)), body, path, headers };
      const hasShell = request.tools.some(({ name }) => shellTools.test(name));
      if (hasShell) model.asked.push(request);
      if (hasShell && !earlier.has(model.script)) earlier.set(model.script, request.results);
      request.results -= earlier.get(model.script) ?? 0;
      api.send(response, nextMove(request, model.script), request);
    }
  }
}

function nextMove({ tools, results }: ModelRequest, { commands, text }: FakeModel['script']): Move {
  const command = commands[results];
  const shell = tools.find(({ name }) => shellTools.test(name));
  if (shell === undefined || command === undefined) return { text };
  return { tool: shell.name, args: shellArguments(shell, command) };
}

// Each agent's shell has parameters of its own; the schema of the tool has their types.
function shellArguments({ schema }: ToolDefinition, command: string): Record<string, unknown> {
  const { properties = {}, required = [] } = schema;
  const values = required.map((name) => [name, properties[name]?.type === 'string' ? 'edits a file' : 1000]);
  const name = 'cmd' in properties ? 'cmd' : 'command';
  const value = properties[name]?.type === 'array' ? ['sh', '-c', command] : command;
  return { ...Object.fromEntries(values), [name]: value };
}
