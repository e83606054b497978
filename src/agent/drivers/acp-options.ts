import {
  type ClientContext,
  methods,
  type NewSessionResponse,
  type SessionConfigOption,
} from '@agentclientprotocol/sdk';
import type { AcpLaunch } from '../adapters/adapter.ts';
import { AgentFailure } from './driver.ts';

interface Wanted {
  launch: AcpLaunch;
  model: string | undefined;
  reasoningLevel: string | undefined;
}

/** Selects the mode without permission requests, the model and the reasoning level, as far as the agent offers them. */
export async function selectOptions(
  context: ClientContext,
  { sessionId, modes, configOptions }: NewSessionResponse,
  { launch, model, reasoningLevel }: Wanted,
): Promise<void> {
  const modeId = launch.mode;
  if (modeId !== undefined && modes?.availableModes.some(({ id }) => id === modeId) && modes.currentModeId !== modeId) {
    await context.request(methods.agent.session.setMode, { sessionId, modeId });
  }
  let options = configOptions ?? [];
  const select = async (category: string, wanted: string): Promise<boolean> => {
    const option = options.find((option) => option.category === category && option.type === 'select');
    const value = option && findValue(option, wanted);
    if (option === undefined || value === undefined) return false;
    if (option.currentValue === value) return true;
    const params = { sessionId, configId: option.id, value };
    ({ configOptions: options } = await context.request(methods.agent.session.setConfigOption, params));
    return true;
  };
  if (model !== undefined && !(await select('model', model)) && !mentions(launch, model)) {
    throw new AgentFailure('model', `cannot select model ${model}: the agent does not offer it. ${offer(options)}`);
  }
  // The levels depend on the model. An agent without the level works with its own.
  if (reasoningLevel !== undefined) await select('thought_level', reasoningLevel);
}

function findValue(option: SessionConfigOption, wanted: string): string | undefined {
  const same = (text: string) => text.toLowerCase() === wanted.toLowerCase();
  return values(option).find(({ value, name }) => same(value) || same(name))?.value;
}

function values(option: SessionConfigOption): { value: string; name: string }[] {
  if (option.type !== 'select') return [];
  return option.options.flatMap((entry) => ('options' in entry ? entry.options : [entry]));
}

/** Whether the agent was started with the model. */
function mentions({ command, env, files }: AcpLaunch, model: string): boolean {
  return [...command, ...Object.values(env ?? {}), ...Object.values(files ?? {})].some((text) => text.includes(model));
}

function offer(options: readonly SessionConfigOption[]): string {
  const models = options.filter(({ category }) => category === 'model').flatMap(values);
  if (models.length === 0) return 'Remove the model from the task, or configure it in the image.';
  return `Choose one of: ${models.map(({ value }) => value).join(', ')}.`;
}
