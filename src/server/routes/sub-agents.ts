import * as v from 'valibot';
import { isUuid } from '../../lib/uuid.ts';
import { knownFields } from '../../plan42/fields.ts';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { SubAgent } from '../../plan42/turn-messages.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { conflict } from '../core/errors.ts';
import { addSubAgent, addTurnEvent, subAgentKey, withTurnEnd } from '../core/turn-messages.ts';
import type { TurnDeps } from '../core/turns.ts';
import { change, firstVersion, read, requireVersion } from '../core/versioned.ts';
import { mediumText, optionalFlag, optionalText, otherFields, parseBody, requiredText } from '../http/body.ts';
import { badRequest } from '../http/errors.ts';
import { pageBody, pageRequest, requiredIfMatch } from '../http/query.ts';
import { ok, type Route, route, tenantAndAgent } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { requireUnfinished, withDeleted } from './messages.ts';
import { readTurn, turnPath } from './turns.ts';

const CreateBody = knownFields({
  AgentType: v.picklist(['CodeReview', 'Custom', 'Main'], 'must be CodeReview, Custom or Main'),
  Name: requiredText,
  Prompt: v.nullish(mediumText),
  AutoExit: optionalFlag,
  Model: optionalText,
  ReasoningLevel: optionalText,
});
const UpdateBody = knownFields({
  Status: v.picklist(['Running', 'Waiting', 'Terminated'], 'must be Running, Waiting or Terminated'),
  CompletionMessage: v.nullish(mediumText),
});

const path = `${turnPath}/subagents` as const;

type SubAgentDeps = TurnDeps & { store: Pick<Store, 'turnEvents' | 'subAgents'> };

/** The calls about sub-agents: records of agents that an agent runs itself. The update is ours. */
export function subAgentRoutes(deps: SubAgentDeps): Route[] {
  const { store, clock } = deps;
  const { subAgents } = store;
  return [
    route('PUT', `${path}/:agentId`, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const body = parseBody(request, CreateBody);
      const turn = readTurn(deps, request.params, withDeleted(request));
      const key = subAgentKey(turn, requireSubAgentId(request.params.agentId));
      if (subAgents.find(key) === undefined)
        requireUnfinished(turn, 'gets no more sub-agents; create it in the next turn');
      const task = store.tasks.find(turn);
      const agent: SubAgent = {
        ...otherFields(request, subAgents, ['WorkstreamID']),
        ...key,
        WorkstreamId: turn.WorkstreamId,
        AgentType: body.AgentType,
        Name: body.Name,
        Prompt: body.Prompt || undefined,
        AutoExit: body.AutoExit ?? false,
        Model: body.Model || (task?.Model ?? undefined),
        ReasoningLevel: body.ReasoningLevel || turn.ReasoningLevel || task?.ReasoningLevel,
        Status: 'Running',
        ...firstVersion(clock),
      };
      return ok(store.transaction(() => addSubAgent(deps, agent)));
    }),

    route('GET', `${path}/:agentId`, { access: tenantAndAgent }, (request) => {
      const turn = readTurn(deps, request.params, withDeleted(request));
      const agent = read(subAgents, subAgentKey(turn, request.params.agentId));
      return ok(withTurnEnd(agent, isTerminalStatus(turn.Status), turn));
    }),

    route('GET', path, { access: tenantAndAgent }, (request) => {
      const turn = readTurn(deps, request.params, withDeleted(request));
      const { TenantId, TaskId, TurnIndex } = turn;
      const page = subAgents.list({ TenantId, TaskId, TurnIndex }, pageRequest(request.query, subAgents.order));
      const isFinished = isTerminalStatus(turn.Status);
      return ok(pageBody({ ...page, items: page.items.map((agent) => withTurnEnd(agent, isFinished, turn)) }));
    }),

    route('PATCH', `${path}/:agentId`, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const version = requiredIfMatch(request);
      const { Status, CompletionMessage } = parseBody(request, UpdateBody);
      const turn = readTurn(deps, request.params, withDeleted(request));
      const agent = read(subAgents, subAgentKey(turn, request.params.agentId));
      requireUnfinished(turn, 'its sub-agents have ended with it');
      requireVersion(subAgents, agent, version);
      if (agent.Status === 'Terminated')
        throw conflict('the sub-agent has ended; create another one', subAgents.type, agent);
      const others = otherFields(request, subAgents, ['CompletionMessage']);
      return store.transaction(() => {
        const changed = change(subAgents, agent, { ...others, Status }, clock);
        if (Status !== 'Running') {
          const completion = { StillRunning: Status === 'Waiting', CompletionMessage: CompletionMessage ?? '' };
          addTurnEvent(deps, turn, { event: 'SubAgentCompletion', data: { AgentID: agent.AgentID, ...completion } });
        }
        return ok(changed);
      });
    }),
  ];
}

/** @throws HttpError 400 */
function requireSubAgentId(id: string): string {
  if (isUuid(id) && id !== mainAgentId) return id;
  throw badRequest(`the ID of a sub-agent must be a UUID other than ${mainAgentId}, which is the main agent`);
}
