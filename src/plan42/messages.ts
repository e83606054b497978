/** The messages inside the encrypted payloads: what callers ask of a runner, and what it answers. */
import * as v from 'valibot';
import { knownFields } from './fields.ts';
import { Task } from './objects.ts';

const text = v.nullish(v.string());
const anything = v.optional(v.unknown());

export const Request = knownFields({ Type: v.string() });
export type Request = v.InferOutput<typeof Request>;

/**
 * The parts of an InvokeAgentRequest that the runner itself looks at. What a job can't start without (task ID,
 * turn index, image) is checked when it is accepted, since that has an answer for the caller.
 */
export const InvokeAgentRequest = knownFields({
  Type: v.literal('InvokeAgentRequest'),
  Task: v.nullish(Task),
  Turn: v.nullish(
    knownFields({
      TenantId: text,
      TaskId: anything,
      TurnIndex: anything,
      Version: anything,
      Status: anything,
    }),
  ),
  Environment: v.nullish(knownFields({ DockerImage: anything })),
  PrivateGithubConnectionID: text,
  AgentToken: text,
  FeedBack: anything,
});
export type InvokeAgentRequest = v.InferOutput<typeof InvokeAgentRequest>;

export interface PingResponse {
  Type: 'PingResponse';
}

export interface InvokeAgentResponse {
  Type: 'InvokeAgentResponse';
  ErrorMessage: string | null;
}

export type Response = PingResponse | InvokeAgentResponse;
