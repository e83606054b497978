import * as v from 'valibot';
import { knownFields } from '../../plan42/fields.ts';
import { mainAgentId } from '../../plan42/main-agent.ts';
import type { Turn } from '../../plan42/objects.ts';
import { type TurnMessage, turnMessageFields } from '../../plan42/turn-messages.ts';
import { isTerminalStatus } from '../../plan42/turn-status.ts';
import { DomainError } from '../core/errors.ts';
import { formatLimit, limits } from '../core/limits.ts';
import { requireFit } from '../core/quotas.ts';
import { isoTime } from '../core/time.ts';
import { addTurnEvent, findSent, isAgentOf, requireLiveAgents } from '../core/turn-messages.ts';
import type { TurnDeps } from '../core/turns.ts';
import { otherFields, parseBody, shortText } from '../http/body.ts';
import { badRequest, forbidden } from '../http/errors.ts';
import { pageBody, pageRequest, queryFlag, requireUuid } from '../http/query.ts';
import { type ApiRequest, ok, type Principal, type Route, route, tenantAndAgent } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { type StreamDeps, streamBatch, streamTurn } from './turn-streams.ts';
import { readTurn, turnPath } from './turns.ts';

const maxRecipients = 100;
const id = v.pipe(shortText, v.toLowerCase());
const MessageBody = knownFields({
  From: v.nullish(id),
  FromType: v.nullish(v.picklist(['Agent', 'Tenant'], 'must be Agent or Tenant')),
  To: v.nullish(v.pipe(v.array(id), v.maxLength(maxRecipients, `must have at most ${maxRecipients} entries`))),
  Message: v.pipe(
    v.string(),
    v.check((text) => text.trim() !== '', 'must not be blank'),
    v.maxBytes(limits.messageText.max, `is larger than ${formatLimit(limits.messageText)}; shorten it`),
  ),
});
type MessageBody = v.InferOutput<typeof MessageBody>;
const messageTable = { type: 'Message', fields: Object.keys(turnMessageFields) };

const path = `${turnPath}/messages` as const;
// A message is at most 64 KiB.
const eventBatch = 50;

type MessageDeps = TurnDeps & StreamDeps & { store: Pick<Store, 'turnEvents' | 'subAgents'> };

/** The calls by which people and the agents of a turn write to each other. */
export function messageRoutes(deps: MessageDeps): Route[] {
  const { store, clock } = deps;
  return [
    route('PUT', `${path}/:messageId`, { access: tenantAndAgent, afterTurn: true }, (request) => {
      const { messageId } = request.params;
      requireUuid(messageId);
      const body = parseBody(request, MessageBody);
      const turn = readTurn(deps, request.params, withDeleted(request));
      const sender = senderOf(deps, request.principal, turn, body);
      const message: TurnMessage = {
        ...otherFields(request, messageTable, ['From', 'FromType']),
        MessageID: messageId,
        ...sender,
        To: recipientsOf(deps, turn, body, sender),
        Message: body.Message,
        CreatedAt: isoTime(clock.date()),
      };
      return ok(
        store.transaction(() => {
          const sent = findSent(deps, turn, message);
          if (sent) return sent;
          requireUnfinished(turn, noReader);
          requireLiveAgents(deps, turn, message);
          // The text has a limit of its own.
          requireFit(messageTable, { ...message, Message: '' });
          const event = sender.FromAgentID === undefined ? 'UserMessage' : 'AgentMessage';
          addTurnEvent(deps, turn, { event, data: message });
          return message;
        }),
      );
    }),

    route('GET', path, { access: tenantAndAgent, waits: true, afterTurn: true }, (request) => {
      const turn = readTurn(deps, request.params, withDeleted(request));
      return streamTurn(deps, request, {
        what: 'the ID of an event of this stream',
        beforeFirst: 0,
        turn,
        event: 'turnEventAdded',
        read: (after) => store.turnEvents.after(turn, after, eventBatch, streamBatch.chars),
        positionOf: ({ Position }) => Position,
        eventOf: ({ Position, event, data }) => ({ event, data, id: Position }),
      });
    }),

    eventListRoute(deps),
  ];
}

/** The events of a turn until now, for clients that do not follow them. Other servers have no such call. */
function eventListRoute(deps: MessageDeps): Route {
  return route('GET', `${turnPath}/events`, { access: tenantAndAgent }, (request) => {
    const turn = readTurn(deps, request.params, withDeleted(request));
    const { maxResults, after } = pageRequest(request.query, { Position: 'number' });
    // One more, to know whether there is another page.
    const limit = Math.min(maxResults, eventBatch);
    const { turnEvents } = deps.store;
    const found = queryFlag(request.query, 'newestFirst')
      ? turnEvents.before(turn, Number(after?.[0] ?? Number.MAX_SAFE_INTEGER), limit + 1)
      : turnEvents.after(turn, Number(after?.[0] ?? 0), limit + 1);
    const items = found.slice(0, limit).map(({ event, data }) => ({ Event: event, Data: data }));
    const last = found[limit - 1];
    return ok(pageBody({ items, next: found.length > limit && last ? [last.Position] : undefined }));
  });
}

/** The agent of a deleted task may still be running. */
export function withDeleted({ principal, query }: Pick<ApiRequest, 'principal' | 'query'>): URLSearchParams {
  return principal.kind === 'agent' ? new URLSearchParams({ includeDeleted: 'true' }) : query;
}

const noReader = 'no agent reads messages any more; start the next turn with the text as its prompt';

/** @throws DomainError `turnFinished` with what follows from it, and the way out */
export function requireUnfinished(turn: Turn, consequence: string): void {
  if (!isTerminalStatus(turn.Status)) return;
  throw new DomainError('turnFinished', `the turn is finished, and ${consequence}`, { type: 'Turn', object: turn });
}

type Sender = Pick<TurnMessage, 'FromTenantID' | 'FromAgentID'>;

/** @throws HttpError 403 for another sender than the holder of the token; 400 for an agent that the turn does not have */
function senderOf(deps: MessageDeps, principal: Principal, turn: Turn, { From, FromType }: MessageBody): Sender {
  if (principal.kind === 'tenant') {
    if (FromType === 'Agent') throw forbidden('a message from an agent needs the token of its turn');
    if (From && From !== turn.TenantId) throw forbidden('the token is for another tenant than From');
    return { FromTenantID: turn.TenantId };
  }
  if (FromType === 'Tenant') throw forbidden('the token of an agent cannot send messages of a tenant');
  const agent = From || mainAgentId;
  if (!isAgentOf(deps, turn, agent)) throw badRequest(`From: ${unknownAgent}`);
  return { FromAgentID: agent };
}

const unknownAgent = `the turn has no such agent; its main agent is ${mainAgentId}, CreateSubAgent adds others`;

/** Without recipients, people write to the main agent, and agents to the tenant. @throws HttpError 400 */
function recipientsOf(deps: MessageDeps, turn: Turn, { To }: MessageBody, { FromAgentID }: Sender): string[] {
  if (!To || To.length === 0) return [FromAgentID === undefined ? mainAgentId : turn.TenantId];
  const unknown = To.find((id) => id !== turn.TenantId && !isAgentOf(deps, turn, id));
  if (unknown === undefined) return [...new Set(To)];
  throw badRequest(`To: "${unknown}" is neither the tenant nor an agent: ${unknownAgent}`);
}
