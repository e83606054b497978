/** The messages inside the encrypted payloads: what callers ask of a runner, and what it answers. */
import * as v from 'valibot';
import { knownFields } from './fields.ts';
import { Task } from './objects.ts';

const text = v.nullish(v.string());

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
      TaskId: v.unknown(),
      TurnIndex: v.unknown(),
      Version: v.unknown(),
      Status: v.unknown(),
    }),
  ),
  Environment: v.nullish(knownFields({ DockerImage: v.unknown() })),
  PrivateGithubConnectionID: text,
  AgentToken: text,
  FeedBack: v.nullish(v.unknown()),
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
